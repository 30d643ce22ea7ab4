# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

# CIM in a runspace of its own: a provider that hangs costs its own answer, and is left behind.  Windows PowerShell 5.1.

Set-StrictMode -Version Latest

$ask = {
    param($Queries, $Answers, $Limit, $FeatureNames, $RestartPending)
    Set-StrictMode -Version Latest
    $ErrorActionPreference = 'Stop'
    # The process may end while this thread still waits for a provider.
    [System.Threading.Thread]::CurrentThread.IsBackground = $true
    function Get-Property($Object, [string]$Name) {
        $property = $Object.PSObject.Properties[$Name]
        if ($null -eq $property) { return $null }
        $value = $property.Value
        if ($value -is [DateTime]) {
            $invariant = [System.Globalization.CultureInfo]::InvariantCulture
            return $value.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", $invariant)
        }
        if ($value -is [System.Array]) { return , @($value) }
        $value
    }
    function Get-Number($Record) {
        # The words are in the language of Windows; .NET's own numbers (0x8013....) say nothing.
        if ($Record.FullyQualifiedErrorId -match 'HRESULT (0x[0-9a-fA-F]{8})') { return $Matches[1] }
        $number = '0x{0:X8}' -f $Record.Exception.GetBaseException().HResult
        if ($number -match '^0x8(?!013)') { $number }
    }
    function Get-Words($Record) { (@($Record.Exception.Message.Trim(), "$(Get-Number $Record)") | Where-Object { $_ }) -join ' ' }
    foreach ($query in $Queries) {
        $watch = [System.Diagnostics.Stopwatch]::StartNew()
        try {
            $arguments = @{ ClassName = $query.class; OperationTimeoutSec = $Limit }
            if ($query.ContainsKey('filter')) { $arguments.Filter = $query.filter }
            # A process needs its keys for GetOwner; for the others naming the properties saves the slow ones.
            if ($query.class -ne 'Win32_Process') { $arguments.Property = $query.properties }
            $rows = @(foreach ($instance in @(Get-CimInstance @arguments)) {
                $row = @{}
                foreach ($name in $query.properties) { $row[$name] = Get-Property $instance $name }
                if ($query.class -eq 'Win32_Process') {
                    $owner = Invoke-CimMethod -InputObject $instance -MethodName GetOwner
                    $row.Domain = Get-Property $owner 'Domain'
                    $row.User = Get-Property $owner 'User'
                }
                $row
            })
            $Answers[$query.class] = @{ rows = $rows; code = $null; message = $null }
        } catch {
            $code, $number = 'CIM_FAILED', "$(Get-Number $_)"
            if ($number -eq '0x80041010') { $code = 'CIM_CLASS_MISSING' }
            elseif ($number -in '0x80041003', '0x80070005') { $code = 'ACCESS_DENIED' }
            elseif ($watch.Elapsed.TotalSeconds -ge $Limit * 0.9) { $code = 'CIM_TIME_LIMIT' }
            $Answers[$query.class] = @{ rows = $null; code = $code; message = Get-Words $_ }
            if ($code -eq 'CIM_TIME_LIMIT') { break }
        }
    }
    # DISM takes seconds: it is asked where CIM has no answer, or cannot tell a state from a pending one.
    $known = $Answers['Win32_OptionalFeature']
    if ($RestartPending -or $null -eq $known -or $null -eq $known.rows) {
        $states = @{}
        $Answers['DISM'] = @{ rows = $states; code = 'TIME_LIMIT'; message = 'DISM has not answered in time' }
        try {
            foreach ($name in $FeatureNames) {
                foreach ($feature in @(Get-WindowsOptionalFeature -Online -FeatureName $name)) { $states[$name] = "$($feature.State)" }
            }
            $Answers['DISM'] = @{ rows = $states; code = $null; message = $null }
        } catch { $Answers['DISM'] = @{ rows = $states; code = 'COLLECTION_FAILED'; message = Get-Words $_ } }
    }
}

function New-CodedException([string]$Code, [string]$Message) {
    $exception = New-Object -TypeName System.InvalidOperationException -ArgumentList $Message
    $exception.Data['code'] = $Code
    $exception
}

function Start-CimQuery([object[]]$Queries, [int]$Limit, [string[]]$FeatureNames, [bool]$RestartPending) {
    # Queries: hashtables with class, properties and perhaps filter.  Limit: seconds that each may take.
    $answers = [hashtable]::Synchronized(@{})
    $shell = [powershell]::Create().AddScript($ask.ToString())
    foreach ($argument in $Queries, $answers, $Limit, $FeatureNames, $RestartPending) { $null = $shell.AddArgument($argument) }
    @{ answers = $answers; shell = $shell; handle = $shell.BeginInvoke(); silent = $false }
}

function Wait-CimQuery($Asked, [long]$Milliseconds) {
    $Asked.silent = -not $Asked.handle.AsyncWaitHandle.WaitOne([int][Math]::Max(0, $Milliseconds))
    # One that hangs is not stopped: stopping waits for it, and the end of this process for the stopping.
    if (-not $Asked.silent) { $Asked.shell.Dispose() }
}

function Get-CimAnswer($Asked, [string]$Class) {
    # The rows of a query (perhaps none); throws when it has no answer.
    $answer = $Asked.answers[$Class]
    if ($answer) {
        if ($null -eq $answer.rows) { throw (New-CodedException $answer.code $answer.message) }
        return , $answer.rows
    }
    if ($Asked.silent) { throw (New-CodedException 'CIM_TIME_LIMIT' "$Class has not answered in time") }
    throw (New-CodedException 'CIM_SKIPPED' "$Class was not asked, because CIM did not answer an earlier question")
}

Export-ModuleMember -Function Start-CimQuery, Wait-CimQuery, Get-CimAnswer
