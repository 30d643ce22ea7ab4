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
#AnsibleRequires -PowerShell ..module_utils.windows.Texts

# A distribution that gpuready made, for every user of the PC: exported once into gpuready's home, named by WSL's own list there, with a
# launcher that makes each user a copy. NAME.json, written last of an export, says which file it is and what it is the export of.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$spec = @{
    options = @{
        state = @{ type = 'str'; choices = 'present', 'absent'; default = 'present' }
        name = @{ type = 'str'; required = $true }
        home = @{ type = 'str'; default = 'C:\ProgramData\gpuready' }
        version = @{ type = 'str'; default = '' }
        list = @{ type = 'str'; choices = 'beside', 'alone'; default = 'beside' }
        logon = @{ type = 'bool'; default = $false }
        words = @{ type = 'dict'; default = @{} }
        prepare = @{ type = 'bool'; default = $false }
        time_limit = @{ type = 'int'; default = 3600 }
        lock_wait = @{ type = 'int'; default = 30 }
    }
    supports_check_mode = $true
}
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)
$params = $module.Params
$name = $params.name
$homePath = $params.home.TrimEnd('\')
$folder = "$homePath\wsl"
$address = 'file:///' + "$folder\list.json".Replace('\', '/')
$before = "$folder\list.before.json"   # what the lab's own addresses were
$lxss = 'Software\Microsoft\Windows\CurrentVersion\Lxss'
$run = 'Software\Microsoft\Windows\CurrentVersion\Run'
$values = @{ beside = 'DistributionListUrlAppend'; alone = 'DistributionListUrl' }
$needed = [version]'2.4.4'   # the first whose lists name files, and that exports them packed
$notes = New-Object -TypeName System.Collections.ArrayList

function Get-Value([string]$Key, [string]$Value) {
    $opened = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey($Key)
    if ($opened) { "$($opened.GetValue($Value))" } else { '' }
}

function Set-Value([string]$Key, [string]$Value, [string]$Text) {
    # An empty one is taken away.
    $opened = [Microsoft.Win32.Registry]::LocalMachine.CreateSubKey($Key)
    if ($Text) { $opened.SetValue($Value, $Text) } else { $opened.DeleteValue($Value, $false) }
}

function Assert-Version {
    $has = $null
    if ([version]::TryParse((Get-Value "$lxss\MSI" 'Version'), [ref]$has) -and $has -ge $needed) { return }
    Stop-With 'WSL_PACKAGE_OLD' "this PC has WSL $has, and a list of its distributions needs $needed"
}

function Get-Source {
    # The distribution that is exported, and what it is: its archive, when it was imported, and the caller's own word for what is in it.
    $found = Get-Registered ([Microsoft.Win32.Registry]::CurrentUser) $name
    if (-not $found) { Stop-With 'WSL_NO_DISTRIBUTION' "no distribution $name is registered for this user" }
    Assert-Ours $found $name
    if ($found.state -ne 1 -or (Get-Field $found.marker 'complete') -ne $true) {
        Stop-With 'WSL_NO_DISTRIBUTION' "the distribution $name is half imported; import it again"
    }
    $found.of = [ordered]@{
        archive = "$(Get-Field $found.marker 'sha256')"; imported_at = "$(Get-Field $found.marker 'created_at')"; version = $params.version
    }
    $found
}

function Get-OtherOffer {
    # Those of other distributions, by their names.
    if (-not [System.IO.Directory]::Exists($folder)) { return }
    foreach ($path in [System.IO.Directory]::GetFiles($folder, '*.json') | Sort-Object) {
        if ([System.IO.Path]::GetFileName($path) -in "$name.json", 'list.json', 'list.before.json') { continue }
        Get-Offer $folder ([System.IO.Path]::GetFileNameWithoutExtension($path))
    }
}

function Get-OldFile([string]$Keep) {
    # Exports that nothing names any more, and what one that was cut off left.
    if (-not [System.IO.Directory]::Exists($folder)) { return }
    $ours = '^(' + [regex]::Escape($name) + '-[0-9a-f]{12}|\.new-[0-9a-f]{32})\.wsl$'
    foreach ($path in [System.IO.Directory]::GetFiles($folder, '*.wsl')) {
        $file = [System.IO.Path]::GetFileName($path)
        if ($file -match $ours -and $file -ne $Keep) { $path }
    }
}

function Export-Distribution($Found) {
    $size = (New-Object -TypeName System.IO.FileInfo -ArgumentList $Found.disk).Length
    Assert-Room $folder $size 'the export'
    $null = [System.IO.Directory]::CreateDirectory($folder)
    $new = "$folder\.new-$([guid]::NewGuid().ToString('N')).wsl"
    try {
        $null = Invoke-Wsl $wsl "--export $name $(ConvertTo-Argument $new) --format tar.gz" $params.time_limit
        $sha256 = Get-Sha256 $new
        $file = "$name-$($sha256.Substring(0, 12)).wsl"
        # One of that name is the same, and may just be read; or it is damaged.
        $there = New-Object -TypeName System.IO.FileInfo -ArgumentList "$folder\$file"
        $length = (New-Object -TypeName System.IO.FileInfo -ArgumentList $new).Length
        if ($there.Exists -and $there.Length -ne $length) { [System.IO.File]::Delete("$folder\$file") }
        if (-not [System.IO.File]::Exists("$folder\$file")) { [System.IO.File]::Move($new, "$folder\$file") }
    } finally { if ([System.IO.File]::Exists($new)) { [System.IO.File]::Delete($new) } }
    $offer = [ordered]@{
        distribution = $name; file = $file; sha256 = $sha256; disk_bytes = $size
        size_bytes = (New-Object -TypeName System.IO.FileInfo -ArgumentList "$folder\$file").Length
        exported_at = Get-TimeText; of = $Found.of
    }
    $null = Write-Whole "$folder\$name.json" (Format-Json $offer)
    $offer
}

function Get-LabAddress([string]$Value) {
    # The address that the lab itself gave.
    $is = Get-Value $lxss $Value
    if ($is -ne $address) { return $is }
    "$(Get-Field (Read-Json $before) $Value)"
}

function Read-LabList([string]$Address) {
    $list = $null
    try {
        $request = [System.Net.WebRequest]::Create([uri]$Address)
        $request.Timeout = 30000
        $answer = $request.GetResponse()
        try {
            $reader = New-Object -TypeName System.IO.StreamReader -ArgumentList $answer.GetResponseStream(), ([System.Text.Encoding]::UTF8)
            $list = ConvertFrom-JsonText $reader.ReadToEnd()
        } finally { $answer.Dispose() }
    } catch {
        $cause = Get-Problem $_.Exception
        Stop-With 'WSL_LIST_UNREADABLE' "the lab's own list of distributions, $Address, cannot be read: $cause"
    }
    if ($list -is [System.Collections.IDictionary]) { return $list }
    Stop-With 'WSL_LIST_UNREADABLE' "the lab's own list of distributions, $Address, is no list"
}

function Format-Offered($Offers) {
    # The lab's own list with what is offered here; what else stands in it is kept.
    $lab = Get-LabAddress $values[$params.list]
    $list, $families = [ordered]@{}, [ordered]@{}
    if ($lab) {
        $list = Read-LabList $lab
        $known = Get-Field $list 'ModernDistributions'
        if ($known -is [System.Collections.IDictionary]) { foreach ($key in $known.Keys) { $families[$key] = $known[$key] } }
    }
    foreach ($offer in $Offers | Sort-Object -Property { "$(Get-Field $_ 'distribution')" }) {
        $one = "$(Get-Field $offer 'distribution')"
        if (@($families.Keys) -contains $one) {
            Stop-With 'WSL_LIST_NAME' "the lab's own list of distributions, $lab, has a distribution $one already"
        }
        $url = 'file:///' + "$folder\$(Get-Field $offer 'file')".Replace('\', '/')
        $families[$one] = @(, [ordered]@{
            Name = $one; FriendlyName = "$one (gpuready)"; Default = $true
            Amd64Url = [ordered]@{ Url = $url; Sha256 = "0x$(Get-Field $offer 'sha256')" }
        })
        if ($params.list -eq 'alone' -and -not (Get-Field $list 'Default')) { $list['Default'] = $one }
    }
    $list['ModernDistributions'] = $families
    Format-Json $list
}

function Get-Address([bool]$Offered) {
    # value of the registry -> the address that must stand there.
    $wanted = @{}
    foreach ($value in $values.Values) { $wanted[$value] = Get-LabAddress $value }
    if ($Offered) { $wanted[$values[$params.list]] = $address }
    $wanted
}

function Get-BeforeText {
    $kept = [ordered]@{}
    foreach ($value in $values.Values | Sort-Object) { $kept[$value] = Get-LabAddress $value }
    Format-Json $kept
}

function Get-LogonText {
    # Seen by nobody, and over at once where the user has a copy.
    $script = 'powershell.exe -NoProfile -WindowStyle Hidden -ExecutionPolicy Bypass -File "{0}\student.ps1" {1} --prepare'
    if ($params.logon) { $script -f $folder, $name } else { '' }
}

function Set-Address($Wanted) {
    foreach ($value in $Wanted.Keys) { if ((Get-Value $lxss $value) -cne $Wanted[$value]) { Set-Value $lxss $value $Wanted[$value] } }
}

function Remove-Old($Files) {
    # A student's copy may just be made of it: then it goes another day.
    foreach ($path in $Files) {
        try { [System.IO.File]::Delete($path) } catch [System.IO.IOException] {
            $null = $notes.Add("$path is in use and was left; a later run removes it")
        }
    }
}

function Open-Home {
    $fault = Get-HomeFault $homePath
    if ($fault) { Stop-With 'HOME_NOT_OURS' $fault }
}

function Get-Launcher {
    # path -> text of what students start, and what tells them of it.
    $words, $launcher = $params.words, "$homePath\bin\wsl-$name.cmd"
    @{
        "$homePath\README.txt" = Get-NoteText (Get-Pointer $homePath) $words (@(Get-Guest $homePath) + $launcher)
        $launcher = Format-Words $words['launcher'] @{ name = $name }
        "$folder\student.ps1" = $words['student']; "$folder\causes.txt" = $words['causes']
    }
}

function Set-Present {
    Assert-Wsl $wsl
    Assert-Version
    Open-Home
    $found = Get-Source
    $offer = Get-Offer $folder $name
    $same = $null -ne $offer -and (Format-Json (Get-Field $offer 'of')) -ceq (Format-Json $found.of)
    if (-not $same) {
        # What stands in the way of what follows is better known before an export that takes minutes.
        $null = Format-Offered @(@{ distribution = $name }; Get-OtherOffer)
        Assert-Room $folder (New-Object -TypeName System.IO.FileInfo -ArgumentList $found.disk).Length 'the export'
        $module.Result.changed = $true
        $module.Diff.before.of, $module.Diff.after.of = (Get-Field $offer 'of'), $found.of
        if ($module.CheckMode) { return }
        Initialize-Home $homePath
        if ($params.prepare) { $module.Result.ready = $true; return }
    }
    $lock = $null
    try {
        if (-not $same) { $lock = Enter-Home $homePath $params.lock_wait; $offer = Export-Distribution $found }
        $files = Get-Launcher
        $files["$folder\list.json"] = Format-Offered @($offer; Get-OtherOffer)
        $files[$before] = Get-BeforeText
        $addresses, $logon = (Get-Address $true), (Get-LogonText)
        $todo = @($files.Keys | Where-Object { -not (Test-Text $_ $files[$_]) })
        $other = @($addresses.Keys | Where-Object { (Get-Value $lxss $_) -cne $addresses[$_] })
        $old = @(Get-OldFile (Get-Field $offer 'file'))
        $atLogon = (Get-Value $run "gpuready wsl $name") -cne $logon
        $module.Result.offer = $offer
        if (-not ($todo.Count -or $other.Count -or $old.Count -or $atLogon)) { return }
        $module.Result.changed = $true
        $module.Diff.after.files = @($todo | Sort-Object)
        if ($module.CheckMode) { return }
        if ($null -eq $lock) { $lock = Enter-Home $homePath $params.lock_wait }
        # The lab's own addresses are kept before ours stand there.
        foreach ($path in $todo) { $null = Write-Whole $path $files[$path] }
        Set-Address $addresses
        if ($atLogon) { Set-Value $run "gpuready wsl $name" $logon }
        Remove-Old $old
    } finally { if ($null -ne $lock) { Exit-Home $homePath $lock } }
}

function Set-Absent {
    Open-Home
    foreach ($kind in @($values.Keys)) { if ((Get-Value $lxss $values[$kind]) -eq $address) { $params.list = $kind } }
    $others = @(Get-OtherOffer)
    $addresses = Get-Address ($others.Count -gt 0)
    $gone = @("$homePath\bin\wsl-$name.cmd", "$folder\$name.json")
    if (-not $others.Count) { $gone += "$folder\list.json", $before, "$folder\student.ps1", "$folder\causes.txt" }
    $gone = @($gone | Where-Object { [System.IO.File]::Exists($_) })
    $old = @(Get-OldFile '')
    $other = @($addresses.Keys | Where-Object { -not $others.Count -and (Get-Value $lxss $_) -cne $addresses[$_] })
    $atLogon = [bool](Get-Value $run "gpuready wsl $name")
    if (-not ($gone.Count -or $old.Count -or $other.Count -or $atLogon)) { return }
    $module.Result.changed = $true
    if ($module.CheckMode) { return }
    $lock = Enter-Home $homePath $params.lock_wait
    try {
        # First of all nobody is offered it any more.
        if ($others.Count) { $null = Write-Whole "$folder\list.json" (Format-Offered $others) } else { Set-Address $addresses }
        if ($atLogon) { Set-Value $run "gpuready wsl $name" '' }
        foreach ($path in $gone) { $null = Remove-Whole $path }
        $note = Get-NoteText (Get-Pointer $homePath) $params.words (Get-Guest $homePath)
        if ($null -eq $note) { $null = Remove-Whole "$homePath\README.txt" } else { $null = Write-Whole "$homePath\README.txt" $note }
        Remove-Old $old
        if ([System.IO.Directory]::Exists($folder) -and @([System.IO.Directory]::GetFileSystemEntries($folder)).Count -eq 0) {
            [System.IO.Directory]::Delete($folder)
        }
    } finally { Exit-Home $homePath $lock }
}

$module.Result.changed = $false
$module.Result.offer = $null
$module.Result.notes = $notes
$module.Diff.before = @{ name = $name }
$module.Diff.after = @{ name = $name }
$wsl = Find-Wsl
Exit-Module $module {
    if ($params.state -eq 'absent') { Set-Absent; return }
    $module.Result.launcher = "$homePath\bin\wsl-$name.cmd"
    Set-Present
}
