#!powershell

# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -PowerShell ..module_utils.windows.Cim
#AnsibleRequires -PowerShell ..module_utils.windows.Evidence
#AnsibleRequires -PowerShell ..module_utils.windows.Display
#AnsibleRequires -PowerShell ..module_utils.windows.Json
#AnsibleRequires -PowerShell ..module_utils.windows.Programs
#AnsibleRequires -PowerShell ..module_utils.windows.Contents
#AnsibleRequires -PowerShell ..module_utils.windows.Rights
#AnsibleRequires -PowerShell ..module_utils.windows.Home
#AnsibleRequires -PowerShell ..module_utils.windows.Archives
#AnsibleRequires -PowerShell ..module_utils.windows.WindowsUpdate

# Looks at the display devices, puts an installer on the PC, or runs it, or lets Windows Update bring a driver: what the devices are before
# and after, and how it ended. What a version or an exit code means is the controller's business. That an installer waits for a restart is
# noted in a key of the registry that Windows forgets then.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$spec = @{
    options = @{
        state = @{ type = 'str'; choices = 'looked', 'staged', 'present'; default = 'present' }
        id = @{ type = 'str'; required = $true }
        home = @{ type = 'str'; default = 'C:\ProgramData\gpuready' }
        source = @{ type = 'dict'; default = @{} }
        windows_update = @{ type = 'bool'; default = $false }
        accept_licence = @{ type = 'bool'; default = $false }
        uploaded = @{ type = 'dict'; default = @{} }
        inf = @{ type = 'str'; default = '' }
        arguments = @{ type = 'str'; default = '' }
        expected = @{ type = 'str'; default = '' }
        restart_codes = @{ type = 'list'; elements = 'int'; default = @() }
        time_limit = @{ type = 'int'; default = 1800 }
        lock_wait = @{ type = 'int'; default = 30 }
    }
    supports_check_mode = $true
}
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)
$params = $module.Params
$homePath = $params.home.TrimEnd('\')
$system = Get-SystemDirectory
$watch = [System.Diagnostics.Stopwatch]::StartNew()
$work = "$homePath\jobs\installing\work"
$sha256 = "$(Get-Field $params.source 'sha256')".ToLowerInvariant()
$lines, $characters = 40, 20000   # of what an installer says
$mark = $(if ($params.windows_update) { 'update ' + ($params.id -replace '[^0-9A-Za-z]', '_') } else { $sha256 })
$waiting = "SOFTWARE\gpuready-driver-$mark"   # an installer, whichever GPU it was for

function Get-Device {
    $asked = Start-CimQuery @(Get-DisplayQuery) 30 @() $false
    $pieces = [ordered]@{}
    Add-Piece $pieces 'display_class' { Read-DisplayClass }
    Wait-CimQuery $asked 70000
    Add-Piece $pieces 'video_controllers' { Get-Controller $asked }
    Add-Piece $pieces 'pnp_display' { Get-DisplayEntity $asked }
    $pieces
}

function Get-DriverNumber {
    # Windows' own number of the device's driver; empty where it has none.
    $key = Get-Field (Read-Values 'LocalMachine' "SYSTEM\CurrentControlSet\Enum\$($params.id)" 'Driver') 'Driver'
    "$(Get-Field (Read-Values 'LocalMachine' "SYSTEM\CurrentControlSet\Control\Class\$key" 'DriverVersion') 'DriverVersion')"
}

function Test-Waiting {
    # Whether this very installer (or Windows Update) has run since Windows started, and asked for a restart.
    "$(Get-Field (Read-Values 'LocalMachine' $waiting 'installer') 'installer')" -eq $mark
}

function Set-Waiting {
    $volatile = [Microsoft.Win32.RegistryOptions]::Volatile
    $check = [Microsoft.Win32.RegistryKeyPermissionCheck]::ReadWriteSubTree
    $key = [Microsoft.Win32.Registry]::LocalMachine.CreateSubKey($waiting, $check, $volatile)
    try { $key.SetValue('installer', $mark) } finally { $key.Dispose() }
}

function Get-Tail([string]$Log, $Run) {
    # The last lines of the installer's own log, else of what it wrote.
    $text = "$($Run.stdout)`n$($Run.stderr)"
    if ([System.IO.File]::Exists($Log)) { $text = [System.IO.File]::ReadAllText($Log, [System.Text.Encoding]::UTF8) }
    $text = $text.Substring([Math]::Max(0, $text.Length - $characters))
    @($text.Replace("`0", '') -split '\r?\n' | Where-Object { $_.Trim() } | Select-Object -Last $lines)
}

function Invoke-Installer([string]$File) {
    $log = "$work\installer.log"
    $program, $arguments = $File, $params.arguments.Replace('{log}', $log)
    if ($params.inf) {
        $null = Expand-File $File "$work\package"
        $inf = "$work\package\$($params.inf.Replace('/', '\'))"
        if (-not [System.IO.File]::Exists($inf)) {
            Stop-With 'ARCHIVE_UNREADABLE' "$([System.IO.Path]::GetFileName($File)) holds no $($params.inf)"
        }
        $program, $arguments = "$system\pnputil.exe", "/add-driver `"$inf`" /install"
    }
    $run = Start-Program $program $arguments
    # What fetching it took is gone; the programs' own watch begins here.
    $left = [int][Math]::Max(1, $params.time_limit - $watch.Elapsed.TotalSeconds)
    $answer = Receive-Program $run $left
    $late = Get-Field $answer '__error'
    if ($late) { $answer = $answer['__value'] }
    $module.Result.ran = $true
    $module.Result.installer_rc = $answer.rc
    $module.Result.timed_out = [bool]$late
    $module.Result.seconds = $answer.seconds
    $module.Result.tail = @(Get-Tail $log $answer)
    $answer.rc -in $params.restart_codes
}

function Invoke-Update {
    # Windows ends it no earlier than it comes to its end itself; the time limit is that of the job.
    $module.Result.update = Install-DeviceUpdate $params.id $params.accept_licence
    $module.Result.ran = $true
    $module.Result.seconds = [Math]::Round($watch.Elapsed.TotalSeconds, 1)
    $module.Result.update.restart
}

function Get-Installer {
    # The installer, checked, in a folder of the job's own that goes with the job; nothing where it is only put on the PC, or still needed
    # of the controller.
    Initialize-Home $homePath
    $lock = Enter-Home $homePath $params.lock_wait
    try {
        $there = @([System.IO.Directory]::GetFiles("$homePath\downloads", "$($sha256.Substring(0, 12))-*")).Count -gt 0
        $file = Get-Archive $homePath 'driver' $params.source $params.uploaded $params.time_limit
        if ($file -is [hashtable]) { $module.Result.needs = @($file.needs); return }
        if ($params.state -eq 'staged') { $module.Result.changed = -not $there; return }
        $null = Remove-Whole $work
        $null = [System.IO.Directory]::CreateDirectory($work)
        $mine = "$work\$([System.IO.Path]::GetFileName($file))"
        [System.IO.File]::Move($file, $mine)
        $mine
    } finally { Exit-Home $homePath $lock }   # not kept: what an installer leaves running would keep it too
}

foreach ($name in 'changed', 'ran', 'timed_out', 'restart_pending') { $module.Result[$name] = $false }
foreach ($name in 'needs', 'tail') { $module.Result[$name] = @() }
foreach ($name in 'installer_rc', 'seconds', 'update', 'after') { $module.Result[$name] = $null }
Exit-Module $module {
    $fault = Get-HomeFault $homePath
    if ($fault) { Stop-With 'HOME_NOT_OURS' $fault }
    $module.Result.before = Get-Device
    $module.Result.number = Get-DriverNumber
    $module.Result.restart_pending = Test-Waiting
    if ($params.state -eq 'looked' -or $module.CheckMode) { return }
    $file = $(if (-not $params.windows_update) { Get-Installer })
    # Another driver than the caller saw may have come here meanwhile: what runs now is to be looked at first.
    if (-not ($file -or $params.windows_update) -or (Get-DriverNumber) -cne $params.expected) { return }
    if ($(if ($file) { Invoke-Installer $file } else { Invoke-Update })) { Set-Waiting }
    $module.Result.changed = $true
    $module.Result.after = Get-Device
    $module.Result.restart_pending = Test-Waiting
}
