# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

# What gpuready left on a Windows PC, read: its environments with their markers, what is current, the last passes. The one
# reader of these files here: for the evidence, whose meaning the controller tells, and for the modules that go on from what is there.
# Windows PowerShell 5.1; needs Json, and Damage where the evidence is asked for.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

function Read-SmallFile([string]$Path) {
    # A small text file as it is; $null when there is none, '' for one that is too large to be ours.
    if (-not [System.IO.File]::Exists($Path)) { return $null }
    if ((New-Object -TypeName System.IO.FileInfo -ArgumentList $Path).Length -gt 65536) { return '' }
    [System.IO.File]::ReadAllText($Path, [System.Text.Encoding]::UTF8)
}

function Read-Json([string]$Path) {
    # The object in a file of ours; $null when there is none that can be read.
    $text = Read-SmallFile $Path
    if (-not $text) { return $null }
    try { $value = ConvertFrom-JsonText $text } catch { return $null }
    if ($value -isnot [System.Collections.IDictionary]) { return $null }
    $value
}

function Get-JsonFile([string]$Folder) {
    if ([System.IO.Directory]::Exists($Folder)) { [System.IO.Directory]::GetFiles($Folder, '*.json') | Sort-Object }
}

function Get-JsonText([string]$Folder) {
    # {name, text} of each .json file of a folder.
    foreach ($path in @(Get-JsonFile $Folder)) { @{ name = [System.IO.Path]::GetFileName($path); text = Read-SmallFile $path } }
}

function Get-Environment([string]$HomePath) {
    # The folders of the environments, whole or not; what is half removed is none.
    if (-not [System.IO.Directory]::Exists("$HomePath\environments")) { return }
    $all = [System.IO.Directory]::GetDirectories("$HomePath\environments")
    $all | Where-Object { -not [System.IO.Path]::GetFileName($_).StartsWith('.') }
}

function Get-StackEnvironment([string]$HomePath, [string]$Stack) {
    foreach ($path in @(Get-Environment $HomePath)) {
        $name = [System.IO.Path]::GetFileName($path)
        $dash = $name.LastIndexOf('-')
        if ($dash -gt 0 -and $name.Substring(0, $dash) -eq $Stack) { $path }
    }
}

function Get-OwnRuntime([string]$Environment, [string[]]$Names) {
    # Those files of the Visual C++ runtime that an environment brings, where its Python looks for them.
    if (-not [System.IO.File]::Exists("$Environment\Lib\site-packages\gpuready_vc_runtime.pth")) { return }
    $Names | Where-Object { [System.IO.File]::Exists("$Environment\Scripts\$_") }
}

function Get-KnownDamage([string]$Environment, [bool]$Hashes) {
    # Of an environment that cannot be read it is not known, and said why.
    try { Get-Damage $Environment $Hashes } catch { @{ error = $_.Exception.GetBaseException().Message.Trim() } }
}

function Get-HomeContent([string]$HomePath, [string[]]$RuntimeNames, [bool]$Hashes) {
    # The piece `environments` of the evidence; $null when there is no home.
    if (-not [System.IO.Directory]::Exists($HomePath)) { return $null }
    $directories = @(foreach ($path in @(Get-Environment $HomePath)) {
        @{
            name = [System.IO.Path]::GetFileName($path); path = $path; text = Read-SmallFile "$path\gpuready.json"
            runtime = @(Get-OwnRuntime $path $RuntimeNames); damage = Get-KnownDamage $path $Hashes
        }
    })
    $current, $kernels = @(Get-JsonText "$HomePath\current"), @(Get-KernelFile $HomePath)
    @{ home = $HomePath; directories = $directories; current = $current; kernels = $kernels }
}

function Get-KernelFile([string]$HomePath) {
    # {name, text} of each kernel of the home that Jupyter is led to.
    if (-not [System.IO.Directory]::Exists("$HomePath\jupyter\kernels")) { return }
    foreach ($path in [System.IO.Directory]::GetDirectories("$HomePath\jupyter\kernels", 'gpuready-*') | Sort-Object) {
        @{ name = [System.IO.Path]::GetFileName($path); text = Read-SmallFile "$path\kernel.json" }
    }
}

function Get-Pointer([string]$HomePath) {
    # stack -> the content of its file in HOME\current.
    $pointers = @{}
    foreach ($path in @(Get-JsonFile "$HomePath\current")) {
        $content = Read-Json $path
        if ($null -ne $content) { $pointers[[System.IO.Path]::GetFileNameWithoutExtension($path)] = $content }
    }
    $pointers
}

function Get-Guest([string]$HomePath) {
    # The launchers of the distributions of WSL of which every user gets a copy.
    if ([System.IO.Directory]::Exists("$HomePath\bin")) { [System.IO.Directory]::GetFiles("$HomePath\bin", 'wsl-*.cmd') }
}

Export-ModuleMember -Function Read-SmallFile, Read-Json, Get-JsonText, Get-StackEnvironment, Get-OwnRuntime, Get-HomeContent, Get-Pointer,
    Get-KernelFile, Get-Guest
