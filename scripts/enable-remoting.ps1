#Requires -Version 5.1
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
<#
.SYNOPSIS
Makes this PC reachable by WinRM from the named controllers, and from nobody else.

.DESCRIPTION
For a group policy startup script, or run once by hand as administrator. It looks first and changes only what differs, so
a second run changes nothing. It says every change, remembers what was there before in
C:\ProgramData\gpuready\remoting.json, and -Undo puts that back. What an earlier run set and this one no longer asks for
(another port, -LocalAccount) is put back too. See docs/remoting.md.

Exit codes: 0 as asked; 1 a change failed (the others stand; run it again, or -Undo); 2 wrong arguments; 3 not run as
administrator; 4 refused, nothing changed.

.PARAMETER Controller
Addresses, subnets (10.1.0.0/24) or ranges (10.1.0.5-10.1.0.9) that may connect.
.PARAMETER Https
Listen with TLS on port 5986 instead of port 5985.
.PARAMETER CertificateThumbprint
The certificate for -Https, in LocalMachine\My with its private key. Without it a self-signed one is made.
.PARAMETER LocalAccount
Let local administrators log on over the network with full rights (for a PC outside a domain). Windows knows this for all of
them and for every way into the PC at once, not for WinRM alone: see docs/remoting.md.
.PARAMETER AllowFirewallOff
Go on where a profile of the Windows firewall is off, because another product filters.
.PARAMETER Undo
Put back what this script has changed.

.EXAMPLE
powershell.exe -ExecutionPolicy Bypass -File enable-remoting.ps1 -Controller 10.1.0.5 -LocalAccount
#>
[CmdletBinding(SupportsShouldProcess = $true)]
param(
    [string[]]$Controller = @(),
    [switch]$Https,
    [string]$CertificateThumbprint = '',
    [switch]$LocalAccount,
    [switch]$AllowFirewallOff,
    [switch]$Undo
)
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$HomePath = "$env:ProgramData\gpuready"
$StateFile = "$HomePath\remoting.json"
$Administrators = 'S-1-5-32-544'
$System = 'S-1-5-18'
$Users = 'S-1-5-32-545'
$PolicyKey = 'SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System'
$Config = 'winrm/config'
$script:Changes = 0
$script:State = [ordered]@{}      # id -> @{ before; after }: what was there before our first change, and what we set

function Stop-With([int]$Code, [string]$Name, [string]$Cause, [string]$NextStep) {
    [Console]::Error.WriteLine("error: ${Name}: $Cause Next step: $NextStep")
    exit $Code
}

# --- addresses ---------------------------------------------------------------------------------------------------------
function ConvertTo-Address([string]$Text) {
    # One way to write an address, subnet or range: Windows gives 10.1.0.0/24 back as 10.1.0.0/255.255.255.0.
    $ip = $null
    if ($Text -match '^([^-/]+)-([^-/]+)$') {
        $ends = @($Matches[1], $Matches[2]) | ForEach-Object { ConvertTo-Address $_ }
        return $ends -join '-'
    }
    $address, $length = $Text -split '/', 2
    if ($address -notmatch '[.:].*[.:]' -or -not [System.Net.IPAddress]::TryParse($address, [ref]$ip)) {
        throw "'$Text' is no address, subnet or range."
    }
    $bytes = $ip.GetAddressBytes()
    if (-not $length) { return $ip.ToString() }
    $mask = $null
    if ($length -match '^\d+\.\d+\.\d+\.\d+$' -and [System.Net.IPAddress]::TryParse($length, [ref]$mask)) {
        $bits = -join ($mask.GetAddressBytes() | ForEach-Object { [Convert]::ToString($_, 2).PadLeft(8, '0') })
        if ($bits -notmatch '^(1*)0*$') { throw "'$Text' has no valid mask." }
        $length = "$($Matches[1].Length)"
    }
    if ($length -notmatch '^\d{1,3}$' -or [int]$length -gt 8 * $bytes.Length) { throw "'$Text' has no valid prefix length." }
    if ([int]$length -eq 0) { throw "'$Text' is every address: name the controllers." }
    if ([int]$length -eq 8 * $bytes.Length) { return $ip.ToString() }
    for ($i = 0; $i -lt $bytes.Length; $i++) {
        $keep = [Math]::Min(8, [Math]::Max(0, [int]$length - 8 * $i))
        $bytes[$i] = $bytes[$i] -band (0xFF -shl (8 - $keep)) -band 0xFF
    }
    return (New-Object -TypeName System.Net.IPAddress -ArgumentList (, $bytes)).ToString() + "/$length"
}

