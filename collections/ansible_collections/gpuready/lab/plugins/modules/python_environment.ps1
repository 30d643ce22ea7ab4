#!powershell

# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -PowerShell ..module_utils.windows.Json
#AnsibleRequires -PowerShell ..module_utils.windows.Programs
#AnsibleRequires -PowerShell ..module_utils.windows.Contents
#AnsibleRequires -PowerShell ..module_utils.windows.Damage
#AnsibleRequires -PowerShell ..module_utils.windows.Rights
#AnsibleRequires -PowerShell ..module_utils.windows.Home
#AnsibleRequires -PowerShell ..module_utils.windows.Environment
#AnsibleRequires -PowerShell ..module_utils.windows.Texts
#AnsibleRequires -PowerShell ..module_utils.windows.Kernels
#AnsibleRequires -PowerShell ..module_utils.windows.Archives
#AnsibleRequires -PowerShell ..module_utils.windows.Build

# The environment of a stack on a Windows PC: built beside any older one and marked last, or taken away.
# What the controller has is asked for by `needs` and `pip`; what uv says is handed on and read there.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$spec = @{
    options = @{
        state = @{ type = 'str'; choices = 'present', 'absent'; default = 'present' }
        home = @{ type = 'str'; default = 'C:\ProgramData\gpuready' }
        stack = @{ type = 'str' }
        lock = @{ type = 'str' }
        builders = @{ type = 'str'; default = '' }
        lock_sha256 = @{ type = 'str' }
        python = @{ type = 'str' }
        start = @{ type = 'str' }
        uv = @{ type = 'str' }
        uv_archive = @{ type = 'dict' }
        interpreter_archive = @{ type = 'dict' }
        vc_archive = @{ type = 'dict' }
        needs_vc_runtime = @{ type = 'bool'; default = $false }
        own_vc_runtime = @{ type = 'bool'; default = $false }
        runtime_files = @{ type = 'list'; elements = 'str'; default = @() }
        offered_wheels = @{ type = 'list'; elements = 'dict'; default = @() }
        uploaded = @{ type = 'dict'; default = @{} }
        ways = @{ type = 'list'; elements = 'dict' }
        go_on_after = @{ type = 'str' }
        foreign_variables = @{ type = 'list'; elements = 'str'; default = @() }
        certificates = @{ type = 'str' }
        time_limit = @{ type = 'int'; default = 1800 }
        lock_wait = @{ type = 'int'; default = 30 }
        keep_cache = @{ type = 'bool'; default = $false }
        check_hashes = @{ type = 'bool'; default = $false }
        words = @{ type = 'dict'; default = @{} }
    }
    required_if = @(, @('state', 'present', @('stack', 'lock', 'lock_sha256', 'python', 'go_on_after')))
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
    $file = Get-Archive $homePath $Kind $Archive $params.uploaded $params.time_limit
    if ($file -is [hashtable]) { Stop-ToAsk @($file.needs) }
    $file
}

function Stop-ToAsk($Files) {
    # Ends this try: the controller gives what is missing, and asks again.
    $module.Result.needs = @($Files)
    Stop-With 'NEEDS' ''
}

function Stop-WithoutUv([hashtable]$Why) {
    $next = 'give uv_archive (path or url, and sha256), or install uv for all users'
    Stop-With 'UV_MISSING' "there is no uv on this PC that runs; $next$($Why.reason)"
}

