# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

# gpuready's home on a Windows PC: its files written whole, its rights, the lock that keeps two runs apart, and how a module ends.
# Windows PowerShell 5.1; needs Json, Programs and Contents.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$script:Removing = '.removing-'
$script:Utf8 = New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false

function Stop-With([string]$Code, [string]$Message, [string]$Phase = '', $Rc = $null, [string]$Details = '') {
    # What stops the work: a stable code, one line for a person, and perhaps the last lines of a program.
    $exception = New-Object -TypeName System.InvalidOperationException -ArgumentList $Message
    $exception.Data['code'] = $Code
    $exception.Data['phase'] = $Phase
    $exception.Data['rc'] = $Rc
    $exception.Data['details'] = $Details
    throw $exception
}

function ConvertTo-Trouble($Record) {
    # What an error means here: by its own code, or by Windows' number, never by its text, which may be in any language.
    $cause = $Record.Exception
    while ($null -ne $cause.InnerException -and -not $cause.Data.Contains('code')) { $cause = $cause.InnerException }
    $trouble = @{ code = 'ENVIRONMENT_FAILED'; message = Get-Problem $cause; phase = ''; rc = $null; details = ''; failures = $null }
    if ($cause.Data.Contains('code')) {
        $trouble.message = $cause.Message.Trim()
        foreach ($name in 'code', 'phase', 'rc', 'details', 'failures') { $trouble[$name] = $cause.Data[$name] }
        return $trouble
    }
    $number = $cause.HResult -band 0xFFFF
    if ($cause -is [System.UnauthorizedAccessException] -or $cause -is [System.Security.SecurityException] -or $number -eq 5) {
        $trouble.code = 'HOME_NOT_WRITABLE'
        $trouble.message = "no right to write in gpuready's folder, or a program holds a file there: $($trouble.message)"
    } elseif ($cause -is [System.IO.IOException]) {
        if ($number -in 112, 39) { $trouble.code = 'DISK_FULL'; $trouble.message = "the disk is full: $($trouble.message)" }
        elseif ($number -in 32, 33) {
            $trouble.code = 'ENVIRONMENT_IN_USE'
            $trouble.message = "a program holds a file; close what uses it and run again: $($trouble.message)"
        }
    }
    $trouble
}

function Get-Field($Object, [string]$Name) {
    # The value of a key; $null when it is not there, or what was given is no dictionary.
    if ($Object -is [System.Collections.IDictionary] -and @($Object.Keys) -contains $Name) { return $Object[$Name] }
}

