# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

# Building on a Windows PC: uv, the interpreter, the packages and the Visual C++ runtime.
# Windows PowerShell 5.1; needs Contents, Home, Programs, Environment, Texts and Archives.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

function Format-Argument([string[]]$Arguments) {
    # As CommandLineToArgvW reads them; our arguments hold no quotes, and end with no backslash where they are quoted.
    ($Arguments | ForEach-Object { if ($_ -match '[\s&|<>^]' -or $_ -eq '') { '"' + $_.TrimEnd('\') + '"' } else { $_ } }) -join ' '
}

function Get-UvVersion([string]$Path, [hashtable]$Why = @{}) {
    # $null of one that does not run, and $Why.reason says why.
    try { $text = Invoke-Tool $Path '--version' 'uv' 60 } catch { Add-Reason $Why $Path $_; return $null }
    if ($text -match '^uv (\d+\.\d+\.\d+)') { [version]$Matches[1] }
}

function Find-Uv([string]$HomePath, [string]$Given, [hashtable]$Why) {
    # A uv that is there, runs and is new enough: the given one, ours, or one on the PATH. $Why.reason: of one that does not run.
    $least = [version]'0.5.0'
    if ($Given) {
        $version = $null
        if ([System.IO.File]::Exists($Given)) { $version = Get-UvVersion $Given $Why }
        if ($null -eq $version -or $version -lt $least) {
            $cause = 'this is no uv that runs here (0.5 or later); correct the variable uv'
            Stop-With 'UV_MISSING' "${Given}: $cause$($Why.reason)"
        }
        return $Given
    }
    foreach ($candidate in @("$HomePath\uv.exe") + @(Find-OnPath 'uv.exe')) {
        if (-not [System.IO.File]::Exists($candidate)) { continue }
        $version = Get-UvVersion $candidate $Why
        if ($null -ne $version -and $version -ge $least) { return $candidate }
    }
}

function Install-Uv([string]$HomePath, [string]$Archive) {
    $folder = Expand-File $Archive "$HomePath\tmp\uv-archive"
    $programs = @([System.IO.Directory]::GetFiles($folder, 'uv.exe', 'AllDirectories') | Sort-Object)
    if ($programs.Count -eq 0) { Stop-With 'ARCHIVE_UNREADABLE' "$([System.IO.Path]::GetFileName($Archive)): there is no uv.exe in it" }
    $why = @{ reason = '' }
    if ($null -eq (Get-UvVersion $programs[0] $why)) {
        $next = 'give a uv_archive for Windows and its processor'
        Stop-With 'UV_MISSING' "the uv that was given does not run on this PC; $next$($why.reason)"
    }
    $new = "$HomePath\.new-uv.exe"
    [System.IO.File]::Copy($programs[0], $new, $true)
    if ([System.IO.File]::Exists("$HomePath\uv.exe")) { [System.IO.File]::Delete("$HomePath\uv.exe") }
    [System.IO.File]::Move($new, "$HomePath\uv.exe")
    "$HomePath\uv.exe"
}

function Get-UvVariables([string]$HomePath, [string]$Certificates, [string[]]$Foreign) {
    # $Foreign: variables of whoever is logged on that are kept from it.
    $variables = @{
        UV_CACHE_DIR = "$HomePath\cache"; UV_PYTHON_INSTALL_DIR = "$HomePath\python"; UV_PYTHON_INSTALL_BIN = '0'
        UV_PYTHON_INSTALL_REGISTRY = '0'; UV_NO_PROGRESS = '1'; UV_LINK_MODE = 'copy'; NO_COLOR = '1'
        TEMP = "$HomePath\tmp"; TMP = "$HomePath\tmp"
    }
    foreach ($name in $Foreign) { $variables[$name] = $null }
    if ($Certificates) { $variables.SSL_CERT_FILE = $Certificates }
    elseif (-not $env:SSL_CERT_FILE) { $variables.UV_NATIVE_TLS = '1'; $variables.UV_SYSTEM_CERTS = '1' }   # the older name, the newer
    $variables
}

function Get-Remaining([DateTime]$Deadline) { ($Deadline - [DateTime]::UtcNow).TotalSeconds }

function Test-ForAll([string]$Path) {
    # A Python in somebody's profile is that person's alone.
    $profiles = [System.IO.Path]::GetDirectoryName([System.Environment]::GetFolderPath('UserProfile'))
    $private = $profiles -and $Path.StartsWith("$profiles\", [System.StringComparison]::OrdinalIgnoreCase)
    -not $private -and $Path -notlike '*\WindowsApps\*'
}

function Find-Interpreter([string]$Uv, [hashtable]$Variables, [string]$Version, [hashtable]$Why) {
    foreach ($preference in 'only-managed', 'only-system') {
        $with = $Variables.Clone()
        $with.UV_PYTHON_PREFERENCE = $preference
        $find = "python find --no-project --no-python-downloads --system $Version"
        try { $text = Invoke-Tool $Uv $find 'interpreter' 120 $with } catch { continue }
        $path = @($text.Trim() -split "`r?`n")[-1].Trim()
        $answer = Get-PythonAnswer $path $Why
        if ($null -ne $answer -and (Test-Version $answer.version $Version) -and (Test-ForAll $path)) { return $path }
    }
}

function Install-Interpreter([string]$Uv, [hashtable]$Variables, [string]$Version, [double]$Limit) {
    $why = @{ reason = '' }
    $interpreter = Find-Interpreter $Uv $Variables $Version $why
    if ($interpreter) { return $interpreter }
    try { $null = Invoke-Tool $Uv "python install --no-bin $Version" 'interpreter' ([Math]::Min($Limit, 900)) $Variables }
    catch {
        $trouble = ConvertTo-Trouble $_
        if ($trouble.code -ne 'UV_FAILED') { throw }
        $cause = "there is no Python $Version on this PC that all users can run$($why.reason)"
        Stop-With 'INTERPRETER_MISSING' $cause 'interpreter' $trouble.rc $trouble.details
    }
    $interpreter = Find-Interpreter $Uv $Variables $Version $why
    if (-not $interpreter) {
        $cause = "uv fetched Python $Version, and it does not run on this PC; give an archive of it (interpreters)"
        Stop-With 'INTERPRETER_MISSING' "$cause$($why.reason)"
    }
    $interpreter
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
        $interpreter, $answer, $why = (Find-PythonIn $folder), $null, @{ reason = '' }
        if ($interpreter) {
            # With this file a Python makes no virtual environments.
            $files = [System.IO.Directory]::GetFiles([System.IO.Path]::GetDirectoryName($interpreter), 'python*._pth')
            foreach ($file in $files) { [System.IO.File]::Delete($file) }
            $answer = Get-PythonAnswer $interpreter $why
        }
        if ($null -eq $answer -or -not (Test-Version $answer.version $Version)) {
            $what = 'holds no Python that runs here'
            if ($null -ne $answer) { $what = "holds Python $($answer.version)" }
            $name = [System.IO.Path]::GetFileName($Archive)
            Stop-With 'INTERPRETER_MISSING' "$name $what, not $Version; give another archive$($why.reason)"
        }
        [System.IO.Directory]::Move($folder, $Target)
    } finally { $null = Remove-Whole $temporary }
    Find-PythonIn $Target
}

function Get-PipSaid {
    # What this PC's pip is told, as it stands, the file that wins last. The controller reads it.
    $files = "$env:ProgramData\pip\pip.ini", "$env:USERPROFILE\pip\pip.ini", "$env:APPDATA\pip\pip.ini", $env:PIP_CONFIG_FILE
    if ($env:PIP_CONFIG_FILE -eq 'nul') { $files = @() }
    $texts = @(foreach ($file in $files) {
        # pip says so itself; one that may not be read is no reason not to go on without it.
        try { if ($file) { Read-SmallFile $file } } catch { continue }
    })
    $variables = @{}
    foreach ($one in @(Get-ChildItem -Path 'env:PIP_*')) { $variables[$one.Name] = $one.Value }
    @{ files = @($texts | Where-Object { $_ }); variables = $variables }
}

function Install-Package([string]$Uv, [hashtable]$Variables, [string]$HomePath, [string]$Environment, $Params, [DateTime]$Deadline) {
    # By the first of the controller's ways that leads to every package.
    # What builds others first: only what the lock has a hash of builds anything.
    $locks = @('builders', 'lock' | Where-Object { $Params[$_] })
    foreach ($name in $locks) { $null = Write-Whole "$HomePath\tmp\$name.txt" $Params[$name] }
    # Compiled now: a student may not write here, and would wait for it at every import.
    $common = @('pip', 'install', '--compile-bytecode', '--python', "$Environment\Scripts\python.exe", '--require-hashes', '--no-deps')
    $common += '--no-build-isolation'
    $failures = New-Object -TypeName System.Collections.ArrayList
    foreach ($way in @($Params.ways)) {
        $with = $Variables.Clone()
        # An address may have a password, and every user may read a program's arguments: uv's environment is its own.
        foreach ($name in $way['indexes'].Keys) { $with[$name] = $way['indexes'][$name] }
        $links = @($way['find_links'] | ForEach-Object { Format-Words $_ @{ home = $HomePath } })
        # pip passes over a folder that is not there, uv fails.
        $links += @($way['links'] | Where-Object { $_.Contains('://') -or (Test-Path -LiteralPath $_) })
        if ($links) { $with.UV_FIND_LINKS = $links -join ',' }
        foreach ($name in $way['variables'].Keys) {
            if (-not $with[$name] -and -not (Test-Path -LiteralPath "env:$name")) { $with[$name] = $way['variables'][$name] }
        }
        try {
            foreach ($name in $locks) {
                $arguments = Format-Argument ($common + @('-r', "$HomePath\tmp\$name.txt") + @($way['options']))
                $null = Invoke-Tool $Uv $arguments 'packages' (Get-Remaining $Deadline) $with
            }
            return
        } catch {
            $failure, $trouble = $_.Exception.GetBaseException(), (ConvertTo-Trouble $_)
            $null = $failures.Add(@{ rc = $trouble.rc; details = @("$($trouble.details)" -split "`r?`n") })
            $failure.Data['failures'] = $failures.ToArray()
            $last = $failures.Count -eq @($Params.ways).Count
            if ($last -or $trouble.code -ne 'UV_FAILED' -or $trouble.details -notmatch $Params.go_on_after) { throw $failure }
        }
    }
}

function Get-MissingRuntime([string]$Environment, [string[]]$Names) {
    # Files of the Visual C++ runtime that neither Windows nor (where one is given) the environment has.
    $system = Get-SystemDirectory
    $own = @(if ($Environment) { Get-OwnRuntime $Environment $Names })
    $Names | Where-Object { -not [System.IO.File]::Exists("$system\$_") -and $own -notcontains $_ }
}

function Use-OwnRuntime([string]$Environment, [string[]]$Names) {
    # The package msvc-runtime puts the files into Scripts, where Windows does not look for them by itself.
    $system = Get-SystemDirectory
    foreach ($name in $Names) {
        $there = @("$system\$name", "$Environment\Scripts\$name" | Where-Object { [System.IO.File]::Exists($_) })
        if ($there.Count -eq 0) { return $false }
    }
    $line = 'import os, sys; _d = os.path.join(sys.prefix, "Scripts"); '
    $line += 'os.environ["PATH"] = _d + os.pathsep + os.environ.get("PATH", ""); getattr(os, "add_dll_directory", str)(_d)'
    $null = Write-Whole "$Environment\Lib\site-packages\gpuready_vc_runtime.pth" "$line`n"
    $true
}

function Install-Runtime([string]$Installer, [double]$Limit) {
    # Says whether Windows wants a restart. 1638: a newer one is there already.
    $run = Start-Program $Installer '/install /quiet /norestart' @{}
    $name = 'the installer of the Visual C++ runtime'
    if ($run.problem) { Stop-With 'VC_RUNTIME_MISSING' "$name cannot be started: $($run.problem)" }
    $result = Receive-Program $run ([int][Math]::Min([Math]::Max(1, $Limit), 600))
    if ($result.ContainsKey('__error')) { Stop-With 'VC_RUNTIME_MISSING' "$name did not end; run it by hand on the PC" }
    if ($result.rc -notin 0, 1638, 3010) { Stop-With 'VC_RUNTIME_MISSING' "$name ended with $($result.rc); run it by hand on the PC" }
    $result.rc -eq 3010
}

Export-ModuleMember -Function Format-Argument, Find-Uv, Install-Uv, Get-UvVariables, Get-Remaining, Install-Interpreter, Find-PythonIn,
    Expand-Interpreter, Get-PipSaid, Install-Package, Get-MissingRuntime, Use-OwnRuntime, Install-Runtime