function Join-Address([string[]]$List) {
    return (@($List | ForEach-Object { ConvertTo-Address $_ } | Sort-Object -Unique) -join ',')
}

# --- what can be looked at and changed: each item has an id and a value that is one line of text, or null ---------------
function Get-Field([string]$Value, [string]$Name) {
    foreach ($pair in $Value -split ';') { if ($pair.StartsWith("$Name=")) { return $pair.Substring($Name.Length + 1) } }
    return ''
}

function Get-Setting($Xml, [string]$Name) {
    $node = $Xml.SelectSingleNode("*[local-name()='$Name']")
    if ($null -eq $node) { return '' }
    return $node.InnerText
}

function Test-ByPolicy([string]$Uri, [string]$Name) {
    $node = (Get-WSManInstance -ResourceURI $Uri).SelectSingleNode("*[local-name()='$Name']")
    return ($null -ne $node -and $node.GetAttribute('Source') -eq 'GPO')
}

function Get-Listener([string]$Transport) {
    @(Get-WSManInstance -ResourceURI "$Config/listener" -Enumerate | Where-Object { (Get-Setting $_ 'Transport') -eq $Transport })
}

function Get-Certificate([string]$Thumbprint, [string]$Name = 'My') {
    $store = New-Object -TypeName System.Security.Cryptography.X509Certificates.X509Store -ArgumentList $Name, 'LocalMachine'
    $store.Open('ReadOnly')
    try {
        return ($store.Certificates | Where-Object { $_.Thumbprint -eq $Thumbprint } | Select-Object -First 1)
    } finally { $store.Close() }
}

function Read-Item([string]$Id) {
    $kind, $name = $Id -split '\|', 2
    switch ($kind) {
        'service' {
            $service = Get-Service -Name $name
            return "start=$($service.StartType);status=$($service.Status)"
        }
        'setting' {
            $uri, $setting = $name -split '\|'
            return (Get-Setting (Get-WSManInstance -ResourceURI $uri) $setting)
        }
        'listener' {
            $listener = Get-Listener $name | Where-Object { (Get-Setting $_ 'Address') -eq '*' } | Select-Object -First 1
            if ($null -eq $listener) { return $null }
            return "port=$(Get-Setting $listener 'Port');enabled=$(Get-Setting $listener 'Enabled');" +
                "hostname=$(Get-Setting $listener 'Hostname');certificate=$(Get-Setting $listener 'CertificateThumbprint')"
        }
        'rule' {
            $rule = Get-NetFirewallRule -Name $name -ErrorAction SilentlyContinue
            if ($null -eq $rule) { return $null }
            $ports = @(($rule | Get-NetFirewallPortFilter).LocalPort) -join ','
            $from = @(($rule | Get-NetFirewallAddressFilter).RemoteAddress)
            try { $from = Join-Address $from } catch { $from = $from -join ',' }    # Any, LocalSubnet
            return "port=$ports;enabled=$($rule.Enabled);from=$from"
        }
        'enabled' { return "$((Get-NetFirewallRule -Name $name).Enabled)" }
        'policy' {
            $value = [Microsoft.Win32.Registry]::GetValue("HKEY_LOCAL_MACHINE\$PolicyKey", $name, $null)
            if ($null -eq $value) { return $null }
            return "$value"
        }
        'certificate' {
            if ((Get-Certificate $name) -or (Get-Certificate $name 'CA')) { return 'present' }
            return $null
        }
    }
    throw "unknown item $Id"
}

