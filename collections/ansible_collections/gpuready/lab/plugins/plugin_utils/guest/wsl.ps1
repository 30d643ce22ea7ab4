# gpuready.lab.wsl: lines of base64 in (program, arguments, standard input); O:, E: and X: lines out, or N: and why it did not start.
$ErrorActionPreference = 'Stop'
$lines = @($input)
$asked = @(foreach ($one in $lines[0..1]) { [System.Text.Encoding]::UTF8.GetString([System.Convert]::FromBase64String($one)) })
$start = New-Object -TypeName System.Diagnostics.ProcessStartInfo
$start.FileName = [System.Environment]::ExpandEnvironmentVariables($asked[0])
$start.Arguments = $asked[1]
$start.UseShellExecute = $false
$start.CreateNoWindow = $true
$start.RedirectStandardInput = $true
$start.RedirectStandardOutput = $true
$start.RedirectStandardError = $true
$start.EnvironmentVariables['WSL_UTF8'] = '1'
$start.EnvironmentVariables['WSL_DISABLE_WARNINGS'] = '1'
try {
    $process = [System.Diagnostics.Process]::Start($start)
} catch [System.ComponentModel.Win32Exception] {
    "N:" + $_.Exception.GetBaseException().NativeErrorCode
    return
}
$out = New-Object -TypeName System.IO.MemoryStream
$err = New-Object -TypeName System.IO.MemoryStream
$reading = @($process.StandardOutput.BaseStream.CopyToAsync($out), $process.StandardError.BaseStream.CopyToAsync($err))
try {
    for ($i = 2; $i -lt $lines.Count; $i++) {
        $bytes = [System.Convert]::FromBase64String($lines[$i])
        $process.StandardInput.BaseStream.Write($bytes, 0, $bytes.Length)
    }
    $process.StandardInput.BaseStream.Close()
} catch [System.IO.IOException] { $null = $_ }
$process.WaitForExit()
foreach ($one in $reading) { $one.Wait() }
"O:" + [System.Convert]::ToBase64String($out.ToArray())
"E:" + [System.Convert]::ToBase64String($err.ToArray())
"X:" + $process.ExitCode