function Build-Environment([string]$Environment) {
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    $deadline = [DateTime]::UtcNow.AddSeconds($params.time_limit)
    # What is missing is asked for together, before anything else is done.
    $lacking = @(Find-Wheel $homePath $params.offered_wheels $params.uploaded)
    $why = @{ reason = '' }
    $uv = Find-Uv $homePath $params.uv $why
    $uvArchive = $null
    if (-not $uv) {
        if (-not $params.uv_archive) { Stop-WithoutUv $why }
        $uvArchive = Get-Archive $homePath 'uv' $params.uv_archive $params.uploaded $params.time_limit
        if ($uvArchive -is [hashtable]) { $lacking += $uvArchive.needs }
    }
    $interpreter, $pythonArchive = $null, $null
    if ($params.interpreter_archive) {
        $mark = "$(Get-Field $params.interpreter_archive 'sha256')".Substring(0, 12).ToLowerInvariant()
        $place = "$homePath\python\$($params.python)-$mark"
        $interpreter = Find-PythonIn $place
        if ($interpreter -and $null -eq (Get-PythonAnswer $interpreter)) { $interpreter = $null }
        if (-not $interpreter) {
            $source = $params.interpreter_archive
            $pythonArchive = Get-Archive $homePath 'interpreter' $source $params.uploaded $params.time_limit
            if ($pythonArchive -is [hashtable]) { $lacking += $pythonArchive.needs }
        }
    }
    if ($params.needs_vc_runtime -and -not $params.own_vc_runtime -and $params.vc_archive -and @(Get-LostRuntime '').Count) {
        $runtimeArchive = Get-Archive $homePath 'vc_runtime' $params.vc_archive $params.uploaded $params.time_limit
        if ($runtimeArchive -is [hashtable]) { $lacking += $runtimeArchive.needs }
    }
    if ($null -eq $params.ways) { $module.Result.pip = Get-PipSaid }
    if ($lacking.Count -or $null -eq $params.ways) { Stop-ToAsk $lacking }

    if (-not $uv) { $uv = Install-Uv $homePath $uvArchive }
    Add-Step 'uv' $watch
    $variables = Get-UvVariables $homePath $params.certificates $params.foreign_variables
    if ($pythonArchive) {
        $null = Remove-Whole $place
        $interpreter = Expand-Interpreter $homePath $pythonArchive $params.python $place
    } elseif (-not $interpreter) { $interpreter = Install-Interpreter $uv $variables $params.python (Get-Remaining $deadline) }
    Add-Step 'interpreter' $watch
    if ($params.needs_vc_runtime -and -not $params.own_vc_runtime) { Set-Runtime '' $watch }
    try {
        $null = Remove-Whole $Environment
        $venv = Format-Argument 'venv', '--no-project', '--python', $interpreter, $Environment
        $null = Invoke-Tool $uv $venv 'environment' (Get-Remaining $deadline) $variables
        Add-Step 'environment' $watch
        Install-Package $uv $variables $homePath $Environment $params $deadline
        Add-Step 'packages' $watch
        if ($params.needs_vc_runtime) { Set-Runtime $Environment $watch }
        $why = @{ reason = '' }
        $answer = Get-PythonAnswer "$Environment\Scripts\python.exe" $why
        if ($null -eq $answer) {
            Stop-With 'ENVIRONMENT_BROKEN' "${Environment}: its Python does not run after the building$($why.reason)"
        }
        $size = [long]0
        $folder = New-Object -TypeName System.IO.DirectoryInfo -ArgumentList $Environment
        foreach ($file in $folder.EnumerateFiles('*', 'AllDirectories')) { $size += $file.Length }
        $files = Get-ListText $Environment
        $null = Write-Whole "$Environment\gpuready.files" $files
        $marker = [ordered]@{
            stack = $params.stack; lock_sha256 = $params.lock_sha256; python = "$Environment\Scripts\python.exe"
            version = $answer.version; interpreter = $interpreter; distributions = @(Get-Distribution $Environment)
            size_bytes = $size; created_at = (Get-TimeText); complete = $true
            files_sha256 = Get-TextDigest $files
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

function Get-LostRuntime([string]$Environment) { Get-MissingRuntime $Environment $params.runtime_files }

function Stop-NoRuntime([string]$Environment) {
    $next = 'give vc_archive (vc_redist.x64.exe with its sha256), or install it on the PC'
    Stop-With 'VC_RUNTIME_MISSING' "the Visual C++ runtime is missing ($(@(Get-LostRuntime $Environment) -join ', ')); $next"
}

function Set-Runtime([string]$Environment, $Watch) {
    # The Visual C++ runtime: Windows' own, else the environment's (package msvc-runtime), else its installer.
    if (@(Get-LostRuntime $Environment).Count -eq 0) { return }
    if ($Environment -and (Use-OwnRuntime $Environment $params.runtime_files)) { Add-Step 'vc_runtime' $Watch; return }
    if (-not $params.vc_archive) { Stop-NoRuntime $Environment }
    $source = Get-Source 'vc_runtime' $params.vc_archive
    # Its name decides what Windows does with it.
    $installer = "$homePath\tmp\vc_redist.exe"
    [System.IO.File]::Copy($source, $installer, $true)
    if (Install-Runtime $installer $params.time_limit) { $null = $notes.Add('the Visual C++ runtime wants a restart of the PC') }
    if (@(Get-LostRuntime $Environment).Count) {
        $cause = 'the installer of the Visual C++ runtime ended well, and the runtime is still not there'
        Stop-With 'VC_RUNTIME_MISSING' "$cause; restart the PC and run again"
    }
    Add-Step 'vc_runtime' $Watch
}

function Invoke-Present {
    if ($params.certificates -and -not [System.IO.File]::Exists($params.certificates)) {
        Stop-With 'ARGUMENTS' "certificates: $($params.certificates) is not a file on this PC"
    }
    $environment = Get-EnvironmentPath $homePath $params.stack $params.lock_sha256
    $marker = Get-CompleteMarker $environment $params.lock_sha256 $params.python $params.check_hashes
    $runtime = -not $params.needs_vc_runtime -or @(Get-LostRuntime $environment).Count -eq 0
    $module.Result.changed = $null -eq $marker -or -not $runtime
    $module.Result.environment = @{
        path = $environment; python = "$environment\Scripts\python.exe"; lock_sha256 = $params.lock_sha256; built = $null -eq $marker
        start = Get-StartText $homePath $params.stack $params.start $params.words; size_bytes = Get-Field $marker 'size_bytes'
    }
    if (-not $module.Result.changed) { return }
    if ($module.CheckMode) {
        $why = @{ reason = '' }
        if ($null -eq $marker -and -not $params.uv_archive -and -not (Find-Uv $homePath $params.uv $why)) { Stop-WithoutUv $why }
        if (-not $runtime -and -not $params.vc_archive -and -not $params.own_vc_runtime) { Stop-NoRuntime $environment }
        return
    }
    Initialize-Home $homePath
    $lock = Enter-Home $homePath $params.lock_wait
    try {
        Clear-Leftover $homePath
        # Another run may have built it.
        $marker = Get-CompleteMarker $environment $params.lock_sha256 $params.python $params.check_hashes
        if ($null -eq $marker) {
            try { Build-Environment $environment }
            catch {
                # What was fetched and sent is of no use while the rest has no room.
                $trouble = ConvertTo-Trouble $_
                if ($trouble.code -eq 'DISK_FULL' -or $trouble.details -match 'os error (112|39)\b') {
                    foreach ($name in 'cache', 'wheelhouse', 'downloads', 'tmp') { $null = Remove-Whole "$homePath\$name" }
                }
                throw
            }
        }
        elseif ($params.needs_vc_runtime) { Set-Runtime $environment ([System.Diagnostics.Stopwatch]::StartNew()) }
        $module.Result.environment.size_bytes = Get-Field (Read-Json "$environment\gpuready.json") 'size_bytes'
    } finally { Exit-Home $homePath $lock }
}

function Invoke-Absent {
    if (-not [System.IO.Directory]::Exists($homePath)) { return }
    $stack = $params.stack
    $names = @("current\$stack.json", "passes\$stack.json", "passes\$stack.trying", "bin\$stack.cmd", "jupyter\kernels\gpuready-$stack")
    if (-not $stack) {
        $names = 'environments', 'current', 'passes', 'bin', 'python', 'downloads', 'wheelhouse', 'cache', 'tmp', 'uv.exe', '.new-uv.exe'
        $names += 'jobs', 'jupyter', 'README.txt'
    }
    $paths = @(if ($stack) { Get-StackEnvironment $homePath $stack }) + @($names | ForEach-Object { "$homePath\$_" })
    $present = @($paths | Where-Object { [System.IO.File]::Exists($_) -or [System.IO.Directory]::Exists($_) })
    $module.Result.changed = $present.Count -gt 0
    if ($module.CheckMode) { return }
    $lock = Enter-Home $homePath $params.lock_wait
    try {
        foreach ($path in $present) {
            $watch = [System.Diagnostics.Stopwatch]::StartNew()
            $null = Remove-Whole $path
            Add-Step "removed $([System.IO.Path]::GetFileName($path))" $watch
        }
        Remove-Kernel $homePath
        if ($stack) {
            $note = Get-NoteText (Get-Pointer $homePath) $params.words (Get-Guest $homePath)
            if ($null -eq $note) { $null = Remove-Whole "$homePath\README.txt" }
            else { $null = Write-Whole "$homePath\README.txt" $note }
        }
    } finally { Exit-Home $homePath $lock }
    if (-not $stack) {
        [System.IO.File]::Delete("$homePath\.lock")
        if ([System.IO.Directory]::GetFileSystemEntries($homePath).Length -eq 0) { [System.IO.Directory]::Delete($homePath) }
    }
}

$module.Result.changed = $false
$module.Result.home = $homePath
$module.Result.steps = $steps
$module.Result.notes = $notes
Exit-Module $module {
    $fault = Get-HomeFault $homePath
    if ($fault) { Stop-With 'HOME_NOT_OURS' $fault }
    try { if ($params.state -eq 'present') { Invoke-Present } else { Invoke-Absent } }
    catch {
        if ((ConvertTo-Trouble $_).code -ne 'NEEDS') { throw }
        $module.Result.changed = $false
    }
}
