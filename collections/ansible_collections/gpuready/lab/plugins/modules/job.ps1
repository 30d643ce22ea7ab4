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
$most = 16MB

function Write-BootKey([string]$Value) {
    # A user who is no administrator has no right to: then nobody knows of a restart.
    try {
        $volatile = [Microsoft.Win32.RegistryOptions]::Volatile
        $check = [Microsoft.Win32.RegistryKeyPermissionCheck]::ReadWriteSubTree
        [Microsoft.Win32.Registry]::LocalMachine.CreateSubKey((Get-JobKey $Value), $check, $volatile).Dispose()
        $true
    } catch { $false }
}

function Test-Restart($Known) {
    # $null where nobody knows.
    $mark = Get-Field $Known 'boot'
    if (-not $mark) { return $null }
    $found = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey((Get-JobKey $mark))
    if ($null -eq $found) { return $true }
    $found.Dispose()
    $false
}

function Invoke-Claim {
    # Says whether it is ours: of two that move a folder there one fails.
    if (-not [System.IO.Directory]::Exists($homePath)) { Initialize-Home $homePath }
    $mark = [guid]::NewGuid().ToString('N')
    $new = "$homePath\jobs\.new-$mark"
    $null = [System.IO.Directory]::CreateDirectory($new)
    Set-Acl -LiteralPath $new -AclObject (Get-OwnRights $false)   # a result names users and what they run
    $boot = $(if (Write-BootKey $mark) { $mark } else { $null })
    $null = Write-Whole "$new\asked.json" (Format-Json ([ordered]@{ asked = $params.asked; run = $params.run; boot = $boot }))
    try { [System.IO.Directory]::Move($new, $folder); $true }
    catch { $null = Remove-Whole $new; if (-not [System.IO.Directory]::Exists($folder)) { throw }; $false }
}

function Read-Result([string]$Path) {
    # What Ansible's async has written so far; $null while it writes.
    $length = (New-Object -TypeName System.IO.FileInfo -ArgumentList $Path).Length
    if ($length -gt $most) {
        $tooLong = "the result of the job is longer than $($most / 1MB) MB"
        return @{ finished = $true; failed = $true; code = 'ANSWER_TOO_LARGE'; msg = $tooLong }
    }
    # A writer who is refused the file because somebody reads it leaves a job without an end: Ansible's tries once.
    $share = [System.IO.FileShare]'ReadWrite, Delete'
    try {
        $stream = New-Object -TypeName System.IO.FileStream -ArgumentList $Path, 'Open', 'Read', $share
        $reader = New-Object -TypeName System.IO.StreamReader -ArgumentList $stream, ([System.Text.Encoding]::UTF8)
        try { $found = ConvertFrom-JsonText ($reader.ReadToEnd()) } finally { $reader.Dispose() }
    }
    catch { return $null }
    if ($found -is [System.Collections.IDictionary]) { $found }
}

function Test-Process($Found) {
    # Whether the process that carries the job is there.
    $id = 0
    if (-not [int]::TryParse("$(Get-Field $Found 'ansible_async_watchdog_pid')", [ref]$id)) { return $true }   # it writes
    try { [System.Diagnostics.Process]::GetProcessById($id).ProcessName -in 'powershell', 'pwsh' } catch { $false }
}

function Get-JobStatus {
    if (-not [System.IO.File]::Exists($asked)) { Remove-Job $homePath $params.name; return $null }
    $known = Read-Json $asked
    $age = ([DateTime]::UtcNow - [System.IO.File]::GetLastWriteTimeUtc($asked)).TotalSeconds
    $status = @{
        asked = Get-Field $known 'asked'; run = Get-Field $known 'run'; seconds = [Math]::Round([Math]::Max(0, $age), 1)
        state = 'claimed'; restarted = (Test-Restart $known); result = $null
    }
    $file = @([System.IO.Directory]::GetFiles($folder, 'j*.*'))
    if ($file.Count -eq 0) {
        if ($age -le $params.start_within -and -not $status.restarted) { return $status }
        Remove-Job $homePath $params.name
        return $null
    }
    $found = Read-Result $file[0]
    $alive = -not $status.restarted -and (Test-Process $found)
    # A process that has just ended wrote its result before that.
    if (-not $alive) { $found = Read-Result $file[0] }
    $finished = Get-Field $found 'finished'
    if ($finished) { $status.state, $status.result = 'ended', $found }
    else { $status.state = $(if ($alive) { 'running' } else { 'lost' }) }
    $status
}

function Wait-Job([int]$Seconds) {
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    while ($true) {
        $status = Get-JobStatus
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
        $module.Result.claimed = Invoke-Claim
        if ($module.Result.claimed -and $params.lay_aside) {
            try { $null = Move-PassAside $homePath $params.lay_aside $params.lock_wait } catch { Remove-Job $homePath $params.name; throw }
        }
        $module.Result.job = Get-JobStatus
    }
}
