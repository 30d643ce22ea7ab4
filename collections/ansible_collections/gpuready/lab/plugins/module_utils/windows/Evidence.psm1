# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

# Pieces of evidence, the registry as it is.  Windows PowerShell 5.1.

Set-StrictMode -Version Latest

function ConvertTo-ErrorEntry($Exception) {
    $cause = $Exception
    while ($null -ne $cause.InnerException -and -not $cause.Data.Contains('code')) { $cause = $cause.InnerException }
    $code = 'COLLECTION_FAILED'
    if ($cause.Data.Contains('code')) { $code = $cause.Data['code'] }
    elseif ($cause -is [System.UnauthorizedAccessException] -or $cause -is [System.Security.SecurityException]) { $code = 'ACCESS_DENIED' }
    $number = ''   # the words are in the language of Windows
    if (($cause.HResult -band 0xFFFF0000) -eq 0x80070000) { $number = " [WinError $($cause.HResult -band 0xFFFF)]" }
    @{ code = $code; message = $cause.Message.Trim() + $number }
}

function Add-Piece($Pieces, [string]$Name, [scriptblock]$Collect) {
    # A collector that gives a hashtable with the key __error had both something to show and something to regret.
    $piece = @{ value = $null; error = $null }
    try {
        $piece.value = & $Collect
        if ($null -eq $piece.value) { $piece.value = $null }   # no output at all is not quite $null
        if ($piece.value -is [hashtable] -and $piece.value.ContainsKey('__error')) {
            $piece.error = $piece.value['__error']
            $piece.value = $piece.value['__value']
        }
    } catch { $piece.error = ConvertTo-ErrorEntry $_.Exception }
    $Pieces[$Name] = $piece
}

function Open-Key([string]$Hive, [string]$Path, [string]$View = 'Registry64') {
    [Microsoft.Win32.RegistryKey]::OpenBaseKey($Hive, $View).OpenSubKey($Path)
}

function Read-Value($Key, [string]$Name) {
    $value = $Key.GetValue($Name, $null, 'DoNotExpandEnvironmentNames')
    if ($value -is [byte[]]) { return 'hex:' + [BitConverter]::ToString($value).Replace('-', ',').ToLowerInvariant() }
    if ($value -is [string[]]) { return , $value }
    $value
}

function Read-Values([string]$Hive, [string]$Path, [string[]]$Names, [string]$View = 'Registry64') {
    # The named values of a key, or $null when there is no such key.
    $key = Open-Key $Hive $Path $View
    if ($null -eq $key) { return $null }
    $result = @{}
    foreach ($name in $Names) { $result[$name] = Read-Value $key $name }
    $result
}

function Test-Key([string]$Hive, [string]$Path) { $null -ne (Open-Key $Hive $Path) }

function Read-OrNull([scriptblock]$Read) {
    # For what only rounds off a piece: its absence is said by the values that are null.
    try { & $Read } catch { $null }
}

function Get-FileVersion([string]$Path) {
    # $null without the file, '' for a file without a version.
    if (-not [System.IO.File]::Exists($Path)) { return $null }
    $info = [System.Diagnostics.FileVersionInfo]::GetVersionInfo($Path)
    $numbers = $info.FileMajorPart, $info.FileMinorPart, $info.FileBuildPart, $info.FilePrivatePart
    if (-not ($numbers -ne 0)) { return '' }
    $numbers -join '.'
}

function Get-Machine([string]$Path) {
    # The processor that a program is for, from its PE header; $null when it is no such file.
    $stream = [System.IO.File]::Open($Path, 'Open', 'Read', 'ReadWrite')
    try {
        $bytes = New-Object -TypeName 'byte[]' -ArgumentList 4096
        $read = $stream.Read($bytes, 0, 4096)
        if ($read -lt 64 -or $bytes[0] -ne 0x4D) { return $null }
        $header = [BitConverter]::ToInt32($bytes, 0x3C)
        if ($header -lt 0 -or $header + 6 -gt $read) { return $null }
        [int][BitConverter]::ToUInt16($bytes, $header + 4)
    } finally { $stream.Dispose() }
}

Export-ModuleMember -Function ConvertTo-ErrorEntry, Add-Piece, Open-Key, Read-Value, Read-Values, Test-Key, Read-OrNull, Get-FileVersion,
    Get-Machine
