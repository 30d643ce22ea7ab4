# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

# The controller's texts, filled in on a Windows PC: how a stack is started, its launcher, the note.
# Windows PowerShell 5.1; needs Home.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

function Format-Words([string]$Text, [System.Collections.IDictionary]$Values) {
    # The text with each {name} that there is a value of.
    [regex]::Replace($Text, '\{(\w+)\}', {
        param($match)
        $name = $match.Groups[1].Value
        if ($Values.Contains($name)) { "$($Values[$name])" } else { $match.Value }
    })
}

function Get-StartText([string]$HomePath, [string]$Stack, [string]$Text, $Words) {
    # How a student starts the stack, for this home.
    if (-not $Text) { $Text = $Words['start'] }
    Format-Words $Text @{ home = $HomePath; stack = $Stack }
}

function Get-LauncherText([string]$Stack, [string]$Environment, [string]$LauncherVariable, $Words) {
    # The batch file that a student starts.
    $visible = ''
    if ($LauncherVariable) {
        $name, $value = $LauncherVariable.Split(@('='), 2)
        $visible = Format-Words $Words['launcher_visible'] @{ name = $name; value = $value }
    }
    Format-Words $Words['launcher'] @{ stack = $Stack; environment = [System.IO.Path]::GetFileName($Environment); visible = $visible }
}

function Get-NoteText([hashtable]$Pointers, $Words, [string[]]$Guests) {
    # The note on the PC, of its stacks and the launchers of its guests; $null when there is nothing to speak of.
    $launchers = @($Guests | Sort-Object -Unique)
    if ($Pointers.Count -eq 0 -and $launchers.Count -eq 0) { return $null }
    $text = $Words['note']
    foreach ($stack in $Pointers.Keys | Sort-Object) {
        $told = @{ stack = $stack; visible = '' }
        foreach ($name in 'start', 'python') { $told[$name] = Get-Field $Pointers[$stack] $name }
        $visible = Get-Field $Pointers[$stack] 'launcher_variable'
        if ($visible) { $told.visible = Format-Words $Words['note_visible'] @{ visible = $visible } }
        $text += Format-Words $Words['note_stack'] $told
    }
    foreach ($launcher in $launchers) {
        $name = [System.IO.Path]::GetFileNameWithoutExtension($launcher)
        $text += Format-Words $Words['note_guest'] @{ name = $name; launcher = $launcher }
    }
    $text + $Words['note_end']
}

Export-ModuleMember -Function Format-Words, Get-StartText, Get-LauncherText, Get-NoteText
