# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

# Which environments there are on a Windows PC, which is whole, which is the current one, and how a student starts it.
# Windows PowerShell 5.1; needs Json, Home and Build.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

function Assert-Arguments([string]$HomePath, $Params) {
    if ($HomePath -notmatch '^[A-Za-z]:\\[^<>:"/|?*%]+$') { Stop-With 'ARGUMENTS' "home: '$HomePath' is not a folder on a drive of this PC" }
    if ($Params.stack -and $Params.stack -notmatch '^[A-Za-z0-9]+([._-]+[A-Za-z0-9]+)*$') { Stop-With 'ARGUMENTS' "stack: '$($Params.stack)' is not the name of a stack (letters, digits, - and _)" }
    if ($Params.lock_sha256 -and $Params.lock_sha256 -cnotmatch '^[0-9a-f]{64}$') { Stop-With 'ARGUMENTS' 'lock_sha256: this is not 64 hexadecimal digits' }
    if ($Params.python -and $Params.python -notmatch '^3\.\d{1,2}(\.\d{1,2})?$') { Stop-With 'ARGUMENTS' "python: '$($Params.python)' is not a version such as 3.10" }
    if ($Params.visible_devices -and $Params.visible_devices -cnotmatch '^[A-Z][A-Z0-9_]*(DEVICES|SELECTOR|MASK|ORDINAL)=[A-Za-z0-9,.:_/-]*$') { Stop-With 'ARGUMENTS' "visible_devices: '$($Params.visible_devices)' is not like DML_VISIBLE_DEVICES=1" }
    foreach ($name in 'uv_archive', 'interpreter_archive', 'vc_archive') {
        $archive = $Params[$name]
        if ($null -eq $archive) { continue }
        if ("$(Get-Field $archive 'sha256')" -notmatch '^[0-9A-Fa-f]{64}$') { Stop-With 'ARGUMENTS' "${name}: it needs the file's sha256 (64 hexadecimal digits)" }
        if (-not ((Get-Field $archive 'path') -or (Get-Field $archive 'url') -or (Get-Field $archive 'name'))) { Stop-With 'ARGUMENTS' "${name}: it needs a path or a url" }
    }
    foreach ($bound in @('time_limit', 1), @('keep_old', 0), @('lock_wait', 0)) {
        if ($Params[$bound[0]] -lt $bound[1]) { Stop-With 'ARGUMENTS' "$($bound[0]): $($Params[$bound[0]]) is below $($bound[1])" }
    }
    if ($Params.certificates -and -not [System.IO.File]::Exists($Params.certificates)) { Stop-With 'ARGUMENTS' "certificates: $($Params.certificates) is not a file on this PC" }
}

function Get-EnvironmentPath([string]$HomePath, [string]$Stack, [string]$LockSha256) { "$HomePath\environments\$Stack-$($LockSha256.Substring(0, 12))" }

