# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

# The display devices of a Windows PC as Windows knows them, and their drivers: raw, for the pieces video_controllers, pnp_display and
# display_class of the evidence. Windows PowerShell 5.1; needs Evidence and Cim.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$script:DisplayClass = '{4d36e968-e325-11ce-bfc1-08002be10318}'
$script:ClassKey = "SYSTEM\CurrentControlSet\Control\Class\$script:DisplayClass"

function Get-DisplayQuery {
    # What CIM is asked: the controllers, and what of Plug and Play may be a display device.
    @{
        class = 'Win32_VideoController'
        properties = 'DeviceID', 'Name', 'AdapterCompatibility', 'AdapterRAM', 'ConfigManagerErrorCode', 'DriverVersion', 'DriverDate',
            'PNPDeviceID', 'InfFilename', 'InfSection', 'VideoProcessor', 'Status'
    }
    @{
        class = 'Win32_PnPEntity'
        filter = "ClassGuid='$script:DisplayClass' OR DeviceID LIKE 'PCI%'"
        properties = 'DeviceID', 'Name', 'PNPClass', 'ClassGuid', 'Manufacturer', 'Service', 'ConfigManagerErrorCode', 'Present', 'Status',
            'HardwareID', 'CompatibleID'
    }
}

function Read-DisplayClass {
    # The keys of drivers, among them those of cards that are gone.
    $class = Open-Key 'LocalMachine' $script:ClassKey
    $names = 'DriverDesc', 'ProviderName', 'DriverVersion', 'DriverDate', 'MatchingDeviceId', 'InfPath', 'InfSection',
        'RadeonSoftwareVersion', 'RadeonSoftwareEdition', 'HardwareInformation.qwMemorySize', 'HardwareInformation.MemorySize',
        'HardwareInformation.AdapterString', 'HardwareInformation.ChipType'
    $rows = @(if ($class) {
        foreach ($sub in @($class.GetSubKeyNames() | Sort-Object)) {
            if ($sub -notmatch '^\d{4}$') { continue }
            $row = Read-Values 'LocalMachine' "$script:ClassKey\$sub" $names
            if ($row) { $row.key = $sub; $row }
        }
    })
    , $rows
}

function Add-DeviceKey($Rows, [string]$IdName) {
    # The driver's key in the display class and the place on the bus stand with the device in the registry.
    foreach ($row in $Rows) {
        $row.Driver = $null
        $row.LocationInformation = $null
        if (-not $row[$IdName]) { continue }
        $device = Read-OrNull {
            Read-Values 'LocalMachine' "SYSTEM\CurrentControlSet\Enum\$($row[$IdName])" 'Driver', 'LocationInformation'
        }
        if ($device) { $row.Driver = $device.Driver; $row.LocationInformation = $device.LocationInformation }
    }
    , @($Rows)
}

function Get-Controller($Asked) { Add-DeviceKey (Get-CimAnswer $Asked 'Win32_VideoController') 'PNPDeviceID' }

function Get-DisplayEntity($Asked) {
    # Display devices, and those of PCI that would be some and have no driver that says so.
    $rows = @((Get-CimAnswer $Asked 'Win32_PnPEntity') | Where-Object {
        "$($_.ClassGuid)" -eq $script:DisplayClass -or (-not $_.ClassGuid -and @($_.CompatibleID) -like 'PCI\CC_03*')
    })
    Add-DeviceKey $rows 'DeviceID'
}

Export-ModuleMember -Function Get-DisplayQuery, Read-DisplayClass, Get-Controller, Get-DisplayEntity
