# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

# uv, the interpreter, the packages and the Visual C++ runtime on a Windows PC.
# Windows PowerShell 5.1; needs Home, Archives and Programs.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$script:RuntimeFiles = 'vcruntime140.dll', 'vcruntime140_1.dll', 'msvcp140.dll'
$script:Foreign = 'VIRTUAL_ENV', 'CONDA_PREFIX', 'PYTHONHOME', 'PYTHONPATH', 'UV_PYTHON', 'UV_SYSTEM_PYTHON', 'UV_CONSTRAINT', 'UV_OVERRIDE', 'UV_EXCLUDE_NEWER', 'UV_OFFLINE', 'UV_TARGET', 'UV_PREFIX'

function Invoke-Tool([string]$Path, [string]$Arguments, [string]$Phase, [double]$Limit, [hashtable]$Variables = @{}) {
    # A program to its end, or to the limit, with its children; its stdout. Fails with the last lines that it wrote.
    $run = Start-Program $Path $Arguments $Variables
    if ($run.problem) { Stop-With 'UV_FAILED' "$Path cannot be started: $($run.problem)" $Phase }
    $result = Receive-Program $run ([int][Math]::Max(1, $Limit))
    if ($result.ContainsKey('__error')) { Stop-With 'ENVIRONMENT_TIME_LIMIT' "${Phase}: not done after $([int]$Limit) seconds, and stopped" $Phase }
    if ($result.rc -ne 0) {
        $lines = @("$($result.stdout)`n$($result.stderr)".Trim() -split "`r?`n")
        Stop-With 'UV_FAILED' "$Phase ended with $($result.rc)" $Phase $result.rc (($lines | Select-Object -Last 40) -join "`n")
    }
    $result.stdout
}

