# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

# One environment on a Windows PC: its interpreter, its packages, and whether it is whole.
# Windows PowerShell 5.1; needs Contents, Damage, Home and Programs.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

function Invoke-Tool([string]$Path, [string]$Arguments, [string]$Phase, [double]$Limit, [hashtable]$Variables = @{}) {
    # A program to its end, or to the limit, with its children; its stdout. Fails with the last lines that it wrote.
    $run = Start-Program $Path $Arguments $Variables
    if ($run.problem) { Stop-With 'UV_FAILED' "$Path cannot be started: $($run.problem)" $Phase }
    $result = Receive-Program $run ([int][Math]::Max(1, $Limit))
    if ($result.ContainsKey('__error')) {
        Stop-With 'ENVIRONMENT_TIME_LIMIT' "${Phase}: not done after $([int]$Limit) seconds, and stopped" $Phase
    }
    if ($result.rc -ne 0) {
        $lines = @("$($result.stdout)`n$($result.stderr)".Trim() -split "`r?`n")
        $shown = $(if ($result.rc -lt 0) { '0x{0:X8}' -f $result.rc } else { $result.rc })   # an exception code of Windows
        Stop-With 'UV_FAILED' "$Phase ended with $shown" $Phase $result.rc (($lines | Select-Object -Last 40) -join "`n")
    }
    $result.stdout
}

function Get-EnvironmentPath([string]$HomePath, [string]$Stack, [string]$LockSha256) {
    "$HomePath\environments\$Stack-$($LockSha256.Substring(0, 12))"
}

function Add-Reason([hashtable]$Why, [string]$Path, $Record) {
    # Why a program that is there does not run, with Windows' number: what was blocked is not missing.
    $trouble = ConvertTo-Trouble $Record
    $last = @("$($trouble.details)" -split "`r?`n" | Where-Object { $_.Trim() }) | Select-Object -Last 1
    $said = (@($trouble.message, $last) | Where-Object { $_ }) -join ': '
    if (-not $said.Contains($Path)) { $said = "${Path}: $said" }
    $Why.reason = "; $said"
}

function Get-PythonAnswer([string]$Interpreter, [hashtable]$Why = @{}) {
    # @{version; prefix} of an interpreter that runs, else $null, and $Why.reason says why.
    if (-not [System.IO.File]::Exists($Interpreter)) { return $null }
    $ask = "import sys; print('%d.%d.%d' % sys.version_info[:3]); print(sys.prefix)"
    try {
        $text = Invoke-Tool $Interpreter "-I -c `"$ask`"" 'python' 60 @{ PYTHONHOME = $null; PYTHONPATH = $null }
    } catch { Add-Reason $Why $Interpreter $_; return $null }
    $lines = @($text.Trim() -split "`r?`n")
    if ($lines.Count -lt 2) { return $null }
    @{ version = $lines[0].Trim(); prefix = $lines[1].Trim() }
}

function Test-Version([string]$Version, [string]$Wanted) { "$Version.".StartsWith("$Wanted.") }

function Get-Distribution([string]$Environment) {
    # The installed packages, by their .dist-info folders.
    $folder = "$Environment\Lib\site-packages"
    if (-not [System.IO.Directory]::Exists($folder)) { return }
    [System.IO.Directory]::GetDirectories($folder, '*.dist-info') | ForEach-Object { [System.IO.Path]::GetFileName($_) } | Sort-Object
}

function Test-Complete($Marker) { (Get-Field $Marker 'complete') -is [bool] -and (Get-Field $Marker 'complete') }

function Get-CompleteMarker([string]$Environment, [string]$LockSha256, [string]$Version, [bool]$Hashes) {
    # The marker of an environment that is whole and runs; $null when it must be built (again). Its own version unless one is given.
    $marker = Read-Json "$Environment\gpuready.json"
    if (-not (Test-Complete $marker) -or (Get-Field $marker 'lock_sha256') -ne $LockSha256) { return $null }
    # An environment of an embeddable Python starts without the one that it was made from, and then lacks its modules.
    # One that cannot be looked through is not whole.
    try { if ((Get-Damage $Environment $Hashes).count) { return $null } } catch { return $null }
    $answer = Get-PythonAnswer "$Environment\Scripts\python.exe"
    if ($null -eq $answer) { return $null }
    if (-not $Version) { $Version = "$(Get-Field $marker 'version')" }
    if (-not (Test-Version $answer.version $Version) -or $answer.prefix.TrimEnd('\') -ne $Environment) { return $null }
    $marker
}

Export-ModuleMember -Function Invoke-Tool, Get-EnvironmentPath, Add-Reason, Get-PythonAnswer, Test-Version, Get-Distribution,
    Test-Complete, Get-CompleteMarker