function Get-CompleteMarker([string]$Environment, [string]$LockSha256, [string]$Version) {
    # The marker of an environment that is whole and runs; $null when it must be built (again).
    $marker = Read-Json "$Environment\gpuready.json"
    if ((Get-Field $marker 'complete') -isnot [bool] -or -not (Get-Field $marker 'complete') -or (Get-Field $marker 'lock_sha256') -ne $LockSha256) { return $null }
    $there = @(Get-Distribution $Environment)
    foreach ($name in @(Get-Field $marker 'distributions')) { if ($null -ne $name -and $there -notcontains $name) { return $null } }
    # An environment of an embeddable Python starts without the one that it was made from, and then lacks its modules.
    if (-not [System.IO.File]::Exists("$(Get-Field $marker 'interpreter')")) { return $null }
    $answer = Get-PythonAnswer "$Environment\Scripts\python.exe"
    if ($null -eq $answer) { return $null }
    if (-not $Version) { $Version = "$(Get-Field $marker 'version')" }
    if (-not (Test-Version $answer.version $Version) -or $answer.prefix.TrimEnd('\') -ne $Environment) { return $null }
    $marker
}

function Get-StackEnvironment([string]$HomePath, [string]$Stack) {
    if (-not [System.IO.Directory]::Exists("$HomePath\environments")) { return }
    foreach ($path in [System.IO.Directory]::GetDirectories("$HomePath\environments")) {
        $name = [System.IO.Path]::GetFileName($path)
        $dash = $name.LastIndexOf('-')
        if (-not $name.StartsWith('.') -and $dash -gt 0 -and $name.Substring(0, $dash) -eq $Stack) { $path }
    }
}

function Get-Surplus([string]$HomePath, [string]$Stack, [string]$Keep, [int]$KeepOld) {
    # Half removed and incomplete environments, and complete ones beyond the newest $KeepOld besides the current one.
    $old = @(foreach ($path in @(Get-StackEnvironment $HomePath $Stack)) {
        if ($path -eq $Keep) { continue }
        $marker = Read-Json "$path\gpuready.json"
        if ((Get-Field $marker 'complete') -isnot [bool] -or -not (Get-Field $marker 'complete')) { $path; continue }
        New-Object -TypeName PSObject -Property @{ path = $path; at = "$(Get-Field $marker 'created_at')" }
    })
    $old | Where-Object { $_ -is [string] }
    [System.IO.Directory]::GetDirectories("$HomePath\environments", '.removing-*')   # what was in use when it should go
    $old | Where-Object { $_ -isnot [string] } | Sort-Object -Property at, path -Descending | Select-Object -Skip $KeepOld | ForEach-Object { $_.path }
}

function Get-StartText([string]$HomePath, [string]$Stack, [string]$Text) {
    if (-not $Text) { return "$HomePath\bin\$Stack.cmd opens a prompt in which ``python`` has the stack" }
    if ($Text.StartsWith('HOME')) { return $HomePath + $Text.Substring(4) }
    $Text
}

function Get-LauncherText([string]$Stack, [string]$Environment, [string]$VisibleDevices) {
    # Relative to itself, so that the batch file is ASCII whatever the folder's name is.
    $visible = @(if ($VisibleDevices) { "if not defined $($VisibleDevices.Split('=')[0]) set `"$VisibleDevices`"" })   # a student's own choice stands
    @(
        '@echo off'
        "rem How to start ${Stack}: without arguments a prompt in which python is its Python; with a script, that script."
        "set `"VIRTUAL_ENV=%~dp0..\environments\$([System.IO.Path]::GetFileName($Environment))`""
        'set "PATH=%VIRTUAL_ENV%\Scripts;%PATH%"'
        $visible
        'if not "%~1"=="" goto run'
        "echo ${Stack}: python is %VIRTUAL_ENV%\Scripts\python.exe; exit leaves."
        'cmd /k'
        'exit /b'
        ':run'
        '"%VIRTUAL_ENV%\Scripts\python.exe" %*'
        'exit /b'
        ''
    ) -join "`r`n"
}

function Get-Pointer([string]$HomePath) {
    # stack -> the content of its file in HOME\current.
    $found = @{}
    if ([System.IO.Directory]::Exists("$HomePath\current")) {
        foreach ($path in [System.IO.Directory]::GetFiles("$HomePath\current", '*.json')) {
            $content = Read-Json $path
            if ($null -ne $content) { $found[[System.IO.Path]::GetFileNameWithoutExtension($path)] = $content }
        }
    }
    $found
}

function Get-NoteText([hashtable]$Pointers) {
    # The note on the PC; $null when there is no stack to speak of.
    if ($Pointers.Count -eq 0) { return $null }
    $lines = @('This PC trains machine-learning models on its GPU. How to start:', '')
    foreach ($stack in $Pointers.Keys | Sort-Object) {
        $lines += @($stack, "    $(Get-Field $Pointers[$stack] 'start')", "    Python: $(Get-Field $Pointers[$stack] 'python')")
        $visible = Get-Field $Pointers[$stack] 'visible_devices'
        if ($visible) { $lines += "    Without that launcher, set $visible first: the GPU that was tried." }
        $lines += ''
    }
    ($lines + @('Everything here was made by gpuready and may be replaced by it; keep your own work elsewhere.', '')) -join "`r`n"
}

function Test-SamePass($Known, $Record) {
    # The time and the measured numbers of a pass differ each time; what it is bound to and its verdict count.
    if ($null -eq $Known) { return $false }
    $texts = foreach ($one in $Known, $Record) {
        $verdict, $bound = (Get-Field $one 'verdict'), (Get-Field $one 'fingerprint')
        $names = @(if ($bound -is [System.Collections.IDictionary]) { $bound.Keys })
        $pairs = foreach ($name in $names | Sort-Object) { "$name=" + (ConvertTo-JsonText (Get-Field $bound $name) -Compress) }
        "$(Get-Field $verdict 'state')|$(Get-Field $verdict 'code')|" + ($pairs -join '|')
    }
    $texts[0] -ceq $texts[1]
}

Export-ModuleMember -Function Assert-Arguments, Get-EnvironmentPath, Get-CompleteMarker, Get-StackEnvironment, Get-Surplus, Get-StartText, Get-LauncherText, Get-Pointer, Get-NoteText, Test-SamePass
