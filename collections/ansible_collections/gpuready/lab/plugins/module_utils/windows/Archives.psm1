# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

# Archives on a Windows PC: from a path, a share, a URL or the controller, checked by sha256 before anything is taken out.
# Windows PowerShell 5.1; needs Home.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

# What is no name of a file or a folder: Windows reads characters of its own in it, drops dots and spaces at its end (and takes .. for
# the folder above), or has a device of that name, whatever follows the first dot.
$script:NoName = '[\x00-\x1f<>:"|?*]|[. ]$|^(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|CLOCK\$|(COM|LPT)[0-9\u00b9\u00b2\u00b3])\s*(\.|$)'

function Get-Sha256([string]$Path) {
    $stream = [System.IO.File]::OpenRead($Path)
    $hash = [System.Security.Cryptography.SHA256]::Create()
    try {
        [BitConverter]::ToString($hash.ComputeHash($stream)).Replace('-', '').ToLowerInvariant()
    } finally { $stream.Dispose(); $hash.Dispose() }
}

function Assert-Sha256([string]$Path, [string]$Wanted) {
    $is = Get-Sha256 $Path
    if ($is -eq $Wanted) { return }
    [System.IO.File]::Delete($Path)
    $name = [System.IO.Path]::GetFileName($Path)
    Stop-With 'HASH_MISMATCH' "${name}: its sha256 is $is, not $Wanted; it was not used: get the right file"
}

function Get-FromController($File, [string]$Target, $Uploaded) {
    # A file of the controller at its place here; $null while it is not there.
    $wanted = "$(Get-Field $File 'sha256')"
    $sent = "$(Get-Field $Uploaded $wanted)"
    if ($sent -and [System.IO.File]::Exists($sent)) {
        Assert-Sha256 $sent $wanted
        $null = [System.IO.Directory]::CreateDirectory([System.IO.Path]::GetDirectoryName($Target))
        # Copied, not moved: what is moved keeps the rights of the folder that it comes from.
        [System.IO.File]::Copy($sent, $Target, $true)
        [System.IO.File]::Delete($sent)
        return $Target
    }
    if ([System.IO.File]::Exists($Target) -and (Get-Sha256 $Target) -eq $wanted) { return $Target }
}

function Find-Wheel([string]$HomePath, $Offered, $Uploaded) {
    # Those of the controller's wheels that are not here yet.
    foreach ($file in @($Offered)) {
        if ($null -eq $file) { continue }
        if (-not (Get-FromController $file "$HomePath\wheelhouse\$(Get-Field $file 'name')" $Uploaded)) {
            @{ kind = 'wheel'; name = "$(Get-Field $file 'name')"; sha256 = "$(Get-Field $file 'sha256')" }
        }
    }
}

function Get-Archive([string]$HomePath, [string]$Kind, $Source, $Uploaded, [int]$Limit) {
    # The checked file, or a hashtable @{needs} for the controller.
    $wanted = "$(Get-Field $Source 'sha256')".ToLowerInvariant()
    $path, $url, $name = (Get-Field $Source 'path'), (Get-Field $Source 'url'), (Get-Field $Source 'name')
    if ($path) {
        $target = "$HomePath\downloads\$($wanted.Substring(0, 12))-$([System.IO.Path]::GetFileName($path))"
        if ([System.IO.File]::Exists($target) -and (Get-Sha256 $target) -eq $wanted) { return $target }
        if (-not [System.IO.File]::Exists($path)) {
            Stop-With 'ARCHIVE_MISSING' ("${path}: there is no such archive on the controller, and the PC cannot read one there; " +
                'a share must let the user of the connection in, or use a url')
        }
        [System.IO.File]::Copy($path, $target, $true)   # what is checked is what is used
        Assert-Sha256 $target $wanted
        return $target
    }
    if ($url) { return Get-FromUrl $HomePath $url $wanted $Limit }
    $target = "$HomePath\downloads\$($wanted.Substring(0, 12))-$name"
    $file = Get-FromController @{ sha256 = $wanted } $target $Uploaded
    if ($file) { return $file }
    @{ needs = @{ kind = $Kind; name = "$name"; sha256 = $wanted } }
}

