#Requires -Version 7
# What Wine has not: the WinRM service's configuration, the Windows firewall, the service manager, New-SelfSignedCertificate.
# The state is a JSON document, C:\ProgramData\WinLab\remoting.json; the functions answer as Windows' cmdlets do as far
# as enable-remoting.ps1 looks.  A key of `policy` ("uri|name") is a setting that group policy holds.
$file = Join-Path $env:ProgramData 'WinLab\remoting.json'
function Read-Lab { Get-Content -LiteralPath $file -Raw | ConvertFrom-Json }
function Save-Lab($Lab) { [IO.File]::WriteAllText($file, (ConvertTo-Json -InputObject $Lab -Depth 9)) }
Save-Lab (Read-Lab)     # one way of writing, whoever wrote it

# --- services ---
function Get-Service { [CmdletBinding()] param([Parameter(Mandatory)][string]$Name)
    $lab = Read-Lab
    [pscustomobject]@{ Name = $Name; StartType = $lab.service.start; Status = $lab.service.status }
}
function Set-Service { [CmdletBinding()] param([Parameter(Mandatory)][string]$Name, [string]$StartupType)
    $lab = Read-Lab
    $lab.service.start = $StartupType
    Save-Lab $lab
}
function Set-Status($Status) { $lab = Read-Lab; $lab.service.status = $Status; Save-Lab $lab }
function Start-Service { [CmdletBinding()] param([Parameter(Mandatory)][string]$Name)
    if ((Read-Lab).service.start -eq 'Disabled') { throw "Service '$Name' cannot be started." }
    Set-Status 'Running'
}
function Stop-Service { [CmdletBinding()] param([Parameter(Mandatory)][string]$Name, [switch]$Force) Set-Status 'Stopped' }

# --- WS-Management ---
function Open-WSMan {
    $lab = Read-Lab
    if ($lab.service.status -ne 'Running') { throw 'The client cannot connect to the destination specified in the request. (2150858770)' }
    $lab
}
function ConvertTo-Xml($Name, $Values, $Uri) {
    $lab = Read-Lab
    $ns = 'http://schemas.microsoft.com/wbem/wsman/1/config'
    $xml = New-Object -TypeName System.Xml.XmlDocument
    $root = $xml.CreateElement('cfg', $Name, $ns)
    foreach ($p in $Values.PSObject.Properties) {
        $node = $xml.CreateElement('cfg', $p.Name, $ns)
        $node.InnerText = "$($p.Value)"
        if ($lab.policy.PSObject.Properties["$Uri|$($p.Name)"]) { $node.SetAttribute('Source', 'GPO') }
        [void]$root.AppendChild($node)
    }
    , $root
}
function Get-WSManInstance { [CmdletBinding()] param([Parameter(Mandatory)][string]$ResourceURI, [switch]$Enumerate)
    $lab = Open-WSMan
    if ($Enumerate) { foreach ($l in $lab.listeners) { ConvertTo-Xml 'Listener' $l $ResourceURI } }
    else { ConvertTo-Xml 'Config' $lab.config.$ResourceURI $ResourceURI }
}
function Set-WSManInstance { [CmdletBinding()] param([Parameter(Mandatory)][string]$ResourceURI, [hashtable]$ValueSet)
    $lab = Open-WSMan
    foreach ($name in $ValueSet.Keys) { $lab.config.$ResourceURI.$name = $ValueSet[$name] }
    if ($lab.stubborn -notcontains $name) { Save-Lab $lab }
    ConvertTo-Xml 'Config' $lab.config.$ResourceURI $ResourceURI
}
function New-WSManInstance { [CmdletBinding()] param([Parameter(Mandatory)][string]$ResourceURI, [hashtable]$SelectorSet, [hashtable]$ValueSet)
    $lab = Open-WSMan
    if ($SelectorSet.Transport -eq 'HTTPS' -and -not $ValueSet.CertificateThumbprint) { throw 'Cannot create a WinRM listener on HTTPS: no certificate. (2150859027)' }
    $lab.listeners = @($lab.listeners) + [pscustomobject][ordered]@{ Address = $SelectorSet.Address; Transport = $SelectorSet.Transport
        Port = "$($ValueSet.Port)"; Hostname = "$($ValueSet.Hostname)"; Enabled = "$($ValueSet.Enabled)"; CertificateThumbprint = "$($ValueSet.CertificateThumbprint)" }
    Save-Lab $lab
}
function Remove-WSManInstance { [CmdletBinding()] param([Parameter(Mandatory)][string]$ResourceURI, [hashtable]$SelectorSet)
    $lab = Open-WSMan
    $lab.listeners = @($lab.listeners | Where-Object { -not ($_.Transport -eq $SelectorSet.Transport -and $_.Address -eq $SelectorSet.Address) })
    Save-Lab $lab
}