function Get-TimeText { [DateTime]::UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", [System.Globalization.CultureInfo]::InvariantCulture) }

function Test-Text([string]$Path, [string]$Text) {
    [System.IO.File]::Exists($Path) -and [System.IO.File]::ReadAllText($Path, $script:Utf8) -ceq $Text
}

function Write-Whole([string]$Path, [string]$Text) {
    # Beside, then renamed: a reader sees the old file or the new one. Says whether that changed anything.
    if (Test-Text $Path $Text) { return $false }
    $folder = [System.IO.Path]::GetDirectoryName($Path)
    $null = [System.IO.Directory]::CreateDirectory($folder)
    $new = "$folder\.new-$([guid]::NewGuid().ToString('N'))"
    try {
        [System.IO.File]::WriteAllText($new, $Text, $script:Utf8)
        if ([System.IO.File]::Exists($Path)) { [System.IO.File]::Replace($new, $Path, [NullString]::Value) }
        else { [System.IO.File]::Move($new, $Path) }
    } finally { if ([System.IO.File]::Exists($new)) { [System.IO.File]::Delete($new) } }
    $true
}

function Format-Json($Value) { (ConvertTo-JsonText $Value) + "`n" }

function Remove-Whole([string]$Path) {
    # A folder is renamed first, so that half of it is never taken for the whole; that also fails while it is in use.
    if ([System.IO.File]::Exists($Path)) { [System.IO.File]::Delete($Path); return $true }
    if (-not [System.IO.Directory]::Exists($Path)) { return $false }
    $name = [System.IO.Path]::GetFileName($Path)
    $aside = $Path
    if (-not $name.StartsWith($script:Removing)) {
        $aside = [System.IO.Path]::GetDirectoryName($Path) + "\$script:Removing$PID-$([guid]::NewGuid().ToString('N').Substring(0, 8))"
        [System.IO.Directory]::Move($Path, $aside)
    }
    # Paths within packages are longer than 260 characters: the prefix lets Windows take them, rd where .NET does not.
    try { [System.IO.Directory]::Delete("\\?\$aside", $true) } catch { $null = $_ }
    if ([System.IO.Directory]::Exists($aside)) {
        $null = & "$env:SystemRoot\System32\cmd.exe" /d /c rd /s /q "\\?\$aside" 2>&1
    }
    if ([System.IO.Directory]::Exists($aside)) {
        Stop-With 'ENVIRONMENT_IN_USE' "$aside cannot be removed: a program holds a file of it; close it and run again"
    }
    $true
}

function Clear-Leftover([string]$HomePath) {
    # What an interrupted run left half removed or half unpacked.
    foreach ($folder in "$HomePath\environments", "$HomePath\python") {
        if (-not [System.IO.Directory]::Exists($folder)) { continue }
        foreach ($path in [System.IO.Directory]::GetDirectories($folder, '.*')) {
            $name = [System.IO.Path]::GetFileName($path)
            if ($name.StartsWith($script:Removing) -or $name.StartsWith('.new-')) { $null = Remove-Whole $path }
        }
    }
    $null = Remove-Whole "$HomePath\tmp"
    $null = [System.IO.Directory]::CreateDirectory("$HomePath\tmp")
}

function Initialize-Home([string]$HomePath) {
    # Made under a name that nobody knows, and in its place only once its rights are right and nobody was quicker.
    $path = $HomePath
    if (-not [System.IO.Directory]::Exists($HomePath)) {
        $path = "$HomePath.$([guid]::NewGuid().ToString('N'))"
        $null = [System.IO.Directory]::CreateDirectory($path)
    }
    # In ProgramData every user may make files: here only administrators may, and everybody may read and run.
    Set-Acl -LiteralPath $path -AclObject (Get-OwnRights $true)
    if ($path -ne $HomePath) { [System.IO.Directory]::Move($path, $HomePath) }
    foreach ($name in 'environments', 'downloads', 'cache', 'tmp') { $null = [System.IO.Directory]::CreateDirectory("$HomePath\$name") }
}

function Get-OwnRights([bool]$Shown) {
    # Of a folder that only the administrators write; where it is shown, everybody reads and runs what is there.
    $acl = New-Object -TypeName System.Security.AccessControl.DirectorySecurity
    $acl.SetAccessRuleProtection($true, $false)
    $full = @('S-1-5-18', 'S-1-5-32-544')
    $me = [System.Security.Principal.WindowsIdentity]::GetCurrent()
    $principal = New-Object -TypeName System.Security.Principal.WindowsPrincipal -ArgumentList $me
    if (-not $principal.IsInRole([System.Security.Principal.WindowsBuiltInRole]::Administrator)) { $full += $me.User.Value }
    else { $acl.SetOwner((New-Object -TypeName System.Security.Principal.SecurityIdentifier -ArgumentList 'S-1-5-32-544')) }
    $entries = @($full | ForEach-Object { , @($_, 'FullControl') })
    if ($Shown) { $entries += , @('S-1-5-32-545', 'ReadAndExecute') }
    foreach ($entry in $entries) {
        $sid = New-Object -TypeName System.Security.Principal.SecurityIdentifier -ArgumentList $entry[0]
        $rule = $sid, $entry[1], 'ContainerInherit, ObjectInherit', 'None', 'Allow'
        $acl.AddAccessRule((New-Object -TypeName System.Security.AccessControl.FileSystemAccessRule -ArgumentList $rule))
    }
    $acl
}

function Enter-Home([string]$HomePath, [int]$Wait) {
    # Windows closes the file when its holders die, so a stale one locks nobody out. The handle is inherited by the programs
    # that we start: when we are cut off, the home stays locked until uv has ended too.
    $path = "$HomePath\.lock"
    $deadline = [DateTime]::UtcNow.AddSeconds($Wait)
    while ($true) {
        try {
            $share = [System.IO.FileShare]'Inheritable'
            $lock = New-Object -TypeName System.IO.FileStream -ArgumentList $path, 'OpenOrCreate', 'ReadWrite', $share
            break
        } catch {
            $cause = $_.Exception.GetBaseException()
            if ($cause -isnot [System.IO.IOException] -or ($cause.HResult -band 0xFFFF) -notin 32, 33) { throw }
            if ([DateTime]::UtcNow -ge $deadline) {
                $holder = Read-Json "$HomePath\.holder"
                $who, $since = (Get-Field $holder 'pid'), (Get-Field $holder 'since')
                if ($null -eq $who) { $who, $since = 'unknown', 'unknown' }
                $next = 'wait until it has ended, then run again'
                Stop-With 'ENVIRONMENT_BUSY' "another run works in $HomePath (process $who, since $since); $next"
            }
            Start-Sleep -Milliseconds 300
        }
    }
    $null = Write-Whole "$HomePath\.holder" (Format-Json ([ordered]@{ pid = $PID; since = (Get-TimeText) }))
    $lock
}

function Exit-Home([string]$HomePath, $Lock) {
    if ([System.IO.File]::Exists("$HomePath\.holder")) { [System.IO.File]::Delete("$HomePath\.holder") }
    $Lock.Dispose()
}

function Move-PassAside([string]$HomePath, [string]$Stack, [int]$Wait) {
    # Before a training: one that brings the PC down leaves no pass. Says whether there was one.
    $pass, $tried = "$HomePath\passes\$Stack.json", "$HomePath\passes\$Stack.trying"
    if (-not [System.IO.File]::Exists($pass)) { return $false }
    $lock = Enter-Home $HomePath $Wait
    try {
        if ([System.IO.File]::Exists($tried)) { $null = Remove-Whole $tried }
        [System.IO.File]::Move($pass, $tried)
        # To the disk, its new name too: a crash may follow at once.
        $file = [System.IO.File]::Open($tried, 'Open', 'ReadWrite')
        try { $file.Flush($true) } finally { $file.Dispose() }
    } finally { Exit-Home $HomePath $lock }
    $true
}

function Exit-Module($Module, [scriptblock]$Work) {
    # Does the work and ends the module: with its result, or with what stopped it.
    try { & $Work } catch {
        $trouble = ConvertTo-Trouble $_
        $Module.Result.changed = $false
        foreach ($name in 'code', 'phase', 'failures') { $Module.Result[$name] = $trouble[$name] }
        $Module.Result.program_rc = $trouble.rc
        $Module.Result.details = @("$($trouble.details)" -split "`r?`n" | Where-Object { $_ })
        $Module.FailJson($trouble.message)
    }
    $Module.ExitJson()
}

Export-ModuleMember -Function Stop-With, ConvertTo-Trouble, Get-Field, Get-TimeText, Test-Text, Write-Whole, Format-Json,
    Remove-Whole, Clear-Leftover, Initialize-Home, Get-OwnRights, Enter-Home, Exit-Home, Move-PassAside, Exit-Module
