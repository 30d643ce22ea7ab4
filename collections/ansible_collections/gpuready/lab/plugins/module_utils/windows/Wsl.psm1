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
        return @{
            id = $id; base = $base; disk = "$base\$disk"; state = [int]$one.GetValue('State', 0)
            wsl2 = [bool]([int]$one.GetValue('Flags', 7) -band 8); marker = Read-Json "$base\gpuready.json"
        }
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

Export-ModuleMember -Function Find-Wsl, Assert-Wsl, Get-Registered, Assert-Ours, ConvertTo-Argument, Invoke-Wsl, Assert-Room