function Write-Item([string]$Id, $Value) {
    $kind, $name = $Id -split '\|', 2
    switch ($kind) {
        'service' {
            Set-Service -Name $name -StartupType (Get-Field $Value 'start')
            if ((Get-Field $Value 'status') -eq 'Running') { Start-Service -Name $name } else { Stop-Service -Name $name -Force }
        }
        'setting' {
            $uri, $setting = $name -split '\|'
            if (Test-ByPolicy $uri $setting) { throw "group policy sets $setting of $uri; change it there." }
            $null = Set-WSManInstance -ResourceURI $uri -ValueSet @{ $setting = $Value }
        }
        'listener' {
            $which = @{ ResourceURI = "$Config/listener"; SelectorSet = @{ Address = '*'; Transport = $name } }
            if ($null -ne (Read-Item $Id)) { Remove-WSManInstance @which }
            if ($null -eq $Value) { return }
            $values = @{
                Port = Get-Field $Value 'port'
                Enabled = Get-Field $Value 'enabled'
                Hostname = Get-Field $Value 'hostname'
            }
            if ($name -eq 'HTTPS') { $values.CertificateThumbprint = Get-Field $Value 'certificate' }
            $null = New-WSManInstance @which -ValueSet $values
        }
        'rule' {
            $settings = @{ Name = $name }
            if ($null -eq $Value) { Remove-NetFirewallRule @settings; return }
            $settings.LocalPort = (Get-Field $Value 'port') -split ','
            $settings.RemoteAddress = (Get-Field $Value 'from') -split ','
            $settings.Enabled = Get-Field $Value 'enabled'
            if ($null -ne (Read-Item $Id)) { Set-NetFirewallRule @settings; return }
            $null = New-NetFirewallRule @settings -DisplayName "gpuready: WinRM ($($settings.LocalPort))" -Group gpuready `
                -Description 'Made by enable-remoting.ps1; -Undo takes it away.' `
                -Direction Inbound -Action Allow -Protocol TCP -Profile Any
        }
        'enabled' { Set-NetFirewallRule -Name $name -Enabled $Value }
        'policy' {
            $key = [Microsoft.Win32.Registry]::LocalMachine.CreateSubKey($PolicyKey)
            try {
                if ($null -eq $Value) { $key.DeleteValue($name, $false) } else { $key.SetValue($name, [int]$Value, 'DWord') }
            } finally { $key.Close() }
        }
        'certificate' {
            # Its key outlives a certificate that is only removed, and Windows copies what it signs itself to the authorities.
            if (Get-Certificate $name) { Remove-Item -LiteralPath "Cert:\LocalMachine\My\$name" -DeleteKey }
            if (Get-Certificate $name 'CA') { Remove-Item -LiteralPath "Cert:\LocalMachine\CA\$name" }
        }
    }
}

# --- gpuready's folder: what lies in it is run and believed by administrators, so that nobody else may write there -------------
function Get-Me { [System.Security.Principal.WindowsIdentity]::GetCurrent().User.Value }

function Get-Owner([string]$Path) { (Get-Acl -LiteralPath $Path).GetOwner([System.Security.Principal.SecurityIdentifier]).Value }

function Test-Home {
    # Whoever came first in ProgramData owns what is there: a folder or a link that somebody else has laid ready is not used.
    if (-not (Test-Path -LiteralPath $HomePath)) { return }
    $item = Get-Item -LiteralPath $HomePath -Force
    if (-not $item.PSIsContainer -or $item.Attributes -band [System.IO.FileAttributes]::ReparsePoint) {
        Stop-With 4 'HOME_NOT_OURS' "$HomePath is a link or a file." 'Look who made it, remove it, and run this again.'
    }
    $owner = Get-Owner $HomePath
    if ($owner -notin $Administrators, $System, (Get-Me)) {
        Stop-With 4 'HOME_NOT_OURS' "$HomePath belongs to $owner." `
            'Look who made it and what is in it, remove it, and run this again.'
    }
}

function Get-HomeRight {
    # Administrators and the system may do all, everybody may read and run, nothing comes from the folder above.
    $acl = New-Object -TypeName System.Security.AccessControl.DirectorySecurity
    $acl.SetAccessRuleProtection($true, $false)
    foreach ($entry in @($System, 'FullControl'), @($Administrators, 'FullControl'), @($Users, 'ReadAndExecute')) {
        $sid = New-Object -TypeName System.Security.Principal.SecurityIdentifier -ArgumentList $entry[0]
        $acl.AddAccessRule((New-Object -TypeName System.Security.AccessControl.FileSystemAccessRule -ArgumentList `
            $sid, $entry[1], 'ContainerInherit, ObjectInherit', 'None', 'Allow'))
    }
    $acl.SetOwner((New-Object -TypeName System.Security.Principal.SecurityIdentifier -ArgumentList $Administrators))
    return $acl
}

