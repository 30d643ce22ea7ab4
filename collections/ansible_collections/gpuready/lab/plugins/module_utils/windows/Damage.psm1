# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

# What an environment on a Windows PC consists of, listed when it was built, and what of that is missing or another one since.
# The list is a file beside the marker, with a line `SIZE PATH` for each file but what Python compiles, which runs may make. The few
# files that say what the others are have their sha256 in the size's place; the marker has the list's own.
# That costs one walk. The sha256 of each file, which its wheel names in RECORD, costs the reading of them all.
# Windows PowerShell 5.1; needs Json and Contents.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$script:Shown = 5   # names that are told; the rest is counted
$script:Saying = 'RECORD', 'pyvenv.cfg'   # what the other files must be, and whose Python runs them
$script:Sha256 = [System.Security.Cryptography.SHA256]::Create()

function Get-Digest([string]$Path) {
    $stream = [System.IO.File]::OpenRead($Path)
    try { , $script:Sha256.ComputeHash($stream) } finally { $stream.Dispose() }
}

function Format-Digest([byte[]]$Digest) { [BitConverter]::ToString($Digest).Replace('-', '').ToLowerInvariant() }

function Get-TextDigest([string]$Text) {
    # What the marker says of the list.
    Format-Digest $script:Sha256.ComputeHash([System.Text.Encoding]::UTF8.GetBytes($Text))
}

function Get-FileLine([string]$Environment) {
    $from = $Environment.Length + 1
    $folder = New-Object -TypeName System.IO.DirectoryInfo -ArgumentList $Environment
    foreach ($file in $folder.EnumerateFiles('*', 'AllDirectories')) {
        $path = $file.FullName
        if ($path.EndsWith('.pyc') -or $path.Contains('\__pycache__\')) { continue }
        $path = $path.Substring($from)
        if ($path -eq 'gpuready.json' -or $path -eq 'gpuready.files') { continue }
        if ($script:Saying -ccontains $file.Name) { "$(Format-Digest (Get-Digest $file.FullName)) $path" } else { "$($file.Length) $path" }
    }
}

function Get-ListText([string]$Environment) {
    # The list of an environment as it is now.
    $lines = [string[]]@(Get-FileLine $Environment)
    [System.Array]::Sort($lines, [System.StringComparer]::Ordinal)
    ($lines -join "`n") + "`n"
}

function Get-WrongFile([string]$Environment) {
    # Files that are not those of their wheel.
    $site = "$Environment\Lib\site-packages"
    foreach ($record in [System.IO.Directory]::GetFiles($site, 'RECORD', 'AllDirectories')) {
        foreach ($line in [System.IO.File]::ReadAllLines($record, [System.Text.Encoding]::UTF8)) {
            if ($line -notmatch '^"?(.+?)"?,(sha256=[\w=-]+),') { continue }
            $path, $hash = [System.IO.Path]::GetFullPath("$site\$($Matches[1])"), $Matches[2]
            if ($path.EndsWith('.pyc') -or -not [System.IO.File]::Exists($path)) { continue }
            $digest = 'sha256=' + [System.Convert]::ToBase64String((Get-Digest $path)).TrimEnd('=').Replace('+', '-').Replace('/', '_')
            if ($digest -cne $hash) { $path.Substring($Environment.Length + 1) }
        }
    }
}

function Get-Damage([string]$Environment, [bool]$Hashes) {
    # @{count; missing; changed; hashes} of an environment that was whole once; $null of one that was never. Later files are no damage.
    # A list that is not as it was written, or that the marker does not name, is damage itself.
    $marker = Read-Json "$Environment\gpuready.json"
    if ($null -eq $marker -or $marker['complete'] -isnot [bool] -or -not $marker['complete']) { return $null }
    $list, $lines = "$Environment\gpuready.files", [string[]]@('0 gpuready.files')
    if ([System.IO.File]::Exists($list) -and (Format-Digest (Get-Digest $list)) -ceq "$($marker['files_sha256'])") {
        $lines = [System.IO.File]::ReadAllLines($list, [System.Text.Encoding]::UTF8)
    }
    $listed = New-Object -TypeName 'System.Collections.Generic.HashSet[string]' -ArgumentList (, $lines)
    $listed.ExceptWith([string[]]@(Get-FileLine $Environment))
    $changed = New-Object -TypeName 'System.Collections.Generic.SortedSet[string]' -ArgumentList ([System.StringComparer]::Ordinal)
    $missing = New-Object -TypeName 'System.Collections.Generic.SortedSet[string]' -ArgumentList ([System.StringComparer]::Ordinal)
    foreach ($line in $listed) {
        $path = $line.Substring($line.IndexOf(' ') + 1)
        if ([System.IO.File]::Exists("$Environment\$path")) { $null = $changed.Add($path) } else { $null = $missing.Add($path) }
    }
    if (-not [System.IO.File]::Exists("$($marker['interpreter'])")) { $null = $missing.Add("$($marker['interpreter'])") }
    if ($Hashes) { foreach ($path in @(Get-WrongFile $Environment)) { $null = $changed.Add($path) } }
    @{
        count = $missing.Count + $changed.Count; hashes = $Hashes
        missing = @($missing | Select-Object -First $script:Shown); changed = @($changed | Select-Object -First $script:Shown)
    }
}

Export-ModuleMember -Function Get-ListText, Get-TextDigest, Get-Damage
