#!powershell

# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -PowerShell ..module_utils.windows.Json
#AnsibleRequires -PowerShell ..module_utils.windows.Programs
#AnsibleRequires -PowerShell ..module_utils.windows.Home
#AnsibleRequires -PowerShell ..module_utils.windows.Archives
#AnsibleRequires -PowerShell ..module_utils.windows.Build
#AnsibleRequires -PowerShell ..module_utils.windows.State

# The environment of a stack on a Windows PC: built beside any older one, marked last, switched to only when it has trained.
# What the controller has is asked for by `needs`; what uv says is handed on and read there.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$spec = @{
    options = @{
        state = @{ type = 'str'; choices = 'present', 'current', 'unproven', 'absent'; default = 'present' }
        home = @{ type = 'str'; default = 'C:\ProgramData\gpuready' }
        stack = @{ type = 'str' }
        lock = @{ type = 'str' }
        lock_sha256 = @{ type = 'str' }
        python = @{ type = 'str' }
        start = @{ type = 'str' }
        uv = @{ type = 'str' }
        uv_archive = @{ type = 'dict' }
        interpreter_archive = @{ type = 'dict' }
        vc_archive = @{ type = 'dict' }
        needs_vc_runtime = @{ type = 'bool'; default = $false }
        wheelhouse = @{ type = 'str' }
        offered_wheels = @{ type = 'list'; elements = 'dict'; default = @() }
        uploaded = @{ type = 'dict'; default = @{} }
        index_url = @{ type = 'str' }
        extra_index_urls = @{ type = 'list'; elements = 'str'; default = @() }
        stack_index_urls = @{ type = 'list'; elements = 'str'; default = @() }
        find_links = @{ type = 'list'; elements = 'str'; default = @() }
        no_index = @{ type = 'bool'; default = $false }
        certificates = @{ type = 'str' }
        time_limit = @{ type = 'int'; default = 1800 }
        lock_wait = @{ type = 'int'; default = 30 }
        keep_old = @{ type = 'int'; default = 1 }
        keep_cache = @{ type = 'bool'; default = $false }
        visible_devices = @{ type = 'str' }
        pass_record = @{ type = 'dict'; no_log = $false }
        verified = @{ type = 'bool'; default = $false }
    }
    required_if = @(
        , @('state', 'present', @('stack', 'lock', 'lock_sha256', 'python'))
        , @('state', 'current', @('stack', 'lock_sha256'))
        , @('state', 'unproven', @('stack'))
    )
    supports_check_mode = $true
}
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)
$params = $module.Params
$homePath = $params.home.TrimEnd('\')
$steps = New-Object -TypeName System.Collections.ArrayList
$notes = New-Object -TypeName System.Collections.ArrayList

function Add-Step([string]$Name, $Watch) {
    $null = $steps.Add(@{ name = $Name; seconds = [Math]::Round($Watch.Elapsed.TotalSeconds, 2) })
    $Watch.Restart()
}

function Get-Source([string]$Kind, $Archive) {
    $found = Get-Archive $homePath $Kind $Archive $params.uploaded $params.time_limit
    if ($found -is [hashtable]) { $script:lacking = @($found.needs); Stop-With 'NEEDS' '' }
    $found
}

function Build-Environment([string]$Environment) {
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    $deadline = [DateTime]::UtcNow.AddSeconds($params.time_limit)
    # What is missing is asked for together, before anything else is done.
    $lacking = @(Find-Wheel $homePath $params.offered_wheels $params.uploaded)
    $uv = Find-Uv $homePath $params.uv
    $uvArchive = $null
    if (-not $uv) {
        if (-not $params.uv_archive) { Stop-With 'UV_MISSING' 'there is no uv on this PC; give uv_archive (path or url, and sha256), or install uv for all users' }
        $uvArchive = Get-Archive $homePath 'uv' $params.uv_archive $params.uploaded $params.time_limit
        if ($uvArchive -is [hashtable]) { $lacking += $uvArchive.needs }
    }
    $python, $pythonArchive = $null, $null
    if ($params.interpreter_archive) {
        $place = "$homePath\python\$($params.python)-$("$(Get-Field $params.interpreter_archive 'sha256')".Substring(0, 12).ToLowerInvariant())"
        $python = Find-PythonIn $place
        if ($python -and $null -eq (Get-PythonAnswer $python)) { $python = $null }
        if (-not $python) {
            $pythonArchive = Get-Archive $homePath 'interpreter' $params.interpreter_archive $params.uploaded $params.time_limit
            if ($pythonArchive -is [hashtable]) { $lacking += $pythonArchive.needs }
        }
    }
    if ($lacking.Count) { $script:lacking = $lacking; Stop-With 'NEEDS' '' }

    if (-not $uv) { $uv = Install-Uv $homePath $uvArchive }
    Add-Step 'uv' $watch
    $variables = Get-UvVariables $homePath $params.certificates
    if ($pythonArchive) {
        $null = Remove-Whole $place
        $python = Expand-Interpreter $homePath $pythonArchive $params.python $place
    } elseif (-not $python) { $python = Install-Interpreter $uv $variables $params.python (Get-Remaining $deadline) }
    Add-Step 'interpreter' $watch
    if ($params.needs_vc_runtime -and -not (Test-OwnRuntime)) { Set-Runtime '' $watch }
    try {
        $null = Remove-Whole $Environment
        $null = Invoke-Tool $uv (Format-Argument 'venv', '--no-project', '--python', $python, $Environment) 'environment' (Get-Remaining $deadline) $variables
        Add-Step 'environment' $watch
        Install-Package $uv $variables $homePath $Environment $params $deadline
        Add-Step 'packages' $watch
        if ($params.needs_vc_runtime) { Set-Runtime $Environment $watch }
        $answer = Get-PythonAnswer "$Environment\Scripts\python.exe"
        if ($null -eq $answer) { Stop-With 'ENVIRONMENT_BROKEN' "${Environment}: its Python does not run after the building" }
        $size = [long]0
        foreach ($file in (New-Object -TypeName System.IO.DirectoryInfo -ArgumentList $Environment).EnumerateFiles('*', 'AllDirectories')) { $size += $file.Length }
        $marker = [ordered]@{
            stack = $params.stack; lock_sha256 = $params.lock_sha256; python = "$Environment\Scripts\python.exe"; version = $answer.version
            interpreter = $python; distributions = @(Get-Distribution $Environment); size_bytes = $size; created_at = (Get-TimeText); complete = $true
        }
        $null = Write-Whole "$Environment\gpuready.json" (Format-Json $marker)
        Add-Step 'mark' $watch
    } catch {
        $failure = $_
        try { $null = Remove-Whole $Environment } catch { $null = $notes.Add("$Environment could not be removed; the next run does it") }
        throw $failure
    }
    foreach ($name in 'tmp', 'downloads', 'wheelhouse') { $null = Remove-Whole "$homePath\$name" }
    if (-not $params.keep_cache) { $null = Remove-Whole "$homePath\cache" }
}

function Test-OwnRuntime { $params.lock -match '(?mi)^msvc[-_.]runtime\s*==' }

function Stop-NoRuntime([string]$Environment) {
    Stop-With 'VC_RUNTIME_MISSING' "the Visual C++ runtime is missing ($(@(Get-MissingRuntime $Environment) -join ', ')); give vc_archive (vc_redist.x64.exe with its sha256), or install it on the PC"
}

function Set-Runtime([string]$Environment, $Watch) {
    # The Visual C++ runtime: Windows' own, else the environment's (package msvc-runtime), else its installer.
    if (@(Get-MissingRuntime $Environment).Count -eq 0) { return }
    if ($Environment -and (Use-OwnRuntime $Environment)) { Add-Step 'vc_runtime' $Watch; return }
    if (-not $params.vc_archive) { Stop-NoRuntime $Environment }
    $source = Get-Source 'vc_runtime' $params.vc_archive
    # Its name decides what Windows does with it.
    $installer = "$homePath\tmp\vc_redist.exe"
    [System.IO.File]::Copy($source, $installer, $true)
    if (Install-Runtime $installer $params.time_limit) { $null = $notes.Add('the Visual C++ runtime wants a restart of the PC') }
    if (@(Get-MissingRuntime $Environment).Count) { Stop-With 'VC_RUNTIME_MISSING' 'the installer of the Visual C++ runtime ended well, and the runtime is still not there; restart the PC and run again' }
    Add-Step 'vc_runtime' $Watch
}

function Invoke-Present {
    $environment = Get-EnvironmentPath $homePath $params.stack $params.lock_sha256
    $marker = Get-CompleteMarker $environment $params.lock_sha256 $params.python
    $runtime = -not $params.needs_vc_runtime -or @(Get-MissingRuntime $environment).Count -eq 0
    $module.Result.changed = $null -eq $marker -or -not $runtime
    $module.Result.environment = @{
        path = $environment; python = "$environment\Scripts\python.exe"; lock_sha256 = $params.lock_sha256; built = $null -eq $marker
        start = Get-StartText $homePath $params.stack $params.start; size_bytes = Get-Field $marker 'size_bytes'
    }
    if (-not $module.Result.changed) { return }
    if ($module.CheckMode) {
        if ($null -eq $marker -and -not $params.uv_archive -and -not (Find-Uv $homePath $params.uv)) { Stop-With 'UV_MISSING' 'there is no uv on this PC; give uv_archive (path or url, and sha256), or install uv for all users' }
        if (-not $runtime -and -not $params.vc_archive -and -not (Test-OwnRuntime)) { Stop-NoRuntime $environment }
        return
    }
    Initialize-Home $homePath
    $lock = Enter-Home $homePath $params.lock_wait
    try {
        Clear-Leftover $homePath
        $marker = Get-CompleteMarker $environment $params.lock_sha256 $params.python   # another run may have built it
        if ($null -eq $marker) {
            try { Build-Environment $environment }
            catch {
                # What was fetched and sent is of no use while the rest has no room.
                $trouble = ConvertTo-Trouble $_
                if ($trouble.code -eq 'DISK_FULL' -or $trouble.details -match 'os error (112|39)\b') { foreach ($name in 'cache', 'wheelhouse', 'downloads', 'tmp') { $null = Remove-Whole "$homePath\$name" } }
                throw
            }
        }
        elseif ($params.needs_vc_runtime) { Set-Runtime $environment ([System.Diagnostics.Stopwatch]::StartNew()) }
        $module.Result.environment.size_bytes = Get-Field (Read-Json "$environment\gpuready.json") 'size_bytes'
    } finally { Exit-Home $homePath $lock }
}

function Invoke-Current {
    $stack = $params.stack
    $environment = Get-EnvironmentPath $homePath $stack $params.lock_sha256
    $name = [System.IO.Path]::GetFileName($environment)
    if (-not $params.verified) { Stop-With 'NOT_VERIFIED' "$name has not trained on this PC: it does not become the current one" }
    $marker = Get-CompleteMarker $environment $params.lock_sha256 $params.python
    if ($null -eq $marker) { Stop-With 'ENVIRONMENT_BROKEN' "$environment is not complete; build it again (state present)" }
    $known = Read-Json "$homePath\current\$stack.json"
    $text = $params.start
    if (-not $text) { $text = Get-Field $known 'start' }
    $visible = $params.visible_devices
    if ($null -eq $visible) { $visible = "$(Get-Field $known 'visible_devices')" }
    $pointer = [ordered]@{
        stack = $stack; environment = $environment; lock_sha256 = $params.lock_sha256; python = "$environment\Scripts\python.exe"
        start = Get-StartText $homePath $stack $text; visible_devices = $visible
    }
    $same = $null -ne $known
    foreach ($key in $pointer.Keys) { if ("$(Get-Field $known $key)" -cne $pointer[$key]) { $same = $false } }
    $files = @{ "$homePath\bin\$stack.cmd" = Get-LauncherText $stack $environment $visible }
    if ($params.pass_record -and -not (Test-SamePass (Read-Json "$homePath\passes\$stack.json") $params.pass_record)) { $files["$homePath\passes\$stack.json"] = Format-Json $params.pass_record }
    $pointers = Get-Pointer $homePath
    $pointers[$stack] = $pointer
    $files["$homePath\README.txt"] = Get-NoteText $pointers
    if (-not $same) {
        $written = [ordered]@{} + $pointer
        $written.switched_at = Get-TimeText
        $files["$homePath\current\$stack.json"] = Format-Json $written
    }
    $old = @(Get-Surplus $homePath $stack $environment $params.keep_old)
    $todo = @($files.Keys | Where-Object { -not (Test-Text $_ $files[$_]) } | Sort-Object -Property { $_ -like '*\current\*' })   # the pointer last
    $module.Result.changed = $todo.Count -gt 0 -or $old.Count -gt 0
    $module.Result.switched = -not $same
    $module.Result.environment = @{
        path = $environment; python = $pointer.python; lock_sha256 = $params.lock_sha256; built = $false; start = $pointer.start
        size_bytes = Get-Field $marker 'size_bytes'
    }
    if ($module.CheckMode -or -not $module.Result.changed) { return }
    $lock = Enter-Home $homePath $params.lock_wait
    try {
        foreach ($path in $todo) { $null = Write-Whole $path $files[$path] }
        foreach ($path in $old) {
            $watch = [System.Diagnostics.Stopwatch]::StartNew()
            # A student may still work with it: then it goes another day.
            try { $null = Remove-Whole $path; Add-Step "removed $([System.IO.Path]::GetFileName($path))" $watch } catch { $null = $notes.Add("$path is in use and was left; a later run removes it") }
        }
    } finally { Exit-Home $homePath $lock }
}

function Invoke-Unproven {
    # The stack no longer trains here: its pass goes, what students start stays.
    $path = "$homePath\passes\$($params.stack).json"
    $module.Result.changed = [System.IO.File]::Exists($path)
    if ($module.CheckMode -or -not $module.Result.changed) { return }
    $lock = Enter-Home $homePath $params.lock_wait
    try { $null = Remove-Whole $path } finally { Exit-Home $homePath $lock }
}

function Invoke-Absent {
    if (-not [System.IO.Directory]::Exists($homePath)) { return }
    $stack = $params.stack
    if ($stack) { $paths = @(Get-StackEnvironment $homePath $stack) + @("$homePath\current\$stack.json", "$homePath\passes\$stack.json", "$homePath\bin\$stack.cmd") }
    else { $paths = @('environments', 'current', 'passes', 'bin', 'python', 'downloads', 'wheelhouse', 'cache', 'tmp', 'uv.exe', '.new-uv.exe', 'README.txt' | ForEach-Object { "$homePath\$_" }) }
    $found = @($paths | Where-Object { [System.IO.File]::Exists($_) -or [System.IO.Directory]::Exists($_) })
    $module.Result.changed = $found.Count -gt 0
    if ($module.CheckMode) { return }
    $lock = Enter-Home $homePath $params.lock_wait
    try {
        foreach ($path in $found) {
            $watch = [System.Diagnostics.Stopwatch]::StartNew()
            $null = Remove-Whole $path
            Add-Step "removed $([System.IO.Path]::GetFileName($path))" $watch
        }
        if ($stack) {
            $note = Get-NoteText (Get-Pointer $homePath)
            if ($null -eq $note) { $null = Remove-Whole "$homePath\README.txt" } else { $null = Write-Whole "$homePath\README.txt" $note }
        }
    } finally { Exit-Home $homePath $lock }
    if (-not $stack) {
        [System.IO.File]::Delete("$homePath\.lock")
        if ([System.IO.Directory]::GetFileSystemEntries($homePath).Length -eq 0) { [System.IO.Directory]::Delete($homePath) }
    }
}

$script:lacking = @()
$module.Result.changed = $false
$module.Result.home = $homePath
$module.Result.steps = $steps
$module.Result.notes = $notes
try {
    Assert-Arguments $homePath $params
    switch ($params.state) { 'present' { Invoke-Present } 'current' { Invoke-Current } 'unproven' { Invoke-Unproven } 'absent' { Invoke-Absent } }
} catch {
    $trouble = ConvertTo-Trouble $_
    $module.Result.changed = $false
    if ($trouble.code -eq 'NEEDS') {
        $module.Result.needs = @($script:lacking)
        $module.ExitJson()
    }
    foreach ($name in 'code', 'phase') { $module.Result[$name] = $trouble[$name] }
    $module.Result.program_rc = $trouble.rc
    $module.Result.details = @("$($trouble.details)" -split "`r?`n" | Where-Object { $_ })
    $module.FailJson($trouble.message)
}
$module.ExitJson()
