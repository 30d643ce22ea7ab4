#!powershell

# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -PowerShell ..module_utils.windows.Json
#AnsibleRequires -PowerShell ..module_utils.windows.Programs
#AnsibleRequires -PowerShell ..module_utils.windows.Contents
#AnsibleRequires -PowerShell ..module_utils.windows.Rights
#AnsibleRequires -PowerShell ..module_utils.windows.Home
#AnsibleRequires -PowerShell ..module_utils.windows.Archives
#AnsibleRequires -PowerShell ..module_utils.windows.Wsl

# A distribution of WSL 2 of the user who asks: imported from an archive that was checked, set, or taken away. Only one that has
# gpuready's marker beside its disk is touched.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$spec = @{
    options = @{
        state = @{ type = 'str'; choices = 'present', 'absent'; default = 'present' }
        name = @{ type = 'str'; required = $true }
        home = @{ type = 'str'; default = 'C:\ProgramData\gpuready' }
        archive = @{ type = 'dict' }
        location = @{ type = 'str' }
        default_user = @{ type = 'str' }
        wsl_conf = @{ type = 'str' }
        uploaded = @{ type = 'dict'; default = @{} }
        prepare = @{ type = 'bool'; default = $false }
        time_limit = @{ type = 'int'; default = 1800 }
        lock_wait = @{ type = 'int'; default = 30 }
    }
    required_if = @(, @('state', 'present', @('archive')))
    supports_check_mode = $true
}
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)
$params = $module.Params
$name = $params.name
$homePath = $params.home.TrimEnd('\')
$wanted = "$(Get-Field $params.archive 'sha256')".ToLowerInvariant()
$me = [System.Security.Principal.WindowsIdentity]::GetCurrent().User.Value
$look = '[ -z "$1" ] && echo 0 || id -u -- "$1" 2>/dev/null || echo -; base64 -w0 /etc/wsl.conf 2>/dev/null; echo'
$set = 'set -e; [ -z "$1" ] || id -u -- "$1" >/dev/null 2>&1 || useradd -m -s /bin/bash -- "$1"; [ -n "$2" ] || exit 0; ' +
    'n=/etc/wsl.conf.gpuready-new; printf %s "$2" | base64 -d > "$n"; chmod 644 "$n"; mv -f "$n" /etc/wsl.conf'

function Invoke-Guest([string]$Script, [string[]]$Values) {
    $line = "-d $name -u root --cd / --exec /bin/sh -c $(ConvertTo-Argument $Script) gpuready"
    foreach ($value in $Values) { $line += ' ' + (ConvertTo-Argument $value) }
    Invoke-Wsl $wsl $line 300
}

function Assert-Space([string]$Folder, [long]$Size) {
    # An archive unpacks to about three times its size.
    Assert-Room $Folder (3 * $Size) 'the distribution'
}

function Write-Marker([string]$Folder, [bool]$Complete) {
    $marker = [ordered]@{ distribution = $name; sha256 = $wanted; owner = $me; complete = $Complete; created_at = Get-TimeText }
    $null = Write-Whole "$Folder\gpuready.json" (Format-Json $marker)
}

function Remove-Distribution($Found) {
    $null = Invoke-Wsl $wsl "--unregister $name" 300
    Remove-Left $Found.base $Found.disk
}

function Remove-Left([string]$Folder, [string]$Disk) {
    # wsl.exe leaves a disk that somebody held, and always what is not its own.
    foreach ($path in $Disk, "$Folder\gpuready.json") { if ([System.IO.File]::Exists($path)) { [System.IO.File]::Delete($path) } }
    if ([System.IO.Directory]::Exists($Folder) -and @([System.IO.Directory]::GetFileSystemEntries($Folder)).Count -eq 0) {
        [System.IO.Directory]::Delete($Folder)
    }
}

function Open-Home {
    $fault = Get-HomeFault $homePath
    if ($fault) { Stop-With 'HOME_NOT_OURS' $fault }
    Initialize-Home $homePath
}

function Get-Ready {
    # A file of the controller comes before the import, which may be long after it; whatever else it needs it gets for itself.
    Open-Home
    if (Get-Field $params.archive 'name') {
        $file = Get-Archive $homePath 'distribution' $params.archive $params.uploaded $params.time_limit
        if ($file -is [hashtable]) { $module.Result.needs = @($file.needs); Stop-With 'NEEDS' '' }
    }
    $module.Result.ready = $true
}

function Import-Distribution([string]$Folder) {
    Open-Home
    $lock = Enter-Home $homePath $params.lock_wait
    try {
        $file = Get-Archive $homePath 'distribution' $params.archive $params.uploaded $params.time_limit
        if ($file -is [hashtable]) { $module.Result.needs = @($file.needs); Stop-With 'NEEDS' '' }
        try {
            Assert-Space $Folder (New-Object -TypeName System.IO.FileInfo -ArgumentList $file).Length
            Remove-Left $Folder "$Folder\ext4.vhdx"
            $null = [System.IO.Directory]::CreateDirectory($Folder)
            Write-Marker $Folder $false
            $disk = $(if ($file -like '*.vhdx') { ' --vhd' } else { '' })
            $line = "--import $name $(ConvertTo-Argument $Folder) $(ConvertTo-Argument $file) --version 2$disk"
            try { $null = Invoke-Wsl $wsl $line $params.time_limit } catch {
                Remove-Left $Folder "$Folder\ext4.vhdx"
                throw
            }
            Write-Marker $Folder $true
        } finally { [System.IO.File]::Delete($file) }
    } finally { Exit-Home $homePath $lock }
}

function Get-Setting {
    # Whether the user is there, and what /etc/wsl.conf says.
    $lines = @((Invoke-Guest $look @("$($params.default_user)")) -split "`r?`n")
    $text = [System.Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($lines[1]))
    @{ user = $lines[0] -ne '-'; conf = $text }
}

function Set-Setting($Is) {
    # Brings user and file about; the guest is ended, since it reads the file when it starts.
    $same = $null -eq $params.wsl_conf -or $Is.conf -ceq $params.wsl_conf
    if ($Is.user -and $same) { return }
    $module.Result.changed = $true
    $module.Diff.before.wsl_conf = $Is.conf
    $module.Diff.after.wsl_conf = $(if ($same) { $Is.conf } else { $params.wsl_conf })
    if ($module.CheckMode) { return }
    $text = $(if ($same) { '' } else { [Convert]::ToBase64String([System.Text.Encoding]::UTF8.GetBytes($params.wsl_conf)) })
    $null = Invoke-Guest $set @("$($params.default_user)", $text)
    $null = Invoke-Wsl $wsl "--terminate $name" 120
}

function Set-Present {
    $found = Get-Registered ([Microsoft.Win32.Registry]::CurrentUser) $name
    $folder = Get-DiskFolder $params.location $name
    if ($found) {
        Assert-Ours $found $name
        $folder = $found.base
        $whole = $found.state -eq 1 -and (Get-Field $found.marker 'complete') -eq $true
        if ($whole -and (Get-Field $found.marker 'sha256') -cne $wanted) {
            Stop-With 'WSL_OTHER_ARCHIVE' "$name was made from another archive ($(Get-Field $found.marker 'sha256'))"
        }
        if ($whole -and -not $found.wsl2) { Stop-With 'WSL_VERSION_1' "$name is a distribution of WSL 1" }
        if ($whole) { Set-Setting (Get-Setting); return }
    } else {
        $other = Get-OtherOwner $name
        if ($other) { Stop-With 'WSL_OTHER_USER' "a distribution $name is registered for another user of this PC ($other)" }
        if ([System.IO.File]::Exists("$folder\ext4.vhdx") -and $null -eq (Read-Json "$folder\gpuready.json")) {
            Stop-With 'WSL_NOT_OURS' "$folder holds the disk of another distribution"
        }
        $holding = Get-Holding "$folder\ext4.vhdx"
        if ($holding) { Stop-With 'WSL_DISK_LOCKED' "$folder\ext4.vhdx is in use: $holding" }
    }
    # One that is half there may be under way, and takes the room that it was promised.
    if (-not $found) { Assert-Space $folder ([long]"0$(Get-Field $params.archive 'size')") }
    $module.Result.changed = $true
    $module.Diff.before.sha256 = $null
    $module.Diff.after.sha256 = $wanted
    $module.Diff.after.wsl_conf = $params.wsl_conf
    if ($module.CheckMode) { return }
    if ($params.prepare) { Get-Ready; return }
    if ($found) { Remove-Distribution $found }   # what an import that was cut off left
    Import-Distribution $folder
    Set-Setting (Get-Setting)
}

function Set-Absent {
    $found = Get-Registered ([Microsoft.Win32.Registry]::CurrentUser) $name
    if (-not $found) { return }
    Assert-Ours $found $name
    $module.Result.changed = $true
    $module.Diff.before.sha256 = Get-Field $found.marker 'sha256'
    $module.Diff.after.sha256 = $null
    if (-not $module.CheckMode) { Remove-Distribution $found }
}

$module.Result.changed = $false
$module.Result.distribution = $null
$module.Diff.before = @{ name = $name }
$module.Diff.after = @{ name = $name }
$wsl = Find-Wsl
Exit-Module $module {
    Assert-Wsl $wsl
    if ($params.state -eq 'present') { Set-Present } else { Set-Absent }
    $found = Get-Registered ([Microsoft.Win32.Registry]::CurrentUser) $name
    if ($found) {
        $module.Result.distribution = @{ name = $name; id = $found.id; location = $found.base; disk = $found.disk; sha256 = $wanted }
    }
}
