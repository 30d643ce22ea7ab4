#!powershell

# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -PowerShell ..module_utils.windows.Json
#AnsibleRequires -PowerShell ..module_utils.windows.Programs
#AnsibleRequires -PowerShell ..module_utils.windows.Contents
#AnsibleRequires -PowerShell ..module_utils.windows.Home
#AnsibleRequires -PowerShell ..module_utils.windows.Jobs
#AnsibleRequires -PowerShell ..module_utils.windows.Rights

# Runs the trainer under a time limit and gives what it said.  Judges nothing; what it writes it takes away again.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$spec = @{
    options = @{
        time_limit = @{ type = 'int'; default = 600 }
        variables = @{ type = 'dict'; default = @{} }
        interpreter = @{ type = 'str' }
        home = @{ type = 'str' }
        backend = @{ type = 'str' }
        adapter = @{ type = 'str' }
        gpu_variable = @{ type = 'str' }
        visible_devices = @{ type = 'str' }
        options = @{ type = 'dict'; default = @{} }
        trainer = @{ type = 'str' }
        claim = @{
            type = 'dict'
            options = @{
                asked = @{ type = 'str' }
                run = @{ type = 'str' }
                place = @{ type = 'str' }
                lay_aside = @{ type = 'str' }
                lock_wait = @{ type = 'int'; default = 30 }
            }
        }
    }
    supports_check_mode = $true
}
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)
foreach ($needed in 'interpreter', 'backend', 'trainer') {
    if (-not $module.Params[$needed]) { $module.FailJson("$needed is missing: the action plugin gives it") }
}
$module.Result.ansible_facts = @{ gpuready_training = @{ skipped = 'check mode' } }
if ($module.CheckMode) { $module.ExitJson() }

function Get-Code($Exception) {
    # ERROR_DISK_FULL and ERROR_HANDLE_DISK_FULL are known by number: their texts are in the language of Windows.
    if (($Exception.GetBaseException().HResult -band 0xFFFF) -in 112, 39) { 'DISK_FULL' } else { 'TRAINING_FAILED' }
}

function Get-Failure([string]$Code, [string]$Message, $Process) {
    $problem = @{ type = 'Module'; code = $Code; message = $Message; where = 'training_facts' }
    @{ schema_version = 1; finished = $false; process = $Process; error = $problem }
}

function Get-Ending($Ran) {
    # Windows' exception codes are known by their hexadecimal form.
    $rc = $Ran.rc
    if ($null -ne $rc -and ($rc -lt 0 -or $rc -gt 0xFFFF)) { $rc = '0x{0:X8}' -f $rc }
    $lines = @("$($Ran.stderr)" -split '\r?\n' | Where-Object { $_.Trim() })
    $tail = @($lines | ForEach-Object { $_.Substring(0, [Math]::Min(300, $_.Length)) } | Select-Object -Last 30)
    @{ rc = $rc; timed_out = $Ran.timed_out; seconds = $Ran.seconds; stderr_tail = $tail }
}

function Read-Training($Ran) {
    $mark = 'GPUREADY-TRAINING '
    # Whatever stands before the mark on its line is somebody else's.
    $line = @("$($Ran.stdout)" -split '\r?\n' | Where-Object { $_.Contains($mark) }) | Select-Object -Last 1
    if (-not $line) { return @{ schema_version = 1; finished = $false; error = $null; process = (Get-Ending $Ran) } }
    $answer = $null
    try { $answer = ConvertFrom-JsonText $line.Substring($line.IndexOf($mark, [StringComparison]::Ordinal) + $mark.Length) }
    catch { $answer = $null }
    if ($answer -is [System.Collections.IDictionary]) { return $answer }
    Get-Failure 'OUTPUT_TRUNCATED' "the trainer's answer cannot be read" (Get-Ending $Ran)
}

# An interpreter of gpuready's folder is run where nobody else may have put it there.
$fault = $(if ($module.Params.home) { Get-HomeFault $module.Params.home.TrimEnd('\') })
if ($fault) {
    $module.Result.ansible_facts.gpuready_training = Get-Failure 'HOME_NOT_OURS' $fault $null
    $module.ExitJson()
}

# Nobody hears what is said here: who comes to collect the training sees that it is none, and starts it as ever.
if ($module.Params.claim) {
    try { $claimed = Enter-Job $module.Params.home.TrimEnd('\') 'training' $module.Params.claim }
    catch { $module.FailJson("the training cannot be claimed: $($_.Exception.Message)") }
    if (-not $claimed) { $module.FailJson('another run has claimed the training') }
}

$folder = Join-Path $module.Tmpdir ([Guid]::NewGuid().ToString('n'))
try {
    $null = [System.IO.Directory]::CreateDirectory($folder)
    $options = @{}
    foreach ($name in $module.Params.options.Keys) { $options[$name] = $module.Params.options[$name] }
    $options.backend = $module.Params.backend
    $options.adapter = $module.Params.adapter
    $options.variable = $module.Params.gpu_variable
    $options.visible = $module.Params.visible_devices
    $options.time_limit = $module.Params.time_limit
    $plain = New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false
    [System.IO.File]::WriteAllText("$folder\trainer.py", $module.Params.trainer, $plain)
    [System.IO.File]::WriteAllText("$folder\options.json", (ConvertTo-JsonText $options), $plain)
    $variables = @{ PYTHONUTF8 = '1' }
    foreach ($name in $module.Params.variables.Keys) { $variables[$name] = "$($module.Params.variables[$name])" }
    $training = $null
    try {
        $started = Start-Program $module.Params.interpreter "-B `"$folder\trainer.py`" `"@$folder\options.json`"" $variables
        $ran = Receive-Program $started ($module.Params.time_limit + 20)
        if ($ran.ContainsKey('__value')) { $ran = $ran.__value }
        $training = Read-Training $ran
    } catch {
        $training = Get-Failure 'INTERPRETER_MISSING' $_.Exception.Message $null   # with Windows' number, which says why
    }
    $module.Result.ansible_facts.gpuready_training = $training
} catch {
    $module.Result.ansible_facts.gpuready_training = Get-Failure (Get-Code $_.Exception) (Get-Problem $_.Exception) $null
} finally {
    try { [System.IO.Directory]::Delete($folder, $true) } catch { $module.Warn("${folder}: cannot be removed: $($_.Exception.Message)") }
}
$module.ExitJson()