function Test-OthersWrite {
    # Whether anybody but administrators, the system and ourselves may change something in the folder.
    $rights = [System.Security.AccessControl.FileSystemRights]
    $writing = $rights::Write -bor $rights::Delete -bor $rights::DeleteSubdirectoriesAndFiles -bor
        $rights::ChangePermissions -bor $rights::TakeOwnership
    foreach ($rule in (Get-Acl -LiteralPath $HomePath).GetAccessRules($true, $true, [System.Security.Principal.SecurityIdentifier])) {
        $isOurs = $rule.IdentityReference.Value -in $Administrators, $System, (Get-Me)
        if ("$($rule.AccessControlType)" -ne 'Allow' -or $isOurs) { continue }
        if ($rule.FileSystemRights -band $writing -band -bnot $rights::Synchronize) { return $true }
    }
    return $false
}

function Initialize-Home {
    if (Test-Path -LiteralPath $HomePath) {
        if (Test-OthersWrite) {
            Set-Acl -LiteralPath $HomePath -AclObject (Get-HomeRight)
            Write-Host "changed: only administrators may write in $HomePath"
        }
        return
    }
    # Made under a name that nobody knows, and in its place only once its rights are right and nobody was quicker.
    $new = "$HomePath.$([guid]::NewGuid().ToString('N'))"
    $null = [System.IO.Directory]::CreateDirectory($new)
    Set-Acl -LiteralPath $new -AclObject (Get-HomeRight)
    if ([System.IO.Directory]::GetFileSystemEntries($new)) { throw "somebody writes into $new, a folder that was just made." }
    [System.IO.Directory]::Move($new, $HomePath)
}

