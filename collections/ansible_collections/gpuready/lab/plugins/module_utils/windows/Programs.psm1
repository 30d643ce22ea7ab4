# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

# External programs that may hang: each has a time limit and is ended with its children.  Windows PowerShell 5.1.

Set-StrictMode -Version Latest

function New-CodedException([string]$Code, [string]$Message) {
    $exception = New-Object -TypeName System.InvalidOperationException -ArgumentList $Message
    $exception.Data['code'] = $Code
    $exception
}

function Get-Problem($Exception) {
    # The words, which are in the language of Windows, and the number, by which the cause is known in any.
    $cause = $Exception.GetBaseException()
    $message = $cause.Message.Trim()
    if ($cause -is [System.ComponentModel.Win32Exception]) { return "$message [WinError $($cause.NativeErrorCode)]" }
    if (($cause.HResult -band 0xFFFF0000) -eq 0x80070000) { return "$message [WinError $($cause.HResult -band 0xFFFF)]" }
    $message
}

function Get-SystemDirectory {
    # A 32-bit PowerShell on 64-bit Windows finds the real System32 under another name.
    if ([System.IO.Directory]::Exists("$env:SystemRoot\Sysnative")) { return "$env:SystemRoot\Sysnative" }
    "$env:SystemRoot\System32"
}

function Find-OnPath([string]$Name) {
    # Shares are left out (a dead server would hold us up), and so are the Store's placeholders.
    foreach ($directory in "$env:PATH".Split(';')) {
        $directory = $directory.Trim().Trim('"').TrimEnd('\')
        if (-not $directory -or $directory.StartsWith('\\') -or $directory -like '*\Microsoft\WindowsApps') { continue }
        if ([System.IO.File]::Exists("$directory\$Name")) { "$directory\$Name" }
    }
}

function Find-First([string[]]$Candidates) {
    foreach ($candidate in $Candidates) { if ($candidate -and [System.IO.File]::Exists($candidate)) { return $candidate } }
}

function Start-Program([string]$Path, [string]$Arguments, [hashtable]$Variables = @{}) {
    if (-not $Path) { return $null }
    $run = @{ path = $Path; process = $null; out = $null; err = $null; problem = $null }
    $run.watch = [System.Diagnostics.Stopwatch]::StartNew()
    try {
        $start = New-Object -TypeName System.Diagnostics.ProcessStartInfo -ArgumentList $Path, $Arguments
        $start.UseShellExecute = $false
        $start.CreateNoWindow = $true
        $start.RedirectStandardInput = $true
        $start.RedirectStandardOutput = $true
        $start.RedirectStandardError = $true
        foreach ($name in $Variables.Keys) {
            # $null: without that variable. An empty one is another thing to some programs.
            if ($null -eq $Variables[$name]) { $start.EnvironmentVariables.Remove($name) }
            else { $start.EnvironmentVariables[$name] = $Variables[$name] }
        }
        $run.process = [System.Diagnostics.Process]::Start($start)
        $run.process.StandardInput.Close()
        $run.out = New-Object -TypeName System.IO.MemoryStream
        $run.err = New-Object -TypeName System.IO.MemoryStream
        $run.reading = [System.Threading.Tasks.Task[]]@(
            $run.process.StandardOutput.BaseStream.CopyToAsync($run.out), $run.process.StandardError.BaseStream.CopyToAsync($run.err))
    } catch { $run.problem = Get-Problem $_.Exception }
    $run
}

function Stop-Tree($Process) {
    # taskkill ends the children too; it gets five seconds of its own.
    try {
        $ending = "$(Get-SystemDirectory)\taskkill.exe", "/T /F /PID $($Process.Id)"
        $start = New-Object -TypeName System.Diagnostics.ProcessStartInfo -ArgumentList $ending
        $start.UseShellExecute = $false
        $start.CreateNoWindow = $true
        $null = [System.Diagnostics.Process]::Start($start).WaitForExit(5000)
    } catch { $null = $_ }
    try { if (-not $Process.HasExited) { $Process.Kill() } } catch { $null = $_ }
}

function Receive-Program($Run, [int]$Limit, [switch]$AsBytes) {
    if ($null -eq $Run) { return $null }
    if ($Run.problem) { throw (New-CodedException 'PROGRAM_NOT_STARTED' "$($Run.path): $($Run.problem)") }
    $remaining = [int][Math]::Max(0, $Limit * 1000 - $Run.watch.ElapsedMilliseconds)
    $ended = $Run.process.WaitForExit($remaining)
    if (-not $ended) { Stop-Tree $Run.process }
    try { $null = [System.Threading.Tasks.Task]::WaitAll($Run.reading, 2000) } catch { $null = $_ }   # a child may hold the pipes
    $value = @{
        path = $Run.path; rc = $(if ($ended) { $Run.process.ExitCode } else { $null }); timed_out = -not $ended
        seconds = [Math]::Round($Run.watch.Elapsed.TotalSeconds, 2)
    }
    foreach ($stream in @{ stdout = $Run.out; stderr = $Run.err }.GetEnumerator()) {
        $bytes = $stream.Value.ToArray()
        if ($AsBytes) { $value["$($stream.Key)_base64"] = [Convert]::ToBase64String($bytes) }
        else { $value[$stream.Key] = [System.Text.Encoding]::UTF8.GetString($bytes) }
    }
    if ($ended) { return $value }
    @{ __value = $value; __error = @{ code = 'TIME_LIMIT'; message = "$($Run.path) did not end within $Limit seconds and was stopped" } }
}

Export-ModuleMember -Function New-CodedException, Get-Problem, Get-SystemDirectory, Find-OnPath, Find-First, Start-Program, Stop-Tree,
    Receive-Program
