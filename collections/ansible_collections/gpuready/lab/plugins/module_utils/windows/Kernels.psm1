# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

# The kernels of Jupyter on a Windows PC: one in the home for each stack that has ipykernel, and the PC's variable by which every
# user's Jupyter finds them. ProgramData\jupyter, where every user may make folders, is looked into by none since jupyter-core 5.8.
# Windows PowerShell 5.1; needs Json, Contents, Home and Texts.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$script:Variables = 'SYSTEM\CurrentControlSet\Control\Session Manager\Environment'

function Test-Kernel($Marker) {
    # Whether the environment of this marker can be a kernel of Jupyter.
    @(@(Get-Field $Marker 'distributions') -like 'ipykernel-*').Count -gt 0
}

function Get-KernelText($Pointer, [string]$Name, $Words) {
    # What Jupyter reads: the environment's Python, with what the launcher sets.
    $visible = ''
    if ($Pointer.launcher_variable) {
        $variable, $value = $Pointer.launcher_variable.Split(@('='), 2)
        $visible = Format-Words $Words['kernel_visible'] @{ name = (ConvertTo-JsonText $variable); value = (ConvertTo-JsonText $value) }
    }
    $told = @{ name = $Name; path = "$($Pointer.environment)\Scripts;`${PATH}" }
    foreach ($key in 'python', 'environment', 'stack') { $told[$key] = $Pointer[$key] }
    foreach ($key in @($told.Keys)) { $told[$key] = ConvertTo-JsonText $told[$key] }
    $told.visible = $visible
    Format-Words $Words['kernel'] $told
}

function Get-JupyterPath {
    # Where the PC's variable leads Jupyter, each %NAME% in it as it stands.
    $key = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey($script:Variables)
    $value = "$($key.GetValue('JUPYTER_PATH', '', 'DoNotExpandEnvironmentNames'))"
    $key.Dispose()
    $value.Split(';') | Where-Object { $_ }
}

function Test-Shown([string]$HomePath) { @(Get-JupyterPath) -contains "$HomePath\jupyter" }

function Set-Shown([string]$HomePath, [bool]$Shown) {
    # Leads every user's Jupyter to the home's kernels, or no more; the lab's own places stay. Users have it from their next log-on.
    $places = @(Get-JupyterPath | Where-Object { $_ -ne "$HomePath\jupyter" })
    if ($Shown) { $places += "$HomePath\jupyter" }
    $key = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey($script:Variables, $true)
    if ($places.Count) { $key.SetValue('JUPYTER_PATH', $places -join ';', 'ExpandString') }
    else { $key.DeleteValue('JUPYTER_PATH', $false) }
    $key.Dispose()
}

function Remove-Kernel([string]$HomePath) {
    # With the last kernel their folder goes, and what leads there.
    if (@(Get-KernelFile $HomePath).Count) { return }
    $null = Remove-Whole "$HomePath\jupyter"
    if (Test-Shown $HomePath) { Set-Shown $HomePath $false }
}

Export-ModuleMember -Function Test-Kernel, Get-KernelText, Test-Shown, Set-Shown, Remove-Kernel
