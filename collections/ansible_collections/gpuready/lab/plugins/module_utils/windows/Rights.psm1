# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

# Whether gpuready's home on a Windows PC is the administrators' alone: what lies there is run and believed by them, and in ProgramData
# every user may make folders. Looked at in the same call before anything there is used.  Windows PowerShell 5.1.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

# The system, administrators, Windows' own installer.
$script:Administrators = 'S-1-5-18', 'S-1-5-32-544', 'S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464'
# What is given to whoever owns or makes something, and the owner is looked at by himself.
$script:OfTheOwner = 'S-1-3-0', 'S-1-3-4'
# To write, to append, to delete, to change attributes, rights or the owner; GENERIC_WRITE and GENERIC_ALL.
$script:Writing = 0x500D0156
# Of a folder above: to delete or rename it or what is in it, to change rights or the owner; GENERIC_ALL. Whoever may do that puts
# another home in the place of ours between a look and its use.
$script:Replacing = 0x100D0040
$script:Own = 'environments', 'python', 'current', 'passes', 'bin', 'downloads', 'wheelhouse', 'cache', 'tmp', 'jobs', 'wsl', 'jupyter',
    'uv.exe', '.new-uv.exe', 'README.txt', '.lock', '.holder', 'remoting.json'
# What is run or read first in an environment or an interpreter; below, nobody can write who may not write here.
$script:Within = 'gpuready.json', 'pyvenv.cfg', 'python.exe', 'Scripts', 'Scripts\python.exe', 'Lib', 'Lib\site-packages'

function Get-RightsFault([string]$Owner, $Rules, [string]$Me, [bool]$Above) {
    # What lets others in; $null where nothing does. $Rules: {sid, allows, rights, below} each; `below`: of what is made in it alone.
    $ours = $script:Administrators + $Me
    if ($Owner -notin $ours) { return "belongs to $Owner" }
    foreach ($rule in @($Rules)) {
        if (-not $rule.allows -or $rule.sid -in $ours -or $rule.sid -in $script:OfTheOwner) { continue }
        if ($Above) { if (-not $rule.below -and $rule.rights -band $script:Replacing) { return "can be replaced by $($rule.sid)" } }
        elseif ($rule.rights -band $script:Writing) { return "can be written by $($rule.sid)" }
    }
}

function Read-Rights([string]$Path) {
    # {owner, rules} of a file or folder; of a link those of what it leads to.
    $kind = $(if ([System.IO.Directory]::Exists($Path)) { 'DirectorySecurity' } else { 'FileSecurity' })
    $security = New-Object -TypeName "System.Security.AccessControl.$kind" -ArgumentList $Path, 'Owner, Access'
    $sid = [System.Security.Principal.SecurityIdentifier]
    $rules = @(foreach ($rule in $security.GetAccessRules($true, $true, $sid)) {
        @{
            sid = $rule.IdentityReference.Value; allows = "$($rule.AccessControlType)" -eq 'Allow'; rights = [int]$rule.FileSystemRights
            below = [bool]($rule.PropagationFlags -band [System.Security.AccessControl.PropagationFlags]::InheritOnly)
        }
    })
    @{ owner = $security.GetOwner($sid).Value; rules = $rules }
}

function Test-There([string]$Path) { [System.IO.File]::Exists($Path) -or [System.IO.Directory]::Exists($Path) }

function Test-Link($Attributes) { [bool]($Attributes -band [System.IO.FileAttributes]::ReparsePoint) }

function Get-HomeEntry([string]$HomePath) {
    # What is run or believed of a home, and the folders that it lies in, where others may make something and no more.
    $above = [System.IO.Path]::GetDirectoryName($HomePath)
    # The root of a drive is no link, whatever its attributes say.
    while ($above -and [System.IO.Path]::GetDirectoryName($above)) {
        @{ path = $above; above = $true; link = $false }
        $above = [System.IO.Path]::GetDirectoryName($above)
    }
    @{ path = $HomePath; above = $false; link = $false }
    foreach ($name in $script:Own) { @{ path = "$HomePath\$name"; above = $false; link = $false } }
    foreach ($name in 'environments', 'python', 'current', 'passes', 'bin', 'jobs', 'wsl', 'jupyter') {
        if (-not [System.IO.Directory]::Exists("$HomePath\$name")) { continue }
        foreach ($path in [System.IO.Directory]::GetFileSystemEntries("$HomePath\$name")) {
            # What begins with a dot is neither run nor believed, as uv's own .lock.
            if ([System.IO.Path]::GetFileName($path).StartsWith('.')) { continue }
            # uv links 3.10 to 3.10.11: such a link is judged by what it leads to.
            @{ path = $path; above = $false; link = $name -eq 'python' }
            # Every user's Jupyter runs what a kernel says.
            if ($name -eq 'jupyter' -and [System.IO.Directory]::Exists($path)) {
                foreach ($kernel in [System.IO.Directory]::GetFileSystemEntries($path)) {
                    foreach ($part in $kernel, "$kernel\kernel.json") { @{ path = $part; above = $false; link = $false } }
                }
            }
            if ($name -notin 'environments', 'python') { continue }
            foreach ($part in $script:Within) { @{ path = "$path\$part"; above = $false; link = $false } }
        }
    }
}

function Get-HomeFault([string]$HomePath) {
    # Why a home is not used, in one line; $null for one that may be, or that is not there.
    $me = [System.Security.Principal.WindowsIdentity]::GetCurrent().User.Value
    foreach ($entry in @(Get-HomeEntry $HomePath)) {
        if (-not (Test-There $entry.path)) { continue }
        $fault = $null
        try {
            if (-not $entry.link -and (Test-Link ([System.IO.File]::GetAttributes($entry.path)))) { $fault = 'is a link' }
            else {
                $rights = Read-Rights $entry.path
                $fault = Get-RightsFault $rights.owner $rights.rules $me $entry.above
            }
        } catch { $fault = "has rights that cannot be read ($($_.Exception.GetBaseException().Message.Trim()))" }
        if ($fault) { return "$($entry.path) ${fault}: what lies in $HomePath is neither run nor believed" }
    }
}

Export-ModuleMember -Function Get-HomeFault
