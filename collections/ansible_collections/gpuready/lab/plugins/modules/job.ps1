#!powershell

# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -PowerShell ..module_utils.windows.Json
#AnsibleRequires -PowerShell ..module_utils.windows.Programs
#AnsibleRequires -PowerShell ..module_utils.windows.Contents
#AnsibleRequires -PowerShell ..module_utils.windows.Home
#AnsibleRequires -PowerShell ..module_utils.windows.Jobs
#AnsibleRequires -PowerShell ..module_utils.windows.Rights

# A job in gpuready's home: who asked for it, whether it runs, what came of it. Ansible's async keeps the result in a file of the
# job's folder, with the number of its process. A key of the registry that Windows forgets at a restart tells one.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$spec = @{
    options = @{
        home = @{ type = 'str'; default = 'C:\ProgramData\gpuready' }
        name = @{ type = 'str'; choices = 'building', 'importing', 'exporting', 'installing', 'training'; required = $true }
        state = @{ type = 'str'; choices = 'status', 'claimed', 'absent'; default = 'status' }
        asked = @{ type = 'str' }
        run = @{ type = 'str' }
        wait = @{ type = 'int'; default = 0 }
        start_within = @{ type = 'int'; default = 120 }
        lay_aside = @{ type = 'str' }
        lock_wait = @{ type = 'int'; default = 30 }
    }
    supports_check_mode = $true
}
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)
$params = $module.Params
$homePath = $params.home.TrimEnd('\')
$folder = "$homePath\jobs\$($params.name)"
$asked = "$folder\asked.json"

function Test-Restart($Known) {
    # $null where nobody knows.
    $mark = Get-Field $Known 'boot'
    if (-not $mark) { return $null }
    $found = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey((Get-JobKey $mark))
    if ($null -eq $found) { return $true }
    $found.Dispose()
    $false
}

function Get-JobStatus {
    if (-not [System.IO.File]::Exists($asked)) { Remove-Job $homePath $params.name; return $null }
    $known = Read-Json $asked
    $age = ([DateTime]::UtcNow - [System.IO.File]::GetLastWriteTimeUtc($asked)).TotalSeconds
    $status = @{
        asked = Get-Field $known 'asked'; run = Get-Field $known 'run'; seconds = [Math]::Round([Math]::Max(0, $age), 1)
        state = 'claimed'; restarted = (Test-Restart $known); result = $null
    }
    $file = @(Get-JobFile (Get-JobPlace $homePath $params.name $known))
    if ($file.Count -eq 0) {
        if ($age -le $params.start_within -and -not $status.restarted) { return $status }
        Remove-Job $homePath $params.name
        return $null
    }
    $found = Read-JobResult $file[0]
    $alive = -not $status.restarted -and (Test-JobProcess $found)
    # A process that has just ended wrote its result before that.
    if (-not $alive) { $found = Read-JobResult $file[0] }
    $finished = Get-Field $found 'finished'
    if ($finished) { $status.state, $status.result = 'ended', $found }
    else { $status.state = $(if ($alive) { 'running' } else { 'lost' }) }
    $status
}

function Wait-Job([int]$Seconds) {
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    while ($true) {
        $status = Get-JobStatus
        # One that will claim it in a moment, or be too late.
        $starts = $null -eq $status -and (Test-JobStart $homePath $params.name $params.start_within)
        if ($starts -and $watch.Elapsed.TotalSeconds -lt $params.start_within) { Start-Sleep -Milliseconds 500; continue }
        if ($null -eq $status -or $status.state -in 'ended', 'lost' -or $watch.Elapsed.TotalSeconds -ge $Seconds) { return $status }
        Start-Sleep -Milliseconds 500
    }
}

$module.Result.changed = $false
$module.Result.home = $homePath
$module.Result.folder = $folder
$module.Result.claimed = $false
$module.Result.job = $null
Exit-Module $module {
    $fault = Get-HomeFault $homePath
    if ($fault) { Stop-With 'HOME_NOT_OURS' $fault }
    if ($params.state -eq 'absent') {
        if (-not $module.CheckMode) { Remove-Job $homePath $params.name }
        return
    }
    $module.Result.job = Wait-Job $params.wait
    if ($params.state -eq 'claimed' -and $null -eq $module.Result.job -and -not $module.CheckMode) {
        $module.Result.claimed = Enter-Job $homePath $params.name $params
        $module.Result.job = Get-JobStatus
    }
}
