# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

# WSL on a Windows PC, by its wsl.exe and the registry. Only a distribution that has gpuready's marker beside its disk is touched; what
# wsl.exe says is handed on and read on the controller.  Windows PowerShell 5.1; needs Json, Programs, Contents and Home.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$script:Lxss = 'Software\Microsoft\Windows\CurrentVersion\Lxss'

function Find-Wsl {
    $key = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey("$script:Lxss\MSI")
    $place = $(if ($key) { "$($key.GetValue('InstallLocation'))".TrimEnd('\') } else { '' })
    $candidates = @("$env:ProgramFiles\WSL\wsl.exe")
    if ($place) { $candidates += "$place\wsl.exe" }
    Find-First $candidates
}

function Assert-Wsl([string]$Wsl) {
    # Whether wsl.exe would take an order of this user at all.
    $me = [System.Security.Principal.WindowsIdentity]::GetCurrent().User.Value
    if ($me -eq 'S-1-5-18') { Stop-With 'WSL_LOCAL_SYSTEM' 'this runs as LocalSystem, of whom WSL takes no orders' }
    $policies = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey('Software\Policies\WSL')
    if ($policies -and "$($policies.GetValue('AllowWSL'))" -eq '0') { Stop-With 'WSL_POLICY' 'a policy of the PC forbids WSL' }
    if (-not $Wsl) { Stop-With 'WSL_NOT_INSTALLED' 'the package of WSL is not installed on the PC' }
}

function Get-Registered($Hive, [string]$Name) {
    # The distribution of this name in a user's hive, whatever its state.
    $key = $Hive.OpenSubKey($script:Lxss)
    if (-not $key) { return }
    foreach ($id in $key.GetSubKeyNames()) {
        $one = $key.OpenSubKey($id)
        if ("$($one.GetValue('DistributionName'))" -ne $Name) { continue }
        $base = "$($one.GetValue('BasePath'))" -replace '^\\\\\?\\', ''
        $disk = "$($one.GetValue('VhdFileName'))"
        if (-not $disk) { $disk = 'ext4.vhdx' }
        $marker = $(if ($base -match '^[A-Za-z]:\\') { Read-Json "$base\gpuready.json" })   # what stands in a hive is its user's: no share
        return @{
            id = $id; base = $base; disk = "$base\$disk"; state = [int]$one.GetValue('State', 0)
            wsl2 = [bool]([int]$one.GetValue('Flags', 7) -band 8); marker = $marker
        }
    }
}

function Get-OtherOwner([string]$Name) {
    # The user, if there is one, who has a distribution of this name that is not gpuready's. Only users who are logged on are seen.
    $me = [System.Security.Principal.WindowsIdentity]::GetCurrent().User.Value
    foreach ($sid in [Microsoft.Win32.Registry]::Users.GetSubKeyNames()) {
        if ($sid -eq $me -or $sid -notlike 'S-1-5-21-*' -or $sid -like '*_Classes') { continue }
        try { $found = Get-Registered ([Microsoft.Win32.Registry]::Users.OpenSubKey($sid)) $Name } catch { continue }
        if ($found -and $null -eq $found.marker) { return $sid }
    }
}

function Get-DiskFolder([string]$Location, [string]$Name) {
    # Where a distribution's disk is to lie.
    if (-not $Location) { $Location = "%LOCALAPPDATA%\gpuready\wsl\$Name" }
    [System.Environment]::ExpandEnvironmentVariables($Location).TrimEnd('\')
}

function Get-Holding([string]$Path) {
    # Why a disk cannot be opened, as where a guest runs or a backup; nothing where nobody holds it, or it is not there.
    if (-not [System.IO.File]::Exists($Path)) { return }
    try { [System.IO.File]::Open($Path, 'Open', 'ReadWrite', 'None').Dispose() } catch [System.IO.IOException] {
        Get-Problem $_.Exception
    }
}

function Get-Offer([string]$Folder, [string]$Name) {
    # What NAME.json offers the users of the PC, with its file; $null where that is not there, or is not the whole of it.
    $offer = Read-Json "$Folder\$Name.json"
    if ($null -eq $offer -or -not [System.IO.File]::Exists("$Folder\$($offer['file'])")) { return }
    if ((New-Object -TypeName System.IO.FileInfo -ArgumentList "$Folder\$($offer['file'])").Length -eq $offer['size_bytes']) { $offer }
}

function Get-Place([string]$Name, [string]$Location, [string]$HomePath) {
    # Where a distribution lies or would lie, what lies there now, and whose it is: raw evidence, before anything is changed.
    $found = Get-Registered ([Microsoft.Win32.Registry]::CurrentUser) $Name
    $folder = $(if ($found) { $found.base } else { Get-DiskFolder $Location $Name })
    $disk = $(if ($found) { $found.disk } else { "$folder\ext4.vhdx" })
    $drive, $free, $holding, $other = [System.IO.Path]::GetPathRoot($folder), $null, (Get-Holding $disk), (Get-OtherOwner $Name)
    try { $free = (New-Object -TypeName System.IO.DriveInfo -ArgumentList $drive).AvailableFreeSpace } catch { $null = $_ }
    $offer = $(if ($HomePath) { Get-Offer "$HomePath\wsl" $Name })   # without a home nothing of it is believed
    @{
        export = $(if ($offer) { $offer['sha256'] } else { $null })
        name = $Name; folder = $folder; registered = [bool]$found; marker = [System.IO.File]::Exists("$folder\gpuready.json")
        disk = [System.IO.File]::Exists($disk); held = $(if ($holding) { $holding } else { $null }); drive = $drive; free_bytes = $free
        other_sid = $(if ($other) { $other } else { $null })
    }
}

function Assert-Ours($Found, [string]$Name) {
    if ($null -ne $Found.marker) { return }
    Stop-With 'WSL_NOT_OURS' "a distribution $Name is registered for this user already ($($Found.base)), and gpuready did not make it"
}

function ConvertTo-Argument([string]$Value) {
    '"' + (($Value -replace '(\\*)"', '$1$1\"') -replace '(\\+)$', '$1$1') + '"'
}

function Invoke-Wsl([string]$Wsl, [string]$Arguments, [int]$Limit) {
    # What wsl.exe, or the program in the guest, wrote; what fails is told with its last words.
    $variables = @{ WSL_UTF8 = '1'; WSL_DISABLE_WARNINGS = '1' }
    $answer = Receive-Program (Start-Program $Wsl $Arguments $variables) $Limit
    $late = Get-Field $answer '__error'
    if ($late) { Stop-With 'WSL_TIME_LIMIT' "$($late.message)" 'wsl' }
    if ($answer.rc -eq 0) { return $answer.stdout }
    $said = "$($answer.stdout)`n$($answer.stderr)".Trim()
    $step = $Arguments.Split(' ')[0]
    Stop-With 'WSL_FAILED' "wsl.exe $step ended with $($answer.rc)" 'wsl' $answer.rc $said
}

function Assert-Room([string]$Folder, [long]$Needed, [string]$What) {
    # A gigabyte is left to Windows.
    $drive = New-Object -TypeName System.IO.DriveInfo -ArgumentList ([System.IO.Path]::GetPathRoot($Folder))
    $Needed += 1073741824
    if ($drive.AvailableFreeSpace -ge $Needed) { return }
    $has, $wants = [Math]::Round($drive.AvailableFreeSpace / 1GB, 1), [Math]::Round($Needed / 1GB, 1)
    Stop-With 'WSL_DISK_TOO_SMALL' "$($drive.Name) has $has GB free, and $What needs $wants GB there"
}

Export-ModuleMember -Function Find-Wsl, Assert-Wsl, Get-Registered, Get-OtherOwner, Get-DiskFolder, Get-Holding, Get-Offer,
    Get-Place, Assert-Ours, ConvertTo-Argument, Invoke-Wsl, Assert-Room
