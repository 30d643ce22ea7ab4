# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

# The driver that Windows Update offers for one device, and for no other, downloaded and installed. What its numbers mean is the
# controller's business. Windows lets nobody install so who came over the network: this runs as SYSTEM.
# Windows PowerShell 5.1; needs Evidence.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$script:Policies = 'SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate'
$script:Disabled = 4   # of a service's start
$script:Succeeded = 2   # orcSucceeded; 3 with errors, 4 failed, 5 aborted
$script:Beside = 'Extension', 'SoftwareComponent'   # they go with a driver, and are none

function New-UpdateObject([string]$Name) { New-Object -ComObject "Microsoft.Update.$Name" }

function Get-UpdatePolicy {
    $of = Read-Values 'LocalMachine' $script:Policies 'DisableWindowsUpdateAccess', 'ExcludeWUDriversInQualityUpdate', 'WUServer'
    $auto = Read-Values 'LocalMachine' "$script:Policies\AU" 'UseWUServer'
    $service = Read-Values 'LocalMachine' 'SYSTEM\CurrentControlSet\Services\wuauserv' 'Start'
    $server = $(if ($auto -and $auto.UseWUServer -eq 1 -and $of) { "$($of.WUServer)" } else { '' })
    [ordered]@{
        access_disabled = [bool]($of -and $of.DisableWindowsUpdateAccess -eq 1)
        drivers_excluded = [bool]($of -and $of.ExcludeWUDriversInQualityUpdate -eq 1)
        service_disabled = [bool]($service -and $service.Start -eq $script:Disabled)
        server = $server
    }
}

function Find-DeviceUpdate($Session, [string]$Device) {
    # The newest of those whose hardware id is one of the device's own.
    $ids = @((Read-Values 'LocalMachine' "SYSTEM\CurrentControlSet\Enum\$Device" 'HardwareID').HardwareID)
    $found = $Session.CreateUpdateSearcher().Search("IsInstalled=0 and IsHidden=0 and Type='Driver'")
    $mine = @($found.Updates | Where-Object { $_.DriverHardwareID -in $ids -and $_.DriverClass -notin $script:Beside })
    $mine | Sort-Object -Property DriverVerDate -Descending | Select-Object -First 1
}

function Install-DeviceUpdate([string]$Device, [bool]$Accept) {
    # How far it came: the step, the number of its result and what is wrong with it, and whether Windows must be restarted.
    $said = [ordered]@{ policy = Get-UpdatePolicy; step = 'policy'; title = ''; result = $null; hresult = 0; restart = $false }
    if ($said.policy.access_disabled -or $said.policy.service_disabled) { return $said }
    try {
        $said.step = 'search'
        $session = New-UpdateObject 'Session'
        $session.ClientApplicationID = 'gpuready'
        $update = Find-DeviceUpdate $session $Device
        if ($null -eq $update) { return $said }
        $said.title = "$($update.Title)"
        $said.step = 'licence'
        if (-not $update.EulaAccepted) {
            if (-not $Accept) { return $said }
            $update.AcceptEula()
        }
        $updates = New-UpdateObject 'UpdateColl'
        $null = $updates.Add($update)
        $said.step = 'download'
        $downloader = $session.CreateUpdateDownloader()
        $downloader.Updates = $updates
        $done = $downloader.Download()
        $said.result, $said.hresult = [int]$done.ResultCode, [int]$done.GetUpdateResult(0).HResult
        if ($said.result -ne $script:Succeeded) { return $said }
        $said.step, $said.result = 'install', $null
        $installer = $session.CreateUpdateInstaller()
        $installer.AllowSourcePrompts = $false
        $installer.ForceQuiet = $true
        $installer.Updates = $updates
        $done = $installer.Install()
        $said.result, $said.hresult = [int]$done.ResultCode, [int]$done.GetUpdateResult(0).HResult
        $said.restart = [bool]$done.RebootRequired
    } catch {
        $said.result, $said.hresult = $null, $_.Exception.GetBaseException().HResult
    }
    $said
}

Export-ModuleMember -Function Install-DeviceUpdate