# --- state: written before a change, so that even a change that was cut off can be undone ---------------------------------
function Read-State {
    Test-Home
    if (-not [System.IO.File]::Exists($StateFile)) { return }
    $owner = Get-Owner $StateFile
    if ($owner -notin $Administrators, $System, (Get-Me)) {
        Stop-With 4 'STATE_NOT_OURS' "$StateFile belongs to $owner." 'Look who wrote it, delete it, and run this again.'
    }
    try {
        foreach ($entry in ([System.IO.File]::ReadAllText($StateFile, [System.Text.Encoding]::UTF8) | ConvertFrom-Json).items) {
            $script:State[$entry.id] = @{ before = $entry.before; after = $entry.after }
        }
    } catch {
        Stop-With 4 'STATE_UNREADABLE' "$StateFile is damaged ($($_.Exception.Message))." `
            'Delete it; what it remembered must be put back by hand.'
    }
}

function Save-State {
    if ($script:State.Count -eq 0) {
        [System.IO.File]::Delete($StateFile)
        if (-not [System.IO.Directory]::GetFileSystemEntries($HomePath)) { [System.IO.Directory]::Delete($HomePath) }
        return
    }
    Initialize-Home
    $items = foreach ($id in $script:State.Keys) {
        [pscustomobject]@{ id = $id; before = $script:State[$id].before; after = $script:State[$id].after }
    }
    $text = ConvertTo-Json -InputObject @{ version = 1; items = @($items) } -Depth 4
    [System.IO.File]::WriteAllText("$StateFile.new", $text, (New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false))
    Move-Item -LiteralPath "$StateFile.new" -Destination $StateFile -Force
}

function Format-Value($Value) { if ($null -eq $Value) { return 'nothing' }; return "'$Value'" }

function Set-Wanted([string]$Id, $Value) {
    $is = Read-Item $Id
    if ($is -ceq $Value) { return }
    if ($WhatIfPreference) { "would change: $Id from $(Format-Value $is) to $(Format-Value $Value)"; $script:Changes++; return }
    if (-not $PSCmdlet.ShouldProcess($Id, "set to $(Format-Value $Value)")) { return }
    if ($script:State.Contains($Id)) { $script:State[$Id].after = $Value } else { $script:State[$Id] = @{ before = $is; after = $Value } }
    Save-State
    Write-Item $Id $Value
    $now = Read-Item $Id
    if ($now -cne $Value) {
        throw "$Id is $(Format-Value $now) after it was set to $(Format-Value $Value); " +
            'something else, a group policy perhaps, sets it.'
    }
    $script:Changes++
    "changed: $Id from $(Format-Value $is) to $(Format-Value $Value)"
}

function Undo-Item([string]$Id) {
    # Put back what was there before; what somebody else has changed since is left alone.
    $entry = $script:State[$Id]
    $is = Read-Item $Id
    if ($is -cne $entry.before) {
        if ($is -cne $entry.after) {
            "left: $Id is $(Format-Value $is), which is not what was set here; before it was $(Format-Value $entry.before)"
        } elseif ($WhatIfPreference) {
            "would put back: $Id to $(Format-Value $entry.before)"
            $script:Changes++
            return
        } elseif ($PSCmdlet.ShouldProcess($Id, "put back to $(Format-Value $entry.before)")) {
            Write-Item $Id $entry.before
            $script:Changes++
            "put back: $Id to $(Format-Value $entry.before)"
        } else { return }
    }
    if ($WhatIfPreference) { return }
    $script:State.Remove($Id)
    Save-State
}

function Test-Port([string[]]$Open, [string[]]$Ports) {
    foreach ($one in $Open) {
        if ($one -eq 'Any') { return $true }
        $first, $last = $one -split '-', 2
        if (-not $last) { $last = $first }
        if ($first -match '^\d+$' -and @($Ports | Where-Object { [int]$_ -ge [int]$first -and [int]$_ -le [int]$last })) { return $true }
    }
    return $false
}

function Close-Other([string[]]$Ports) {
    # The rules that let anybody else reach these ports: Windows' own are switched off, of all others a warning tells. WinRM
    # listens in the system's own process, so that a rule for another program or service is none of them.
    $rules = @{}
    foreach ($rule in (Get-NetFirewallRule -PolicyStore ActiveStore -Direction Inbound -Action Allow -Enabled True)) {
        $rules[$rule.InstanceID] = $rule
    }
    foreach ($one in (Get-NetFirewallApplicationFilter -PolicyStore ActiveStore)) {
        $ofAnother = "$($one.Program)" -notin '', 'Any', 'System' -or "$($one.Package)" -notin '', 'Any', '*'
        if ($ofAnother) { $rules.Remove($one.InstanceID) }
    }
    foreach ($one in (Get-NetFirewallServiceFilter -PolicyStore ActiveStore)) {
        if ("$($one.Service)" -notin '', 'Any', '*', 'WinRM') { $rules.Remove($one.InstanceID) }
    }
    foreach ($filter in (Get-NetFirewallPortFilter -PolicyStore ActiveStore)) {
        $rule = $rules[$filter.InstanceID]
        if (-not $rule -or $rule.Name -eq 'gpuready-winrm') { continue }
        $every = "$($filter.Protocol)" -eq 'Any'
        if (-not $every -and ("$($filter.Protocol)" -notin 'TCP', '6' -or -not (Test-Port $filter.LocalPort $Ports))) { continue }
        if ($rule.Name -like 'WINRM-HTTP*' -and "$($rule.PolicyStoreSourceType)" -eq 'Local') {
            Set-Wanted "enabled|$($rule.Name)" 'False'
            continue
        }
        $what = "port $($filter.LocalPort -join ', ')"
        if ($every -or $filter.LocalPort -contains 'Any') { $what = 'every port' }
        $whose = "'$($rule.DisplayName)' ($($rule.PolicyStoreSourceType))"
        "warning: the firewall rule $whose also opens $what; close it where it comes from"
    }
}

function Get-HttpsListener {
    # The value of the HTTPS listener: with the certificate that was named, with the one it has while it is good, or a new one.
    $thumbprint = $CertificateThumbprint.Replace(' ', '').ToUpperInvariant()
    $has = @(Get-Listener 'HTTPS') | Select-Object -First 1
    if (-not $thumbprint -and $has) {
        $thumbprint = (Get-Setting $has 'CertificateThumbprint').Replace(' ', '').ToUpperInvariant()
        $old = Get-Certificate $thumbprint
        if (-not $old -or $old.NotAfter -lt (Get-Date).AddDays(30)) { $thumbprint = '' }
    }
    if (-not $thumbprint) {
        if ($WhatIfPreference) { return 'port=5986;enabled=true;hostname=;certificate=(a new self-signed one)' }
        $made = New-SelfSignedCertificate -DnsName $env:COMPUTERNAME -CertStoreLocation 'Cert:\LocalMachine\My' `
            -NotAfter (Get-Date).AddYears(5)
        $thumbprint = $made.Thumbprint
        $script:State["certificate|$thumbprint"] = @{ before = $null; after = 'present' }
        Save-State
        $script:Changes++
        Write-Host "changed: certificate|$thumbprint from nothing to 'present', self-signed for $env:COMPUTERNAME"
    }
    $is = Read-Item 'listener|HTTPS'
    if ((Get-Field $is 'certificate') -eq $thumbprint) { return $is -replace 'enabled=\w+', 'enabled=true' }
    $name = (Get-Certificate $thumbprint).GetNameInfo('DnsName', $false)
    return "port=5986;enabled=true;hostname=$name;certificate=$thumbprint"
}

