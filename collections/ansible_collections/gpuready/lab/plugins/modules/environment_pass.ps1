#!powershell

# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -PowerShell ..module_utils.windows.Json
#AnsibleRequires -PowerShell ..module_utils.windows.Programs
#AnsibleRequires -PowerShell ..module_utils.windows.Contents
#AnsibleRequires -PowerShell ..module_utils.windows.Damage
#AnsibleRequires -PowerShell ..module_utils.windows.Rights
#AnsibleRequires -PowerShell ..module_utils.windows.Home
#AnsibleRequires -PowerShell ..module_utils.windows.Jobs
#AnsibleRequires -PowerShell ..module_utils.windows.Environment
#AnsibleRequires -PowerShell ..module_utils.windows.Texts
#AnsibleRequires -PowerShell ..module_utils.windows.Kernels

# What has trained becomes what students start, with what its pass is bound to; or the pass is taken back.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$spec = @{
    options = @{
        state = @{ type = 'str'; choices = 'current', 'trying', 'unproven'; required = $true }
        home = @{ type = 'str'; default = 'C:\ProgramData\gpuready' }
        stack = @{ type = 'str'; required = $true }
        lock_sha256 = @{ type = 'str' }
        start = @{ type = 'str' }
        launcher_variable = @{ type = 'str' }
        display_name = @{ type = 'str' }
        pass_record = @{ type = 'dict'; no_log = $false }
        keep_old = @{ type = 'int'; default = 1 }
        lock_wait = @{ type = 'int'; default = 30 }
        words = @{ type = 'dict'; default = @{} }
        job = @{ type = 'str'; choices = 'building', 'importing', 'exporting', 'training' }
    }
    required_if = @(, @('state', 'current', @('lock_sha256')))
    supports_check_mode = $true
}
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)
$params = $module.Params
$homePath = $params.home.TrimEnd('\')
$stack = $params.stack
$pass, $tried = "$homePath\passes\$stack.json", "$homePath\passes\$stack.trying"
$steps = New-Object -TypeName System.Collections.ArrayList
$notes = New-Object -TypeName System.Collections.ArrayList

function Get-Surplus([string]$Keep) {
    # Half removed and incomplete environments, and complete ones beyond the newest that are kept besides the current one.
    [System.IO.Directory]::GetDirectories("$homePath\environments", '.removing-*')   # what was in use when it should go
    $old = @(foreach ($path in @(Get-StackEnvironment $homePath $stack)) {
        if ($path -eq $Keep) { continue }
        $marker = Read-Json "$path\gpuready.json"
        $at = "$(Get-Field $marker 'created_at')"
        New-Object -TypeName PSObject -Property @{ path = $path; complete = (Test-Complete $marker); at = $at }
    })
    $old | Where-Object { -not $_.complete } | ForEach-Object { $_.path }
    $whole = @($old | Where-Object { $_.complete } | Sort-Object -Property at, path -Descending)
    $whole | Select-Object -Skip $params.keep_old | ForEach-Object { $_.path }
}

function Get-NewFile($Pointer, [bool]$Same) {
    # path -> text of what must stand there.
    $words, $record = $params.words, $params.pass_record
    $files = @{ "$homePath\bin\$stack.cmd" = Get-LauncherText $stack $Pointer.environment $Pointer.launcher_variable $words }
    $known = "$(Get-Field (Read-Json $(if ([System.IO.File]::Exists($tried)) { $tried } else { $pass })) 'digest')"
    if ($record -and $known -cne "$(Get-Field $record 'digest')") { $files[$pass] = Format-Json $record }
    $pointers = Get-Pointer $homePath
    $pointers[$stack] = $Pointer
    $files["$homePath\README.txt"] = Get-NoteText $pointers $words (Get-Guest $homePath)
    if (-not $Same) {
        $written = [ordered]@{} + $Pointer
        $written.switched_at = Get-TimeText
        $files["$homePath\current\$stack.json"] = Format-Json $written
    }
    $files
}

function Invoke-Current {
    $environment = Get-EnvironmentPath $homePath $stack $params.lock_sha256
    $marker = Get-CompleteMarker $environment $params.lock_sha256 '' $false
    if ($null -eq $marker) { Stop-With 'ENVIRONMENT_BROKEN' "$environment is not complete; build it again (state present)" }
    $known = Read-Json "$homePath\current\$stack.json"
    $text, $visible = $params.start, $params.launcher_variable
    if (-not $text) { $text = Get-Field $known 'start' }
    if ($null -eq $visible) { $visible = "$(Get-Field $known 'launcher_variable')" }
    $pointer = [ordered]@{
        stack = $stack; environment = $environment; lock_sha256 = $params.lock_sha256; python = "$environment\Scripts\python.exe"
        start = Get-StartText $homePath $stack $text $params.words; launcher_variable = $visible
    }
    $same = $null -ne $known
    foreach ($key in $pointer.Keys) { if ("$(Get-Field $known $key)" -cne $pointer[$key]) { $same = $false } }
    $files = Get-NewFile $pointer $same
    $kernel, $name = "$homePath\jupyter\kernels\gpuready-$stack", $null
    if (Test-Kernel $marker) {
        $name = $params.display_name
        if (-not $name) { $name = Get-Field (Read-Json "$kernel\kernel.json") 'display_name' }
        if (-not $name) { $name = Format-Words $params.words['kernel_name'] @{ stack = $stack } }
        $files["$kernel\kernel.json"] = Get-KernelText $pointer $name $params.words
    }
    # Of an environment that had one.
    $unshown = -not $name -and [System.IO.Directory]::Exists($kernel)
    $unseen = $name -and -not (Test-Shown $homePath)
    $old = @(Get-Surplus $environment)
    # The pointer last.
    $todo = @($files.Keys | Where-Object { -not (Test-Text $_ $files[$_]) } | Sort-Object -Property { $_ -like '*\current\*' })
    $module.Result.changed = $todo.Count -gt 0 -or $old.Count -gt 0 -or $unshown -or $unseen
    $module.Result.switched = -not $same
    $module.Result.environment = @{
        path = $environment; python = $pointer.python; lock_sha256 = $params.lock_sha256; built = $false; start = $pointer.start
        size_bytes = Get-Field $marker 'size_bytes'; kernel = $name
    }
    $givenBack = [System.IO.File]::Exists($tried)
    if ($module.CheckMode -or -not ($module.Result.changed -or $givenBack)) { return }
    $lock = Enter-Home $homePath $params.lock_wait
    try {
        foreach ($path in $todo) { $null = Write-Whole $path $files[$path] }
        if ($unseen) { Set-Shown $homePath $true }
        if ($unshown) {
            $null = Remove-Whole $kernel
            Remove-Kernel $homePath
        }
        # With the numbers and the time of this training: no change that anybody sees.
        if ($givenBack -and $params.pass_record) { $null = Write-Whole $pass (Format-Json $params.pass_record) }
        if ($givenBack) { $null = Remove-Whole $tried }
        foreach ($path in $old) {
            $watch = [System.Diagnostics.Stopwatch]::StartNew()
            # A student may still work with it: then it goes another day.
            try {
                $null = Remove-Whole $path
                $name = [System.IO.Path]::GetFileName($path)
                $null = $steps.Add(@{ name = "removed $name"; seconds = [Math]::Round($watch.Elapsed.TotalSeconds, 2) })
            } catch { $null = $notes.Add("$path is in use and was left; a later run removes it") }
        }
    } finally { Exit-Home $homePath $lock }
}

function Invoke-Unproven {
    # The stack does not train here: its pass goes, what students start stays. Why it failed is kept in the pass's place.
    $record = $params.pass_record
    $gone = @($pass, $tried | Where-Object { [System.IO.File]::Exists($_) })
    $module.Result.changed = $gone.Count -gt 0
    if ($record) {
        $same = "$(Get-Field (Read-Json $pass) 'digest')" -ceq "$(Get-Field $record 'digest')"
        $gone = @($gone | Where-Object { $_ -eq $tried })
        $module.Result.changed = $gone.Count -gt 0 -or -not $same
    }
    if ($module.CheckMode -or -not ($module.Result.changed -or $record)) { return }
    $lock = Enter-Home $homePath $params.lock_wait
    try {
        # With the numbers and the time of this training: no change that anybody sees.
        if ($record) { $null = Write-Whole $pass (Format-Json $record) }
        foreach ($path in $gone) { $null = Remove-Whole $path }
    } finally { Exit-Home $homePath $lock }
}

function Invoke-Trying {
    # A training is about to begin: one that brings the PC down leaves no pass.
    $module.Result.changed = [System.IO.File]::Exists($pass)
    if (-not $module.CheckMode) { $null = Move-PassAside $homePath $stack $params.lock_wait }
}

$module.Result.changed = $false
$module.Result.home = $homePath
$module.Result.steps = $steps
$module.Result.notes = $notes
Exit-Module $module {
    $fault = Get-HomeFault $homePath
    if ($fault) { Stop-With 'HOME_NOT_OURS' $fault }
    switch ($params.state) { 'current' { Invoke-Current } 'trying' { Invoke-Trying } 'unproven' { Invoke-Unproven } }
    # What it gave is kept: nobody needs to collect it again.
    if ($params.job -and -not $module.CheckMode) { Remove-Job $homePath $params.job }
}
