#!powershell

# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -PowerShell ..module_utils.windows.Cim
#AnsibleRequires -PowerShell ..module_utils.windows.Contents
#AnsibleRequires -PowerShell ..module_utils.windows.Damage
#AnsibleRequires -PowerShell ..module_utils.windows.Display
#AnsibleRequires -PowerShell ..module_utils.windows.Json
#AnsibleRequires -PowerShell ..module_utils.windows.Evidence
#AnsibleRequires -PowerShell ..module_utils.windows.Programs
#AnsibleRequires -PowerShell ..module_utils.windows.Rights
#AnsibleRequires -PowerShell ..module_utils.windows.Wsl

# Collects raw evidence and interprets nothing: docs/evidence.md has the shape of every piece.  Programs and CIM queries are started
# first and run beside the reading of the registry; each has a time limit, so that a hanging one costs its own piece alone.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$spec = @{
    options = @{
        home = @{ type = 'str'; default = 'C:\ProgramData\gpuready' }
        time_limit = @{ type = 'int'; default = 20 }
        runtime_files = @{ type = 'list'; elements = 'str'; default = @() }
        check_hashes = @{ type = 'bool'; default = $false }
        distribution = @{ type = 'str'; default = 'gpuready' }
        location = @{ type = 'str' }
    }
    supports_check_mode = $true
}
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)
$homePath = $module.Params.home.TrimEnd('\')
$limit = $module.Params.time_limit
if ($limit -lt 1 -or $limit -gt 600) { $module.FailJson("time_limit: $limit is not between 1 and 600 seconds") }

$watch = [System.Diagnostics.Stopwatch]::StartNew()
$started = [DateTime]::UtcNow
$control = 'SYSTEM\CurrentControlSet\Control'
$lxss = 'SOFTWARE\Microsoft\Windows\CurrentVersion\Lxss'
$servicing = 'SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing'
$featureNames = 'VirtualMachinePlatform', 'Microsoft-Windows-Subsystem-Linux', 'Microsoft-Hyper-V'
$pieces = [ordered]@{}

# --- programs ---------------------------------------------------------------------------------------------------------------------
$system = Get-SystemDirectory
$programFiles = $env:ProgramFiles
if ($env:ProgramW6432) { $programFiles = $env:ProgramW6432 }

$places = @("$system\nvidia-smi.exe", "$programFiles\NVIDIA Corporation\NVSMI\nvidia-smi.exe") + @(Find-OnPath 'nvidia-smi.exe')
$smi = Start-Program (Find-First $places) '-q -x'
# What others may have put into gpuready's folder is neither run nor believed.
$refused = Get-HomeFault $homePath
$ownUv = $(if (-not $refused) { "$homePath\uv.exe" })
$places = @($ownUv) + @(Find-OnPath 'uv.exe') + "$env:USERPROFILE\.local\bin\uv.exe"
$uv = Start-Program (Find-First $places) '--version'

$msi, $store, $wslProblem, $wslRun = $null, $null, $null, $null
try {
    $msi = Read-Values 'LocalMachine' "$lxss\MSI" 'Version', 'InstallLocation', 'ProductCode'
    $packages = Open-Key 'LocalMachine' 'SOFTWARE\Microsoft\Windows\CurrentVersion\Appx\AppxAllUserStore\Applications'
    if ($packages) {
        $store = $packages.GetSubKeyNames() |
            Where-Object { $_ -like 'MicrosoftCorporationII.WindowsSubsystemForLinux_*' } |
            Select-Object -First 1
    }
    # The inbox wsl.exe of a PC without WSL offers to install it: it is run only when WSL is known to be there.
    $candidates = @("$programFiles\WSL\wsl.exe")
    if ($msi -and $msi.InstallLocation) { $candidates += $msi.InstallLocation.TrimEnd('\') + '\wsl.exe' }
    if ($msi -or $store) { $candidates += "$system\wsl.exe" }
    $wslRun = Start-Program (Find-First $candidates) '--version' @{ WSL_UTF8 = '1' }
} catch { $wslProblem = $_.Exception }

# --- CIM, in a runspace of its own ------------------------------------------------------------------------------------------------
$restartPending = $false
try {
    $restartPending = (Test-Key 'LocalMachine' "$servicing\RebootPending") -or (Test-Key 'CurrentUser' "$lxss\InstallStatus")
} catch { $null = $_ }   # the piece pending_reboot says it

$queries = @(
    @{
        class = 'Win32_OperatingSystem'
        properties = 'Caption', 'Version', 'BuildNumber', 'ProductType', 'OSLanguage', 'MUILanguages', 'OSArchitecture', 'LastBootUpTime'
    }
    @{
        class = 'Win32_ComputerSystem'
        properties = 'Manufacturer', 'Model', 'TotalPhysicalMemory', 'NumberOfLogicalProcessors', 'HypervisorPresent', 'PCSystemType',
            'UserName'
    }
    Get-DisplayQuery
    @{
        class = 'Win32_Processor'
        properties = 'Name', 'Manufacturer', 'Architecture', 'NumberOfCores', 'NumberOfLogicalProcessors', 'VirtualizationFirmwareEnabled',
            'SecondLevelAddressTranslationExtensions', 'VMMonitorModeExtensions'
    }
    @{
        class = 'Win32_OptionalFeature'
        filter = ($featureNames | ForEach-Object { "Name='$_'" }) -join ' OR '
        properties = 'Name', 'InstallState'
    }
    @{ class = 'Win32_Process'; filter = "Name='explorer.exe'"; properties = 'ProcessId', 'SessionId' }
)
$asked = Start-CimQuery $queries $limit $featureNames $restartPending

# --- the registry, the files and the programs -------------------------------------------------------------------------------------
$currentVersion = Read-OrNull {
    Read-Values 'LocalMachine' 'SOFTWARE\Microsoft\Windows NT\CurrentVersion' 'ProductName', 'EditionID', 'DisplayVersion',
        'InstallationType', 'CurrentBuildNumber', 'UBR'
}

Add-Piece $pieces 'display_class' { Read-DisplayClass }

Add-Piece $pieces 'architecture' {
    $machine = Read-Values 'LocalMachine' "$control\Session Manager\Environment" 'PROCESSOR_ARCHITECTURE'
    @{
        machine = $(if ($machine) { $machine.PROCESSOR_ARCHITECTURE } else { $null })
        process = $env:PROCESSOR_ARCHITECTURE
        wow64 = $env:PROCESSOR_ARCHITEW6432
        os_64bit = [System.Environment]::Is64BitOperatingSystem
        process_64bit = [System.Environment]::Is64BitProcess
    }
}

Add-Piece $pieces 'pending_reboot' {
    $session = Read-Values 'LocalMachine' "$control\Session Manager" 'PendingFileRenameOperations'
    $active = Read-Values 'LocalMachine' "$control\ComputerName\ActiveComputerName" 'ComputerName'
    $pending = Read-Values 'LocalMachine' "$control\ComputerName\ComputerName" 'ComputerName'
    $renames = @(if ($session) { $session.PendingFileRenameOperations | Where-Object { $null -ne $_ } })
    @{
        cbs_reboot_pending = Test-Key 'LocalMachine' "$servicing\RebootPending"
        cbs_packages_pending = Test-Key 'LocalMachine' "$servicing\PackagesPending"
        windows_update = Test-Key 'LocalMachine' 'SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired'
        # Pairs of an old name and a new one, which is empty for a removal.
        file_renames = [int][Math]::Ceiling($renames.Count / 2)
        computer_name = @{
            active = $(if ($active) { $active.ComputerName } else { $null })
            pending = $(if ($pending) { $pending.ComputerName } else { $null })
        }
        wsl_install_status = Test-Key 'CurrentUser' "$lxss\InstallStatus"
    }
}

Add-Piece $pieces 'wsl_registry' {
    if ($wslProblem) { throw $wslProblem }
    $identity = [System.Security.Principal.WindowsIdentity]::GetCurrent()
    $user = @{
        name = $identity.Name
        sid = $(if ($identity.User) { $identity.User.Value } else { $null })
        DefaultDistribution = $null
        DefaultVersion = $null
        distributions = @()
    }
    $own = Open-Key 'CurrentUser' $lxss
    if ($own) {
        $user.DefaultDistribution = Read-Value $own 'DefaultDistribution'
        $user.DefaultVersion = Read-Value $own 'DefaultVersion'
        $user.distributions = @(foreach ($id in $own.GetSubKeyNames()) {
            if ($id -notlike '{*}') { continue }
            $row = Read-Values 'CurrentUser' "$lxss\$id" 'DistributionName', 'State', 'Version', 'Flags', 'DefaultUid', 'BasePath',
                'VhdFileName', 'Flavor', 'OsVersion'
            if ($row) { $row.id = $id; $row }
        })
    }
    $policyKey = Open-Key 'LocalMachine' 'SOFTWARE\Policies\WSL'
    $policies = $null
    if ($policyKey) {
        $policies = @{}
        foreach ($name in $policyKey.GetValueNames()) { $policies[$name] = Read-Value $policyKey $name }
    }
    @{ msi = $msi; store = $store; user = $user; policies = $policies; inbox = [System.IO.File]::Exists("$system\wsl.exe") }
}

Add-Piece $pieces 'wsl_place' {
    Get-Place $module.Params.distribution $module.Params.location $(if (-not $refused) { $homePath })
}

Add-Piece $pieces 'interpreters' {
    $interpreters = [ordered]@{}
    function Add-Interpreter([string]$Path, [string]$Source, [string]$Version) {
        # A file of no length is the Store's placeholder.
        if ($interpreters.Contains($Path.ToLowerInvariant()) -or -not [System.IO.File]::Exists($Path)) { return }
        if ((New-Object -TypeName System.IO.FileInfo -ArgumentList $Path).Length -eq 0) { return }
        $own = [System.Diagnostics.FileVersionInfo]::GetVersionInfo($Path).ProductVersion
        if ($own) { $Version = $own }
        $interpreters[$Path.ToLowerInvariant()] = @{
            path = $Path
            version = $(if ($Version) { $Version } else { $null })
            machine = Get-Machine $Path
            source = $Source
        }
    }
    foreach ($place in @('CurrentUser', 'Registry64'), @('LocalMachine', 'Registry64'), @('LocalMachine', 'Registry32')) {
        $root = Open-Key $place[0] 'SOFTWARE\Python' $place[1]
        if (-not $root) { continue }
        foreach ($company in $root.GetSubKeyNames()) {
            if ($company -eq 'PyLauncher') { continue }
            foreach ($tag in $root.OpenSubKey($company).GetSubKeyNames()) {
                $install = Read-Values $place[0] "SOFTWARE\Python\$company\$tag\InstallPath" @('', 'ExecutablePath') $place[1]
                if (-not $install) { continue }
                $path = $install['ExecutablePath']
                if (-not $path -and $install['']) { $path = $install[''].TrimEnd('\') + '\python.exe' }
                if ($path) { Add-Interpreter $path 'registry' (Read-Value $root.OpenSubKey("$company\$tag") 'Version') }
            }
        }
    }
    if (-not $refused -and [System.IO.Directory]::Exists("$homePath\python")) {
        foreach ($directory in (New-Object -TypeName System.IO.DirectoryInfo -ArgumentList "$homePath\python").GetDirectories()) {
            # uv links 3.10 to 3.10.11: the link is no interpreter of its own.
            $isLink = $directory.Attributes -band [System.IO.FileAttributes]::ReparsePoint
            if (-not $isLink) { Add-Interpreter "$($directory.FullName)\python.exe" 'home' '' }
        }
    }
    foreach ($path in @(Find-OnPath 'python.exe')) { Add-Interpreter $path 'path' '' }
    , @($interpreters.Values)
}

Add-Piece $pieces 'vc_runtime' {
    $key = 'SOFTWARE\Microsoft\VisualStudio\14.0\VC\Runtimes\X64'
    $names = 'Installed', 'Version', 'Major', 'Minor', 'Bld'
    $values = $null
    foreach ($view in 'Registry64', 'Registry32') {
        if (-not $values) { $values = Read-Values 'LocalMachine' $key $names $view }
    }
    $files = @{}
    foreach ($name in $module.Params.runtime_files) { $files[$name] = Get-FileVersion "$system\$name" }
    @{ registry = $values; files = $files }
}

Add-Piece $pieces 'disk' {
    $drive = New-Object -TypeName System.IO.DriveInfo -ArgumentList ([System.IO.Path]::GetPathRoot($homePath))
    if (-not $drive.IsReady) { throw "$($drive.Name) is no drive that is ready" }
    @{ path = $drive.Name; free_bytes = $drive.TotalFreeSpace; total_bytes = $drive.TotalSize }
}

function Assert-Home { if ($refused) { throw (New-CodedException 'HOME_NOT_OURS' $refused) } }

Add-Piece $pieces 'environments' { Assert-Home; Get-HomeContent $homePath $module.Params.runtime_files $module.Params.check_hashes }
Add-Piece $pieces 'last_pass' { Assert-Home; , @(Get-JsonText "$homePath\passes") }

Add-Piece $pieces 'marker' {
    $own = Read-Values 'LocalMachine' 'SOFTWARE\gpuready' 'Simulated'
    if (-not $own -or -not $own.Simulated) { return $null }
    @{ simulated = $true; by = $(if ($own.Simulated -is [string]) { $own.Simulated } else { $null }) }
}

Add-Piece $pieces 'nvidia_smi' { Receive-Program $smi $limit }
Add-Piece $pieces 'uv' { Receive-Program $uv $limit }
Add-Piece $pieces 'wsl_version' {
    if ($wslProblem) { throw $wslProblem }
    Receive-Program $wslRun $limit -AsBytes
}

# --- CIM's answers ----------------------------------------------------------------------------------------------------------------
# Each query has its own limit inside; the provider that does not keep to it is left behind with the process.
Wait-CimQuery $asked ($limit * 1000 + 10000 - $watch.ElapsedMilliseconds)

Add-Piece $pieces 'operating_system' {
    $empty = @{ registry = $currentVersion }
    foreach ($name in $queries[0].properties) { $empty[$name] = $null }
    try {
        $rows = Get-CimAnswer $asked 'Win32_OperatingSystem'
    } catch { return @{ __value = $empty; __error = ConvertTo-ErrorEntry $_.Exception } }
    if ($rows.Count -eq 0) { return $empty }
    $rows[0].registry = $currentVersion
    $rows[0]
}
Add-Piece $pieces 'computer_system' { (Get-CimAnswer $asked 'Win32_ComputerSystem') | Select-Object -First 1 }
Add-Piece $pieces 'processors' { , (Get-CimAnswer $asked 'Win32_Processor') }
Add-Piece $pieces 'video_controllers' { Get-Controller $asked }
Add-Piece $pieces 'pnp_display' { Get-DisplayEntity $asked }
Add-Piece $pieces 'features' {
    $features = @{}
    foreach ($name in $featureNames) { $features[$name] = @{ install_state = $null; dism_state = $null } }
    $problem = $null
    try {
        foreach ($row in (Get-CimAnswer $asked 'Win32_OptionalFeature')) {
            if ($features.ContainsKey("$($row.Name)")) { $features["$($row.Name)"].install_state = $row.InstallState }
        }
    } catch { $problem = ConvertTo-ErrorEntry $_.Exception }
    $dism = $asked.answers['DISM']
    if ($dism) {
        foreach ($name in @($dism.rows.Keys)) {
            if ($features.ContainsKey($name)) { $features[$name].dism_state = $dism.rows[$name] }
        }
        $problem = $(if ($dism.code) { @{ code = $dism.code; message = $dism.message } } else { $null })
    }
    if ($problem) { return @{ __value = $features; __error = $problem } }
    $features
}
Add-Piece $pieces 'users' {
    $users = [ordered]@{}
    foreach ($row in (Get-CimAnswer $asked 'Win32_Process')) {
        if (-not $row.User) { continue }
        $name = $(if ($row.Domain) { "$($row.Domain)\$($row.User)" } else { $row.User })
        $users["$($row.SessionId) $name"] = @{ name = $name; session = $row.SessionId }
    }
    $console = $pieces['computer_system'].value
    if ($console -and $console.UserName -and -not @($users.Values | Where-Object { $_.name -eq $console.UserName })) {
        $users['console'] = @{ name = $console.UserName; session = $null }
    }
    , @($users.Values)
}

$module.Result.ansible_facts = @{
    gpuready_evidence = @{
        schema_version = 1
        platform = 'windows'
        collected_at = $started.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", [System.Globalization.CultureInfo]::InvariantCulture)
        seconds = [Math]::Round($watch.Elapsed.TotalSeconds, 2)
        pieces = $pieces
    }
}
$module.ExitJson()