function Format-Argument([string[]]$Arguments) {
    # As CommandLineToArgvW reads them; our arguments hold no quotes, and end with no backslash where they are quoted.
    ($Arguments | ForEach-Object { if ($_ -match '[\s&|<>^]' -or $_ -eq '') { '"' + $_.TrimEnd('\') + '"' } else { $_ } }) -join ' '
}

function Get-UvVersion([string]$Path) {
    try { $text = Invoke-Tool $Path '--version' 'uv' 60 } catch { return $null }
    if ($text -match '^uv (\d+\.\d+\.\d+)') { [version]$Matches[1] }
}

function Find-Uv([string]$HomePath, [string]$Given) {
    # A uv that is there, runs and is new enough: the given one, ours, or one on the PATH.
    $least = [version]'0.5.0'
    if ($Given) {
        $version = $null
        if ([System.IO.File]::Exists($Given)) { $version = Get-UvVersion $Given }
        if ($null -eq $version -or $version -lt $least) { Stop-With 'UV_MISSING' "${Given}: this is no uv that runs here (0.5 or later); correct the variable uv" }
        return $Given
    }
    foreach ($candidate in @("$HomePath\uv.exe") + @(Find-OnPath 'uv.exe')) {
        if (-not [System.IO.File]::Exists($candidate)) { continue }
        $version = Get-UvVersion $candidate
        if ($null -ne $version -and $version -ge $least) { return $candidate }
    }
}

function Install-Uv([string]$HomePath, [string]$Archive) {
    $folder = Expand-File $Archive "$HomePath\tmp\uv-archive"
    $found = @([System.IO.Directory]::GetFiles($folder, 'uv.exe', 'AllDirectories') | Sort-Object)
    if ($found.Count -eq 0) { Stop-With 'ARCHIVE_UNREADABLE' "$([System.IO.Path]::GetFileName($Archive)): there is no uv.exe in it" }
    if ($null -eq (Get-UvVersion $found[0])) { Stop-With 'UV_MISSING' 'the uv that was given does not run on this PC; give a uv_archive for Windows and its processor' }
    $new = "$HomePath\.new-uv.exe"
    [System.IO.File]::Copy($found[0], $new, $true)
    if ([System.IO.File]::Exists("$HomePath\uv.exe")) { [System.IO.File]::Delete("$HomePath\uv.exe") }
    [System.IO.File]::Move($new, "$HomePath\uv.exe")
    "$HomePath\uv.exe"
}

function Get-UvVariables([string]$HomePath, [string]$Certificates) {
    $variables = @{
        UV_CACHE_DIR = "$HomePath\cache"; UV_PYTHON_INSTALL_DIR = "$HomePath\python"; UV_PYTHON_INSTALL_BIN = '0'
        UV_PYTHON_INSTALL_REGISTRY = '0'; UV_NO_PROGRESS = '1'; UV_LINK_MODE = 'copy'; NO_COLOR = '1'
        TEMP = "$HomePath\tmp"; TMP = "$HomePath\tmp"
    }
    foreach ($name in $script:Foreign) { if (Test-Path -LiteralPath "env:$name") { $variables[$name] = '' } }
    if ($Certificates) { $variables.SSL_CERT_FILE = $Certificates }
    elseif (-not $env:SSL_CERT_FILE) { $variables.UV_NATIVE_TLS = '1'; $variables.UV_SYSTEM_CERTS = '1' }   # the older and the newer name
    $variables
}

function Get-Remaining([DateTime]$Deadline) { ($Deadline - [DateTime]::UtcNow).TotalSeconds }

function Get-PythonAnswer([string]$Python) {
    # @{version; prefix} of an interpreter that runs, else $null.
    if (-not [System.IO.File]::Exists($Python)) { return $null }
    $clean = @{}
    foreach ($name in 'PYTHONHOME', 'PYTHONPATH') { if (Test-Path -LiteralPath "env:$name") { $clean[$name] = '' } }
    try { $text = Invoke-Tool $Python "-I -c `"import sys; print('%d.%d.%d' % sys.version_info[:3]); print(sys.prefix)`"" 'python' 60 $clean } catch { return $null }
    $lines = @($text.Trim() -split "`r?`n")
    if ($lines.Count -lt 2) { return $null }
    @{ version = $lines[0].Trim(); prefix = $lines[1].Trim() }
}

function Test-Version([string]$Found, [string]$Wanted) { "$Found.".StartsWith("$Wanted.") }

function Get-Distribution([string]$Environment) {
    # The installed packages, by their .dist-info folders.
    $folder = "$Environment\Lib\site-packages"
    if (-not [System.IO.Directory]::Exists($folder)) { return }
    [System.IO.Directory]::GetDirectories($folder, '*.dist-info') | ForEach-Object { [System.IO.Path]::GetFileName($_) } | Sort-Object
}

function Test-ForAll([string]$Path) {
    # A Python in somebody's profile is that person's alone.
    $profiles = [System.IO.Path]::GetDirectoryName([System.Environment]::GetFolderPath('UserProfile'))
    -not ($profiles -and $Path.StartsWith("$profiles\", [System.StringComparison]::OrdinalIgnoreCase)) -and $Path -notlike '*\WindowsApps\*'
}

function Find-Interpreter([string]$Uv, [hashtable]$Variables, [string]$Version) {
    foreach ($preference in 'only-managed', 'only-system') {
        $with = $Variables.Clone()
        $with.UV_PYTHON_PREFERENCE = $preference
        try { $text = Invoke-Tool $Uv "python find --no-project --no-python-downloads --system $Version" 'interpreter' 120 $with } catch { continue }
        $path = @($text.Trim() -split "`r?`n")[-1].Trim()
        $answer = Get-PythonAnswer $path
        if ($null -ne $answer -and (Test-Version $answer.version $Version) -and (Test-ForAll $path)) { return $path }
    }
}

function Install-Interpreter([string]$Uv, [hashtable]$Variables, [string]$Version, [double]$Limit) {
    $found = Find-Interpreter $Uv $Variables $Version
    if ($found) { return $found }
    try { $null = Invoke-Tool $Uv "python install --no-bin $Version" 'interpreter' ([Math]::Min($Limit, 900)) $Variables }
    catch {
        $trouble = ConvertTo-Trouble $_
        if ($trouble.code -ne 'UV_FAILED') { throw }
        Stop-With 'INTERPRETER_MISSING' "there is no Python $Version on this PC that all users can run" 'interpreter' $trouble.rc $trouble.details
    }
    $found = Find-Interpreter $Uv $Variables $Version
    if (-not $found) { Stop-With 'INTERPRETER_MISSING' "uv fetched Python $Version, and it does not run on this PC; give an archive of it (interpreters)" }
    $found
}

function Find-PythonIn([string]$Folder) {
    foreach ($name in 'python.exe', 'python\python.exe', 'install\python.exe', 'tools\python.exe') {
        if ([System.IO.File]::Exists("$Folder\$name")) { return "$Folder\$name" }
    }
}

function Expand-Interpreter([string]$HomePath, [string]$Archive, [string]$Version, [string]$Target) {
    $temporary = "$HomePath\python\.new-$PID"
    try {
        $folder = Expand-File $Archive $temporary
        $python, $answer = (Find-PythonIn $folder), $null
        if ($python) {
            # With this file a Python makes no virtual environments.
            foreach ($file in [System.IO.Directory]::GetFiles([System.IO.Path]::GetDirectoryName($python), 'python*._pth')) { [System.IO.File]::Delete($file) }
            $answer = Get-PythonAnswer $python
        }
        if ($null -eq $answer -or -not (Test-Version $answer.version $Version)) {
            $what = 'holds no Python that runs here'
            if ($null -ne $answer) { $what = "holds Python $($answer.version)" }
            Stop-With 'INTERPRETER_MISSING' "$([System.IO.Path]::GetFileName($Archive)) $what, not $Version; give another archive"
        }
        [System.IO.Directory]::Move($folder, $Target)
    } finally { $null = Remove-Whole $temporary }
    Find-PythonIn $Target
}

function Install-Package([string]$Uv, [hashtable]$Variables, [string]$HomePath, [string]$Environment, $Params, [DateTime]$Deadline) {
    $null = Write-Whole "$HomePath\tmp\lock.txt" $Params.lock
    $links = @()
    if (@($Params.offered_wheels).Count) { $links += "$HomePath\wheelhouse" }
    if ($Params.wheelhouse) { $links += $Params.wheelhouse }
    # Compiled now: a student may not write here, and would wait for it at every import.
    $common = @('pip', 'install', '--compile-bytecode', '--python', "$Environment\Scripts\python.exe", '--require-hashes', '--no-deps', '-r', "$HomePath\tmp\lock.txt")
    foreach ($link in @($links) + @($Params.find_links)) { $common += '--find-links', $link }
    $attempts = @($true)
    if ($Params.no_index) { $common += '--no-index' }
    else {
        $common += '--index-strategy', 'unsafe-best-match'
        if ($Params.index_url) { $common += '--default-index', $Params.index_url }
        foreach ($url in $Params.extra_index_urls) { $common += '--index', $url }
        if (@($Params.stack_index_urls).Count) {
            # A lab's own mirror first, the stack's index when that does not have it all; or the other way round.
            $attempts = @($true, $false)
            if ($links -or $Params.index_url -or @($Params.find_links).Count) { $attempts = @($false, $true) }
        }
    }
    $first = $null
    foreach ($stackUrls in $attempts) {
        $arguments = $common
        if ($stackUrls -and -not $Params.no_index) { foreach ($url in $Params.stack_index_urls) { $arguments += '--index', $url } }
        try { $null = Invoke-Tool $Uv (Format-Argument $arguments) 'packages' (Get-Remaining $Deadline) $Variables; return }
        catch {
            $trouble = ConvertTo-Trouble $_
            # A wrong hash is worse than an index that is away.
            if ($null -eq $first -or ($stackUrls -and "$($first.Data['details'])" -notmatch 'Hash mismatch')) { $first = $_.Exception.GetBaseException() }
            if ($trouble.code -ne 'UV_FAILED' -or $trouble.details -notmatch 'No solution found|Failed to fetch|Hash mismatch') { break }
        }
    }
    throw $first
}

function Get-MissingRuntime([string]$Environment) {
    # Files of the Visual C++ runtime that neither Windows nor (where one is given) the environment has.
    $system = Get-SystemDirectory
    foreach ($name in $script:RuntimeFiles) {
        if ([System.IO.File]::Exists("$system\$name")) { continue }
        if ($Environment -and [System.IO.File]::Exists("$Environment\Scripts\$name") -and [System.IO.File]::Exists("$Environment\Lib\site-packages\gpuready_vc_runtime.pth")) { continue }
        $name
    }
}

function Use-OwnRuntime([string]$Environment) {
    # The package msvc-runtime puts the files into Scripts, where Windows does not look for them by itself.
    $system = Get-SystemDirectory
    $lost = @($script:RuntimeFiles | Where-Object { -not [System.IO.File]::Exists("$system\$_") -and -not [System.IO.File]::Exists("$Environment\Scripts\$_") })
    if ($lost.Count) { return $false }
    $line = 'import os, sys; _d = os.path.join(sys.prefix, "Scripts"); os.environ["PATH"] = _d + os.pathsep + os.environ.get("PATH", ""); getattr(os, "add_dll_directory", str)(_d)'
    $null = Write-Whole "$Environment\Lib\site-packages\gpuready_vc_runtime.pth" "$line`n"
    $true
}

function Install-Runtime([string]$Installer, [double]$Limit) {
    # Says whether Windows wants a restart. 1638: a newer one is there already.
    $run = Start-Program $Installer '/install /quiet /norestart' @{}
    if ($run.problem) { Stop-With 'VC_RUNTIME_MISSING' "the installer of the Visual C++ runtime cannot be started: $($run.problem)" }
    $result = Receive-Program $run ([int][Math]::Min([Math]::Max(1, $Limit), 600))
    if ($result.ContainsKey('__error')) { Stop-With 'VC_RUNTIME_MISSING' 'the installer of the Visual C++ runtime did not end; run it by hand on the PC' }
    if ($result.rc -notin 0, 1638, 3010) { Stop-With 'VC_RUNTIME_MISSING' "the installer of the Visual C++ runtime ended with $($result.rc); run it by hand on the PC" }
    $result.rc -eq 3010
}

Export-ModuleMember -Function Invoke-Tool, Format-Argument, Find-Uv, Install-Uv, Get-UvVariables, Get-Remaining, Get-PythonAnswer, Test-Version, Get-Distribution, Install-Interpreter, Find-PythonIn, Expand-Interpreter, Install-Package, Get-MissingRuntime, Use-OwnRuntime, Install-Runtime
