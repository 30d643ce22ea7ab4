# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

# Of the launcher wsl-NAME.cmd: student.ps1 NAME [--prepare | --renew NAME | --remove NAME | what is to be run]
# Sees to it that the user who starts it has a copy of his own of the distribution that is offered, in which a program runs.
# Ends with 10, or with 11 where something stands in the way, and one line says what. 0 and 1 are PowerShell's own, of a script that
# a policy let nobody run.
# Windows PowerShell 5.1, without administrator's rights. Beside it lie NAME.json, the export, and causes.txt: NAME-OF-ERROR cause.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$name, $what, $confirmed = @($args) + '', '' | Select-Object -First 3
$here = [System.IO.Path]::GetDirectoryName($MyInvocation.MyCommand.Path)
$lxss = 'Software\Microsoft\Windows\CurrentVersion\Lxss'
$own = "$env:LOCALAPPDATA\gpuready\wsl"
$folder = "$own\$name"
$ask = 'ask who looks after this PC'

function Write-Line([string]$Line) { [Console]::Out.WriteLine("${name}: $Line") }

function Stop-Here([string]$Line) {
    Write-Line $Line
    [System.Environment]::Exit(11)
}

trap { Stop-Here "$($_.Exception.Message); $ask" }

function Read-Text([string]$Path) {
    if ([System.IO.File]::Exists($Path)) { [System.IO.File]::ReadAllText($Path, [System.Text.Encoding]::UTF8) } else { '' }
}

function Read-Value([string]$Text, [string]$Key) {
    # The value of a key of a JSON file of gpuready's.
    if ($Text -match "`"$Key`": `"?([^`",\r\n]*)") { $Matches[1] } else { '' }
}

function Get-Copy {
    # This user's distribution of the name, whatever its state; `export` is the sha256 of the export that it is a copy of.
    $key = [Microsoft.Win32.Registry]::CurrentUser.OpenSubKey($lxss)
    if (-not $key) { return }
    foreach ($id in $key.GetSubKeyNames()) {
        $one = $key.OpenSubKey($id)
        if ("$($one.GetValue('DistributionName'))" -ne $name) { continue }
        $base = "$($one.GetValue('BasePath'))" -replace '^\\\\\?\\', ''
        $marker = Read-Text "$base\gpuready.json"
        return @{ base = $base; state = [int]$one.GetValue('State', 0); ours = [bool]$marker; export = Read-Value $marker 'export' }
    }
}