# --- the firewall ---
function ConvertTo-Shown([string]$Address) {
    # As Windows shows it: 10.1.0.0/24 is 10.1.0.0/255.255.255.0
    if ($Address -notmatch '^([\d.]+)/(\d+)$') { return $Address }
    $bits = ('1' * [int]$Matches[2]).PadRight(32, '0')
    $mask = (0..3 | ForEach-Object { [Convert]::ToInt32($bits.Substring(8 * $_, 8), 2) }) -join '.'
    "$($Matches[1])/$mask"
}
function Get-NetFirewallProfile { [CmdletBinding()] param([string]$PolicyStore) (Read-Lab).profiles }
function Get-NetFirewallRule { [CmdletBinding()] param([string]$Name, [string]$PolicyStore, [string]$Direction, [string]$Action, [string]$Enabled)
    $found = @((Read-Lab).rules | Where-Object {
        (-not $Name -or $_.Name -eq $Name) -and (-not $Direction -or $_.Direction -eq $Direction) -and
        (-not $Action -or $_.Action -eq $Action) -and (-not $Enabled -or $_.Enabled -eq $Enabled) -and
        ($PolicyStore -eq 'ActiveStore' -or $_.PolicyStoreSourceType -eq 'Local') })
    if ($Name -and -not $found) { Write-Error "No MSFT_NetFirewallRule objects found with property 'InstanceID' equal to '$Name'." }
    $found
}
function Get-NetFirewallPortFilter { [CmdletBinding()] param([Parameter(ValueFromPipeline)]$AssociatedNetFirewallRule, [string]$PolicyStore, [string]$Protocol)
    process {
        $of = if ($AssociatedNetFirewallRule) { $AssociatedNetFirewallRule } else { (Read-Lab).rules | Where-Object { -not $Protocol -or $_.Protocol -eq $Protocol } }
        $of | ForEach-Object { [pscustomobject]@{ InstanceID = $_.InstanceID; Protocol = $_.Protocol; LocalPort = $_.LocalPort } }
    }
}
function Get-NetFirewallAddressFilter { [CmdletBinding()] param([Parameter(ValueFromPipeline)]$AssociatedNetFirewallRule)
    process { [pscustomobject]@{ RemoteAddress = $AssociatedNetFirewallRule.RemoteAddress } }
}
function Get-Filter($Name) {
    foreach ($rule in (Read-Lab).rules) {
        $said = $rule.PSObject.Properties[$Name]
        [pscustomobject]@{ InstanceID = $rule.InstanceID; $Name = $(if ($said) { $said.Value } else { 'Any' }); Package = $null }
    }
}
function Get-NetFirewallApplicationFilter { [CmdletBinding()] param([string]$PolicyStore) Get-Filter 'Program' }
function Get-NetFirewallServiceFilter { [CmdletBinding()] param([string]$PolicyStore) Get-Filter 'Service' }
function New-NetFirewallRule { [CmdletBinding()] param([string]$Name, [string]$DisplayName, [string]$Group, [string]$Description, [string]$Direction,
        [string]$Action, [string]$Protocol, [string[]]$LocalPort, [string[]]$RemoteAddress, [string]$Profile, [string]$Enabled)
    $lab = Read-Lab
    $lab.rules = @($lab.rules) + [pscustomobject][ordered]@{ Name = $Name; InstanceID = $Name; DisplayName = $DisplayName; Group = $Group; Direction = $Direction
        Action = $Action; Enabled = $Enabled; Protocol = $Protocol; LocalPort = @($LocalPort); RemoteAddress = @($RemoteAddress | ForEach-Object { ConvertTo-Shown $_ })
        Profile = $Profile; PolicyStoreSourceType = 'Local' }
    Save-Lab $lab
}
function Set-NetFirewallRule { [CmdletBinding()] param([string]$Name, [string[]]$LocalPort, [string[]]$RemoteAddress, [string]$Enabled)
    $lab = Read-Lab
    $rule = $lab.rules | Where-Object { $_.Name -eq $Name -and $_.PolicyStoreSourceType -eq 'Local' }
    if ($LocalPort) { $rule.LocalPort = @($LocalPort) }
    if ($RemoteAddress) { $rule.RemoteAddress = @($RemoteAddress | ForEach-Object { ConvertTo-Shown $_ }) }
    if ($Enabled) { $rule.Enabled = $Enabled }
    Save-Lab $lab
}
function Remove-NetFirewallRule { [CmdletBinding()] param([string]$Name)
    $lab = Read-Lab
    $lab.rules = @($lab.rules | Where-Object { $_.Name -ne $Name })
    Save-Lab $lab
}

