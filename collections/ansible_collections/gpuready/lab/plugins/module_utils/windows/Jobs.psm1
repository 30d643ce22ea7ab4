# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

# A job in gpuready's home: its folder says who asked for what, a key of the registry that Windows forgets at a restart tells one,
# and Ansible's async keeps the result in a file, with the number of its process. Who claims a job for a process that is to be started
# has the file in the job's folder. A process that claims its own has it in a folder beside, its place, which the claim names.
# Windows PowerShell 5.1; needs Json, Programs, Contents, Rights and Home.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$script:JobKeys = 'SOFTWARE\gpuready-job-'   # and the job's own mark
$script:MostOfAResult = 16MB

function Get-JobKey([string]$Mark) { "$script:JobKeys$Mark" }

function Get-JobFile([string]$Folder) {
    # That of Ansible's async.
    if ([System.IO.Directory]::Exists($Folder)) { [System.IO.Directory]::GetFiles($Folder, 'j*.*') }
}

function Get-JobPlace([string]$HomePath, [string]$Name, $Known) {
    # The folder of the result, by what the claim says.
    $place = Get-Field $Known 'place'
    if ("$place" -cmatch "^$Name-[0-9a-f]{32}\z") { "$HomePath\jobs\$place" } else { "$HomePath\jobs\$Name" }
}

function Read-JobResult([string]$Path) {
    # What Ansible's async has written so far; $null while it writes.
    $length = (New-Object -TypeName System.IO.FileInfo -ArgumentList $Path).Length
    if ($length -gt $script:MostOfAResult) {
        $tooLong = "the result of the job is longer than $($script:MostOfAResult / 1MB) MB"
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

function Test-JobProcess($Found) {
    # Whether the process that carries the job is there.
    $id = 0
    if (-not [int]::TryParse("$(Get-Field $Found 'ansible_async_watchdog_pid')", [ref]$id)) { return $true }   # it writes
    try { [System.Diagnostics.Process]::GetProcessById($id).ProcessName -in 'powershell', 'pwsh' } catch { $false }
}

function Get-JobStart([string]$HomePath, [string]$Name) {
    # The places of processes that claim, or claimed, their own job.
    if ([System.IO.Directory]::Exists("$HomePath\jobs")) { [System.IO.Directory]::GetDirectories("$HomePath\jobs", "$Name-*") }
}

function Test-Start([string]$Place, [int]$Within) {
    # Whether a process has just been started there that runs, or one is being started.
    $age = ([DateTime]::UtcNow - [System.IO.Directory]::GetLastWriteTimeUtc($Place)).TotalSeconds
    if ([Math]::Abs($age) -gt $Within) { return $false }
    $file = @(Get-JobFile $Place)
    $file.Count -eq 0 -or (Test-JobProcess (Read-JobResult $file[0]))
}

function Test-JobStart([string]$HomePath, [string]$Name, [int]$Within) {
    foreach ($place in @(Get-JobStart $HomePath $Name)) { if (Test-Start $place $Within) { return $true } }
    $false
}

function Remove-Job([string]$HomePath, [string]$Name) {
    $folder = "$HomePath\jobs\$Name"
    $known = Read-Json "$folder\asked.json"
    $place = Get-JobPlace $HomePath $Name $known
    $mark = Get-Field $known 'boot'
    $null = Remove-Whole $folder
    try { if ($mark) { [Microsoft.Win32.Registry]::LocalMachine.DeleteSubKey("$script:JobKeys$mark", $false) } } catch { $null = $_ }
    # With those of processes that came too late; one that has just been started is not judged yet.
    foreach ($one in @(Get-JobStart $HomePath $Name)) { if ($one -eq $place -or -not (Test-Start $one 120)) { $null = Remove-Whole $one } }
    if (-not [System.IO.Directory]::Exists("$HomePath\jobs")) { return }
    if ([System.IO.Directory]::GetFileSystemEntries("$HomePath\jobs").Length -eq 0) { [System.IO.Directory]::Delete("$HomePath\jobs") }
}

function Write-BootKey([string]$Value) {
    # A user who is no administrator has no right to: then nobody knows of a restart.
    try {
        $volatile = [Microsoft.Win32.RegistryOptions]::Volatile
        $check = [Microsoft.Win32.RegistryKeyPermissionCheck]::ReadWriteSubTree
        [Microsoft.Win32.Registry]::LocalMachine.CreateSubKey((Get-JobKey $Value), $check, $volatile).Dispose()
        $true
    } catch { $false }
}

function Enter-Job([string]$HomePath, [string]$Name, $Claim) {
    # Claims the job, and lays the pass aside that the claim names: {asked, run, place, lay_aside, lock_wait}. Says whether it is ours: of
    # two that move a folder there one fails.
    if (-not [System.IO.Directory]::Exists($HomePath)) { Initialize-Home $HomePath }
    $folder, $mark = "$HomePath\jobs\$Name", [guid]::NewGuid().ToString('N')
    $new = "$HomePath\jobs\.new-$mark"
    $null = [System.IO.Directory]::CreateDirectory($new)
    $rights = Get-OwnRights $false   # a result names users and what they run
    Set-Acl -LiteralPath $new -AclObject $rights
    $place = Get-Field $Claim 'place'
    if ($place) { Set-Acl -LiteralPath "$HomePath\jobs\$place" -AclObject $rights }
    $boot = $(if (Write-BootKey $mark) { $mark } else { $null })
    $said = [ordered]@{ asked = (Get-Field $Claim 'asked'); run = (Get-Field $Claim 'run'); boot = $boot; place = $place }
    $null = Write-Whole "$new\asked.json" (Format-Json $said)
    try { [System.IO.Directory]::Move($new, $folder) }
    catch { $null = Remove-Whole $new; if (-not [System.IO.Directory]::Exists($folder)) { throw }; return $false }
    $stack = Get-Field $Claim 'lay_aside'
    if (-not $stack) { return $true }
    try { $null = Move-PassAside $HomePath $stack (Get-Field $Claim 'lock_wait') } catch { Remove-Job $HomePath $Name; throw }
    $true
}

Export-ModuleMember -Function Enter-Job, Get-JobFile, Get-JobKey, Get-JobPlace, Read-JobResult, Remove-Job, Test-JobProcess, Test-JobStart