function Get-FromUrl([string]$HomePath, [string]$Url, [string]$Wanted, [int]$Limit) {
    $uri = $null
    if (-not [uri]::TryCreate($Url, 'Absolute', [ref]$uri) -or $uri.Scheme -notin 'http', 'https', 'file') {
        Stop-With 'ARCHIVE_MISSING' 'the url of an archive must begin with http, https or file'
    }
    $shown = $uri.GetComponents('SchemeAndServer, Path', 'UriEscaped')   # without user and password
    $name = [System.IO.Path]::GetFileName($uri.LocalPath)
    $target = "$HomePath\downloads\$($Wanted.Substring(0, 12))-$name"
    if ([System.IO.File]::Exists($target) -and (Get-Sha256 $target) -eq $Wanted) { return $target }
    $protocols = [System.Net.ServicePointManager]::SecurityProtocol
    [System.Net.ServicePointManager]::SecurityProtocol = $protocols -bor [System.Net.SecurityProtocolType]::Tls12
    $partial = "$HomePath\downloads\.new-$([guid]::NewGuid().ToString('N'))"
    $deadline = [DateTime]::UtcNow.AddSeconds($Limit)
    try {
        $answer, $in, $out = $null, $null, $null
        try {
            $request = [System.Net.WebRequest]::Create($uri)
            $request.Timeout = 60000
            if ($uri.UserInfo) {
                $user, $password = $uri.UserInfo.Split(@(':'), 2)
                $request.Credentials = New-Object -TypeName System.Net.NetworkCredential -ArgumentList `
                    ([uri]::UnescapeDataString($user)), ([uri]::UnescapeDataString("$password"))
            }
            $answer = $request.GetResponse()
            $in = $answer.GetResponseStream()
        } catch {
            $cause = "$shown cannot be fetched; check the URL, the network and the PC's trust in its certificate"
            Stop-With 'ARCHIVE_UNREACHABLE' $cause 'download' $null $_.Exception.GetBaseException().Message
        }
        try {
            $out = [System.IO.File]::Create($partial)
            $block = New-Object -TypeName 'byte[]' -ArgumentList 1048576
            while ($true) {
                try { $read = $in.Read($block, 0, $block.Length) } catch {
                    $cause = "$shown broke off while it was fetched; run again"
                    Stop-With 'ARCHIVE_UNREACHABLE' $cause 'download' $null $_.Exception.GetBaseException().Message
                }
                if ($read -le 0) { break }
                $out.Write($block, 0, $read)
                if ([DateTime]::UtcNow -gt $deadline) {
                    Stop-With 'ENVIRONMENT_TIME_LIMIT' "$shown was not fetched within $Limit seconds" 'download'
                }
            }
        } finally { foreach ($one in $out, $in, $answer) { if ($null -ne $one) { $one.Dispose() } } }
        try { Assert-Sha256 $partial $Wanted }
        catch { Stop-With 'HASH_MISMATCH' ($_.Exception.GetBaseException().Message -replace '^\.new-[0-9a-f]+', $shown) }
        [System.IO.File]::Move($partial, $target)
    } finally { if ([System.IO.File]::Exists($partial)) { [System.IO.File]::Delete($partial) } }
    $target
}

function Expand-File([string]$Archive, [string]$Into) {
    # Unpacks a zip, a wheel or a tar (also .gz) into a new folder; gives the folder within that everything stands in.
    $null = [System.IO.Directory]::CreateDirectory($Into)
    $stream = [System.IO.File]::OpenRead($Archive)
    try {
        $first, $second = $stream.ReadByte(), $stream.ReadByte()
        $stream.Position = 0
        if ($first -eq 0x50 -and $second -eq 0x4B) { Expand-Zip $stream $Into }
        elseif ($first -eq 0x1F -and $second -eq 0x8B) {
            $mode = [System.IO.Compression.CompressionMode]::Decompress
            $gzip = New-Object -TypeName System.IO.Compression.GZipStream -ArgumentList $stream, $mode
            Expand-Tar $gzip $Into
        } else { Expand-Tar $stream $Into }
    } catch {
        $base = $_.Exception.GetBaseException()
        $ofTheDisk = $base -is [System.UnauthorizedAccessException] -or
            ($base -is [System.IO.IOException] -and $base -isnot [System.IO.EndOfStreamException])
        if ($base.Data.Contains('code') -or $ofTheDisk) { throw }
        $cause = "$([System.IO.Path]::GetFileName($Archive)): not a zip, wheel or tar that can be read"
        Stop-With 'ARCHIVE_UNREADABLE' $cause 'unpack' $null $base.Message
    } finally { $stream.Dispose() }
    $folders, $files = [System.IO.Directory]::GetDirectories($Into), [System.IO.Directory]::GetFiles($Into)
    if ($folders.Length -eq 1 -and $files.Length -eq 0) { return $folders[0] }
    $Into
}

function Join-Inside([string]$Into, [string]$Name) {
    # The place of a member; one that Windows would write elsewhere, or take for a device or a stream, ends the unpacking.
    $parts = @($Name -split '[\\/]' | Where-Object { $_ -and $_ -ne '.' })
    $odd = @($parts | Where-Object { $_ -match $script:NoName })
    if ($Name -match '^[\\/]' -or $odd.Count -or $parts.Count -eq 0) {
        Stop-With 'ARCHIVE_UNREADABLE' "'$Name' in the archive would be written outside of its folder"
    }
    "$Into\$($parts -join '\')"
}

function Write-Member($Stream, [long]$Size, [string]$Path) {
    # $Size bytes of the stream into a file; -1: all of them.
    $null = [System.IO.Directory]::CreateDirectory([System.IO.Path]::GetDirectoryName($Path))
    $out = [System.IO.File]::Create($Path)
    try {
        if ($Size -lt 0) { $Stream.CopyTo($out); return }
        $block = New-Object -TypeName 'byte[]' -ArgumentList 262144
        while ($Size -gt 0) {
            $read = $Stream.Read($block, 0, [int][Math]::Min($Size, $block.Length))
            if ($read -le 0) { throw (New-Object -TypeName System.IO.EndOfStreamException) }
            $out.Write($block, 0, $read)
            $Size -= $read
        }
    } finally { $out.Dispose() }
}

function Expand-Zip($Stream, [string]$Into) {
    Add-Type -AssemblyName System.IO.Compression
    $zip = New-Object -TypeName System.IO.Compression.ZipArchive -ArgumentList $Stream
    foreach ($entry in $zip.Entries) {
        if ($entry.FullName.EndsWith('/') -or $entry.FullName.EndsWith('\')) { continue }
        $path = Join-Inside $Into $entry.FullName
        $content = $entry.Open()
        try { Write-Member $content -1 $path } finally { $content.Dispose() }
    }
}

function Read-Block($Stream, [int]$Size) {
    $block = New-Object -TypeName 'byte[]' -ArgumentList $Size
    $at = 0
    while ($at -lt $Size) {
        $read = $Stream.Read($block, $at, $Size - $at)
        if ($read -le 0) { throw (New-Object -TypeName System.IO.EndOfStreamException) }
        $at += $read
    }
    , $block
}

function Expand-Tar($Stream, [string]$Into) {
    # ustar, with GNU's and pax' long names; Windows has a tar of its own only since 2018. Links are left out: a Python
    # for Windows has none.
    $text = [System.Text.Encoding]::UTF8
    $long = ''
    while ($true) {
        $head = Read-Block $Stream 512
        if ($head[0] -eq 0) { return }
        if ($text.GetString($head, 257, 5) -ne 'ustar') {
            throw (New-Object -TypeName System.IO.InvalidDataException -ArgumentList 'no tar header')
        }
        $name = $text.GetString($head, 0, 100).Split([char]0)[0]
        $prefix = $text.GetString($head, 345, 155).Split([char]0)[0]
        if ($prefix -and $head[263] -eq 0x30) { $name = "$prefix/$name" }   # version 00: POSIX, with a prefix
        if ($long) { $name = $long; $long = '' }
        $size = [Convert]::ToInt64($text.GetString($head, 124, 12).Trim([char]0, ' '), 8)
        $padding = (512 - $size % 512) % 512
        switch ([char]$head[156]) {
            { $_ -in '0', [char]0, '7' } { Write-Member $Stream $size (Join-Inside $Into $name) }
            'L' { $long = $text.GetString((Read-Block $Stream $size)).TrimEnd([char]0) }
            'x' {
                $records = $text.GetString((Read-Block $Stream $size))
                if ($records -match '(?m)^\d+ path=(.*)$') { $long = $Matches[1] }
            }
            default { if ($size) { $null = Read-Block $Stream $size } }
        }
        if ($padding) { $null = Read-Block $Stream $padding }
    }
}

Export-ModuleMember -Function Get-Sha256, Get-Archive, Find-Wheel, Expand-File