# --- certificates: Wine cannot make one, so the test did; they go to Wine's own store ---
function New-SelfSignedCertificate { [CmdletBinding()] param([string]$DnsName, [string]$CertStoreLocation, [datetime]$NotAfter)
    $next = Get-ChildItem -LiteralPath (Join-Path $env:ProgramData 'WinLab\certificates') -Filter '*.pfx' | Sort-Object -Property Name | Select-Object -First 1
    $kept = [System.Security.Cryptography.X509Certificates.X509Certificate2]::new($next.FullName, 'pfx', 'PersistKeySet, MachineKeySet')
    Remove-Item -LiteralPath $next.FullName
    $store = [System.Security.Cryptography.X509Certificates.X509Store]::new('My', 'LocalMachine')
    $store.Open('ReadWrite')
    try { $store.Add($kept) } finally { $store.Close() }
    # As Windows does: what it signs itself is among the authorities too, without its key.
    $store = [System.Security.Cryptography.X509Certificates.X509Store]::new('CA', 'LocalMachine')
    $store.Open('ReadWrite')
    try { $store.Add([System.Security.Cryptography.X509Certificates.X509Certificate2]::new($kept.RawData)) } finally { $store.Close() }
    $kept
}
function Remove-Item { [CmdletBinding()] param([Parameter(Position = 0)][string]$LiteralPath, [switch]$Recurse, [switch]$DeleteKey)
    # Wine has no drive Cert: and does not write removals down; what is asked of it is written down here.
    $null = $PSBoundParameters.Remove('DeleteKey')
    if ($LiteralPath -notmatch '^Cert:\\LocalMachine\\(\w+)\\(\w+)$') { Microsoft.PowerShell.Management\Remove-Item @PSBoundParameters; return }
    $store = [System.Security.Cryptography.X509Certificates.X509Store]::new($Matches[1], 'LocalMachine')
    $store.Open('ReadWrite')
    try { $store.Remove(($store.Certificates | Where-Object { $_.Thumbprint -eq $Matches[2] } | Select-Object -First 1)) } finally { $store.Close() }
    [IO.File]::AppendAllText((Join-Path $env:ProgramData 'WinLab\removed.txt'), "$($Matches[1]) $($Matches[2]) $([bool]$DeleteKey)`n")
}
Export-ModuleMember -Function *-Service, *-WSManInstance, *-NetFirewall*, New-SelfSignedCertificate, Remove-Item