function Find-Wsl {
    $key = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey("$lxss\MSI")
    $place = $(if ($key) { "$($key.GetValue('InstallLocation'))".TrimEnd('\') } else { "$env:ProgramFiles\WSL" })
    if ([System.IO.File]::Exists("$place\wsl.exe")) { return "$place\wsl.exe" }
    Stop-Here "WSL is not installed on this PC; $ask"
}

function Assert-Possible {
    $policies = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey('Software\Policies\WSL')
    if ($policies -and "$($policies.GetValue('AllowWSL'))" -eq '0') { Stop-Here "a policy of this PC forbids WSL; $ask" }
    if ([Microsoft.Win32.Registry]::LocalMachine.OpenSubKey('SYSTEM\CurrentControlSet\Services\vmcompute')) { return }
    Stop-Here "the feature Virtual Machine Platform of Windows is off on this PC; $ask"
}

function Start-Wsl([string]$Arguments) {
    $start = New-Object -TypeName System.Diagnostics.ProcessStartInfo -ArgumentList $wsl, $Arguments
    $start.UseShellExecute = $false
    $start.RedirectStandardOutput = $true
    $start.RedirectStandardError = $true
    $start.StandardOutputEncoding = [System.Text.Encoding]::UTF8
    $start.StandardErrorEncoding = [System.Text.Encoding]::UTF8
    $start.EnvironmentVariables['WSL_UTF8'] = '1'
    $start.EnvironmentVariables['WSL_DISABLE_WARNINGS'] = '1'
    $process = [System.Diagnostics.Process]::Start($start)
    @{ process = $process; out = $process.StandardOutput.ReadToEndAsync(); err = $process.StandardError.ReadToEndAsync() }
}

function Get-Trouble($Run) {
    # '' for a success; else why, by the name or number that wsl.exe gives, or in its own words.
    $Run.process.WaitForExit()
    if ($Run.process.ExitCode -eq 0) { return '' }
    $said = "$($Run.err.Result)`n$($Run.out.Result)".Trim()
    $code = $(if ($said -match ':\s*Wsl/[\w/?()]*?(\w+)$') { $Matches[1] } else { '' })
    foreach ($line in (Read-Text "$here\causes.txt") -split "`r?`n") {
        if ($code -and $line.StartsWith("$code ")) { return "$($line.Substring($code.Length + 1)) ($code)" }
    }
    if (-not $said) { $said = "wsl.exe ended with $($Run.process.ExitCode)" }
    ($said -replace '\s+', ' ')
}

function Remove-Copy($Copy) {
    $trouble = Get-Trouble (Start-Wsl "--unregister $name")
    if ($trouble) { Stop-Here "your copy cannot be taken away: $trouble; close what uses it, wait a minute and start again" }
    Remove-Left $Copy.base
}

function Remove-Left([string]$Base) {
    # wsl.exe leaves a disk that somebody held, and always what is not its own.
    foreach ($file in 'ext4.vhdx', 'gpuready.json') {
        if ([System.IO.File]::Exists("$Base\$file")) { [System.IO.File]::Delete("$Base\$file") }
    }
    if ([System.IO.Directory]::Exists($Base) -and @([System.IO.Directory]::GetFileSystemEntries($Base)).Count -eq 0) {
        [System.IO.Directory]::Delete($Base)
    }
}

function Assert-Room($Old) {
    # For the whole guest; what a copy that goes gives back counts, and a gigabyte is left to Windows.
    $drive = New-Object -TypeName System.IO.DriveInfo -ArgumentList ([System.IO.Path]::GetPathRoot($folder))
    $free, $needed = $drive.AvailableFreeSpace, ([long]"0$(Read-Value $offer 'disk_bytes')" + 1GB)
    if ($Old -and [System.IO.File]::Exists("$($Old.base)\ext4.vhdx")) {
        $free += (New-Object -TypeName System.IO.FileInfo -ArgumentList "$($Old.base)\ext4.vhdx").Length
    }
    if ($free -ge $needed) { return }
    $has, $wants = [Math]::Round($free / 1GB, 1), [Math]::Round($needed / 1GB, 1)
    Stop-Here "a copy of your own needs $wants GB on $($drive.Name), and $has GB are free; free some and start again"
}

function Assert-Whole([string]$File) {
    # Against the sha256 that was written down when it was exported.
    if (-not [System.IO.File]::Exists($File)) { Stop-Here "what copies are made of is gone from this PC ($File); $ask" }
    $hash = [System.Security.Cryptography.SHA256]::Create()
    $stream = [System.IO.File]::Open($File, 'Open', 'Read', 'Read, Delete')
    try {
        $block = New-Object -TypeName 'byte[]' -ArgumentList 4194304
        while (($read = $stream.Read($block, 0, $block.Length)) -gt 0) {
            $null = $hash.TransformBlock($block, 0, $read, $null, 0)
            $done = 100 * $stream.Position / $stream.Length
            Write-Progress -Activity $name -Status 'Looking whether the export is whole' -PercentComplete $done
        }
        $null = $hash.TransformFinalBlock($block, 0, 0)
    } finally { $stream.Dispose() }
    $is = [BitConverter]::ToString($hash.Hash).Replace('-', '')
    if ($is -ne (Read-Value $offer 'sha256')) { Stop-Here "what copies are made of is damaged on this PC ($File); $ask" }
}

function New-Copy($Old) {
    Assert-Room $Old
    $file = "$here\$(Read-Value $offer 'file')"
    $size = [long]"0$(Read-Value $offer 'disk_bytes')"
    Write-Line "making your own copy, about $([Math]::Round($size / 1GB, 1)) GB; this takes some minutes"
    Assert-Whole $file
    if ($Old) { Remove-Copy $Old }
    Remove-Left $folder
    $null = [System.IO.Directory]::CreateDirectory($folder)
    $marker = "{`"distribution`": `"$name`", `"export`": `"$(Read-Value $offer 'sha256')`"}`n"
    [System.IO.File]::WriteAllText("$folder\gpuready.json", $marker, (New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false))
    $run = Start-Wsl "--import $name `"$folder`" `"$file`" --version 2"
    while (-not $run.process.WaitForExit(500)) {
        $disk = New-Object -TypeName System.IO.FileInfo -ArgumentList "$folder\ext4.vhdx"
        $done = $(if ($disk.Exists -and $size) { [Math]::Min(99, 100 * $disk.Length / $size) } else { 0 })
        Write-Progress -Activity $name -Status 'Making your own copy' -PercentComplete $done
    }
    Write-Progress -Activity $name -Completed
    $trouble = Get-Trouble $run
    if (-not $trouble) { return }
    if (-not (Get-Copy)) { Remove-Left $folder }
    Stop-Here "your own copy could not be made: $trouble; $ask"
}

function Enter-Copy {
    # Two windows at once make one copy.
    $null = [System.IO.Directory]::CreateDirectory($own)
    try { [System.IO.File]::Open("$own\.$name.lock", 'OpenOrCreate', 'ReadWrite', 'None') } catch [System.IO.IOException] {
        Stop-Here 'your copy is just being made or taken away by another window; wait until that has ended'
    }
}

$wsl = Find-Wsl
Assert-Possible
$offer = Read-Text "$here\$name.json"
$lock = Enter-Copy
try {
    $copy = Get-Copy
    if ($copy -and -not $copy.ours) { Stop-Here "you have a distribution $name already that is none of this PC's; rename or remove it" }
    if ($what -in '--renew', '--remove') {
        if (-not $copy) { Stop-Here 'you have no copy' }
        if (-not $copy.export) { Stop-Here 'this is what all copies are made of, and no copy' }
        if ($confirmed -cne $name) { Stop-Here "all files in your copy are lost; if you want that: wsl-$name.cmd $what $name" }
    }
    if ($what -eq '--remove') {
        Remove-Copy $copy
        Write-Line 'your copy was taken away'
        [System.Environment]::Exit(10)
    }
    if ($copy -and $copy.state -ne 1) {
        Remove-Copy $copy
        Write-Line 'half a copy was taken away'
        $copy = $null
    }
    if (-not $copy -or $what -eq '--renew') {
        if (-not $offer) { Stop-Here "it is no longer offered on this PC; $ask" }
        New-Copy $copy
        Write-Line 'your own copy is there'
    } elseif ($copy.export -and $offer -and $copy.export -ne (Read-Value $offer 'sha256')) {
        $made = Read-Value $offer 'exported_at'
        Write-Line "there is a newer one, of $made; wsl-$name.cmd --renew $name makes your copy anew, without the files in it"
    }
} finally { $lock.Dispose() }
if ($what -in '--renew', '--prepare') { [System.Environment]::Exit(10) }
$trouble = Get-Trouble (Start-Wsl "-d $name --exec /bin/true")
if ($trouble) { Stop-Here "it does not start: $trouble; $ask" }
[System.Environment]::Exit(10)