# --- the run --------------------------------------------------------------------------------------------------------------
$principal = New-Object -TypeName System.Security.Principal.WindowsPrincipal -ArgumentList `
    ([System.Security.Principal.WindowsIdentity]::GetCurrent())
if (-not $principal.IsInRole([System.Security.Principal.WindowsBuiltInRole]::Administrator)) {
    Stop-With 3 'NOT_ADMINISTRATOR' 'This needs the rights of an administrator.' `
        'Start PowerShell with "Run as administrator", or use a startup script of group policy.'
}
try {
    if ($Undo) {
        Read-State
        $ids = @($script:State.Keys)
        [array]::Reverse($ids)
        # Its settings can be read only while it runs.
        if ($ids -match '^(setting|listener)' -and -not $WhatIfPreference) { Start-Service -Name WinRM }
        foreach ($id in $ids) { Undo-Item $id }
    } else {
        $addresses = @($Controller | ForEach-Object { $_ -split '[,;\s]+' } | Where-Object { $_ })
        try { $from = Join-Address $addresses } catch {
            Stop-With 2 'BAD_CONTROLLER' $_.Exception.Message 'Give -Controller addresses, subnets or ranges, separated by commas.'
        }
        if (-not $from) { Stop-With 2 'NO_CONTROLLER' 'No controller was named.' 'Add -Controller with the addresses that may connect.' }
        if ($CertificateThumbprint) {
            if (-not $Https) { Stop-With 2 'NO_HTTPS' '-CertificateThumbprint without -Https.' 'Add -Https.' }
            $certificate = Get-Certificate $CertificateThumbprint.Replace(' ', '')
            if (-not $certificate -or -not $certificate.HasPrivateKey -or $certificate.NotAfter -lt (Get-Date)) {
                Stop-With 4 'BAD_CERTIFICATE' "LocalMachine\My has no valid certificate $CertificateThumbprint with a private key." `
                    'Import it, or leave -CertificateThumbprint out.'
            }
        }
        $off = @(Get-NetFirewallProfile -PolicyStore ActiveStore |
            Where-Object { "$($_.Enabled)" -ne 'True' } | ForEach-Object { $_.Name })
        if ($off -and -not $AllowFirewallOff) {
            Stop-With 4 'FIREWALL_OFF' "The Windows firewall is off for: $($off -join ', '). WinRM would be open to everyone." `
                'Turn it on, or add -AllowFirewallOff if another product filters.'
        }
        Read-State
        $wanted = [ordered]@{ 'service|WinRM' = 'start=Automatic;status=Running' }
        Close-Other '5985', '5986'      # first: nobody else may connect while the settings are still as they were
        Set-Wanted 'service|WinRM' $wanted['service|WinRM']
        $transport = 'HTTP'
        if ($Https) { $transport = 'HTTPS' }
        $port = "$(5985 + [int][bool]$Https)"
        $runs = "$((Get-Service -Name WinRM).Status)" -eq 'Running'
        if (-not $runs) {
            'WinRM is not running: what its settings need is seen once it runs'
        } else {
            if ((Get-Setting (Get-WSManInstance -ResourceURI "$Config/service") 'AllowRemoteAccess') -eq 'false') {
                throw 'group policy ("Allow remote server management through WinRM") keeps WinRM from being reached; change it there.'
            }
            $wanted["setting|$Config/service/auth|Basic"] = 'false'
            $wanted["setting|$Config/service|AllowUnencrypted"] = 'false'
            $wanted["setting|$Config/service/auth|Kerberos"] = 'true'
            if ($LocalAccount) { $wanted["setting|$Config/service/auth|Negotiate"] = 'true' }
            foreach ($quota in @{ MaxMemoryPerShellMB = 2048; MaxProcessesPerShell = 25; MaxShellsPerUser = 30 }.GetEnumerator()) {
                $id = "setting|$Config/winrs|$($quota.Key)"
                $is = Read-Item $id
                $wanted[$id] = $is
                if ([long]$is -lt $quota.Value) { $wanted[$id] = "$($quota.Value)" }
            }
            $listening = @(Get-Listener $transport | Where-Object { (Get-Setting $_ 'Enabled') -eq 'true' })
            if ($listening) { $port = Get-Setting $listening[0] 'Port' }
            if ($port -notin '5985', '5986') { Close-Other $port }
            $is = Read-Item 'listener|HTTP'
            if ($Https) { $wanted['listener|HTTPS'] = (Get-HttpsListener) -replace '^port=\d+', "port=$port" }
            elseif (-not $listening) { $wanted['listener|HTTP'] = "port=$port;enabled=true;hostname=;certificate=" }
            elseif ($is) { $wanted['listener|HTTP'] = $is }
        }
        $wanted['rule|gpuready-winrm'] = "port=$port;enabled=True;from=$from"
        if ($LocalAccount) {
            $wanted['policy|LocalAccountTokenFilterPolicy'] = '1'
            if ((Read-Item 'policy|LocalAccountTokenFilterPolicy') -ne '1') {
                'warning: LocalAccountTokenFilterPolicy gives every local administrator of this PC full rights over the network, ' +
                    'by every way that the firewall lets in (shares, WMI, services, remote registry) and from every address that ' +
                    'it lets in there, not by WinRM alone'
            }
        }
        foreach ($id in @($wanted.Keys | Where-Object { $_ -notlike 'service|*' })) { Set-Wanted $id $wanted[$id] }
        $ids = @($script:State.Keys)
        [array]::Reverse($ids)
        foreach ($id in $ids) {
            $isOurs = $Https -and $wanted['listener|HTTPS'] -like "*;certificate=$($id.Substring($id.IndexOf('|') + 1))"
            $inUse = $id -like 'enabled|*' -or $isOurs
            $readable = $runs -or $id -notmatch '^(setting|listener)'      # not running: only under -WhatIf
            if (-not $wanted.Contains($id) -and -not $inUse -and $readable) { Undo-Item $id }
        }
    }
} catch {
    Stop-With 1 'CHANGE_FAILED' $_.Exception.Message 'Run this again once the cause is gone, or run it with -Undo.'
}
if (-not $script:Changes) { 'nothing changed' }
if (-not $Undo -and -not $WhatIfPreference) { "WinRM answers at port $port to: $($from -replace ',', ', ')" }
exit 0
