# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

# The folder of a job in gpuready's home, and the key of the registry that Windows forgets at a restart.
# Windows PowerShell 5.1; needs Json, Programs, Contents and Home.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$script:JobKeys = 'SOFTWARE\gpuready-job-'   # and the job's own mark

function Remove-Job([string]$HomePath, [string]$Name) {
    $folder = "$HomePath\jobs\$Name"
    $mark = Get-Field (Read-Json "$folder\asked.json") 'boot'
    $null = Remove-Whole $folder
    try { if ($mark) { [Microsoft.Win32.Registry]::LocalMachine.DeleteSubKey("$script:JobKeys$mark", $false) } } catch { $null = $_ }
    if (-not [System.IO.Directory]::Exists("$HomePath\jobs")) { return }
    if ([System.IO.Directory]::GetFileSystemEntries("$HomePath\jobs").Length -eq 0) { [System.IO.Directory]::Delete("$HomePath\jobs") }
}

function Get-JobKey([string]$Mark) { "$script:JobKeys$Mark" }

Export-ModuleMember -Function Get-JobKey, Remove-Job
