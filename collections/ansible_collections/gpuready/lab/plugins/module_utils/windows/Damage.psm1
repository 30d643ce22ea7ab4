# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

# What an environment on a Windows PC consists of, listed when it was built, and what of that is missing or another one since.
# The list is a file beside the marker, with a line `SIZE PATH` for each file but what Python compiles, which runs may make.
# Names and sizes cost one walk. The sha256 of each file, which its wheel names in RECORD, costs the reading of them all.
# Windows PowerShell 5.1; needs Json and Contents.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$script:Shown = 5   # names that are told; the rest is counted

function Get-FileLine([string]$Environment) {
    $from = $Environment.Length + 1
    $folder = New-Object -TypeName System.IO.DirectoryInfo -ArgumentList $Environment
    foreach ($file in $folder.EnumerateFiles('*', 'AllDirectories')) {
        $path = $file.FullName
        if ($path.EndsWith('.pyc') -or $path.Contains('\__pycache__\')) { continue }
        $path = $path.Substring($from)
        if ($path -ne 'gpuready.json' -and $path -ne 'gpuready.files') { "$($file.Length) $path" }
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
    $sha = [System.Security.Cryptography.SHA256]::Create()
    foreach ($record in [System.IO.Directory]::GetFiles($site, 'RECORD', 'AllDirectories')) {
        foreach ($line in [System.IO.File]::ReadAllLines($record, [System.Text.Encoding]::UTF8)) {
            if ($line -notmatch '^"?(.+?)"?,(sha256=[\w=-]+),') { continue }
            $path, $hash = [System.IO.Path]::GetFullPath("$site\$($Matches[1])"), $Matches[2]
            if ($path.EndsWith('.pyc') -or -not [System.IO.File]::Exists($path)) { continue }
            $stream = [System.IO.File]::OpenRead($path)
            try { $digest = [System.Convert]::ToBase64String($sha.ComputeHash($stream)) } finally { $stream.Dispose() }
            $digest = 'sha256=' + $digest.TrimEnd('=').Replace('+', '-').Replace('/', '_')
            if ($digest -cne $hash) { $path.Substring($Environment.Length + 1) }
        }
    }
}

function Get-Damage([string]$Environment, [bool]$Hashes) {
    # @{count; missing; changed; hashes} of an environment that was whole once; $null of one that was never. Later files are no damage.
    $marker = Read-Json "$Environment\gpuready.json"
    if ($null -eq $marker -or $marker['complete'] -isnot [bool] -or -not $marker['complete']) { return $null }
    $list, $lines = "$Environment\gpuready.files", [string[]]@('0 gpuready.files')
    if ([System.IO.File]::Exists($list)) { $lines = [System.IO.File]::ReadAllLines($list, [System.Text.Encoding]::UTF8) }
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

Export-ModuleMember -Function Get-ListText, Get-Damage
