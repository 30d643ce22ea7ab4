#Requires -Version 7
# Put a marker before every statement of PowerShell files, by the syntax tree; run by measure.py on the Linux engine.
#
# $Jobs: a file with a JSON array of {source, target, id}.  Each target is the source with markers, on the same lines.
# Standard output: JSON array of {id, statements: [{line, column, function, text}]}; text: the statement's first line.
#
# A marker writes "id:line:column" into a file of its thread, once a process.  It has no output and needs no variable, so it
# works in strict mode, in other runspaces and where a block's output is a value.
param([Parameter(Mandatory)][string]$Jobs)
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

function Test-InData($Ast) {
    for ($at = $Ast.Parent; $at; $at = $at.Parent) {
        if ($at -is [System.Management.Automation.Language.DataStatementAst]) { return $true }
    }
    return $false
}

function Get-FunctionName($Ast) {
    for ($at = $Ast.Parent; $at; $at = $at.Parent) {
        if ($at -is [System.Management.Automation.Language.FunctionMemberAst]) { return "$($at.Parent.Name).$($at.Name)" }
        if ($at -is [System.Management.Automation.Language.FunctionDefinitionAst] -and
            $at.Parent -isnot [System.Management.Automation.Language.FunctionMemberAst]) { return $at.Name }
    }
    return ''
}

$found = foreach ($file in (ConvertFrom-Json ([System.IO.File]::ReadAllText($Jobs)))) {
    $text = [System.IO.File]::ReadAllText($file.source)
    $tokens = $errors = $null
    $tree = [System.Management.Automation.Language.Parser]::ParseInput($text, [ref]$tokens, [ref]$errors)
    if ($errors) { throw "$($file.source): $($errors[0])" }
    $statements = @($tree.FindAll({
        param($ast)
        $ast -is [System.Management.Automation.Language.StatementAst] -and
        ($ast.Parent -is [System.Management.Automation.Language.NamedBlockAst] -or
            $ast.Parent -is [System.Management.Automation.Language.StatementBlockAst]) -and
        $ast -isnot [System.Management.Automation.Language.TypeDefinitionAst] -and
        $ast.Extent.Text -notmatch '^[^\r\n]*\$\?' -and      # a marker would change $?
        -not (Test-InData $ast)
    }, $true) | Sort-Object -Property { $_.Extent.StartOffset } -Descending)
    $out = [System.Text.StringBuilder]::new($text)
    $places = foreach ($s in $statements) {
        $key = "$($file.id):$($s.Extent.StartLineNumber):$($s.Extent.StartColumnNumber)"
        $marker = "if (`$null -eq [System.AppDomain]::CurrentDomain.GetData('ps:$key')) { " +
            "[System.AppDomain]::CurrentDomain.SetData('ps:$key', 1); " +
            "try { [System.IO.File]::AppendAllText(('C:\ProgramData\WinLab\coverage\' + [System.Diagnostics.Process]::GetCurrentProcess().Id + " +
            "'-' + [System.Environment]::CurrentManagedThreadId + '.txt'), ""$key``n"") } catch { } }; "
        [void]$out.Insert($s.Extent.StartOffset, $marker)
        [pscustomobject]@{ line = $s.Extent.StartLineNumber; column = $s.Extent.StartColumnNumber; function = (Get-FunctionName $s)
            text = ($s.Extent.Text -split '\r?\n')[0].Trim() }
    }
    [System.IO.File]::WriteAllText($file.target, $out.ToString(), [System.Text.UTF8Encoding]::new($text.StartsWith([char]0xFEFF)))
    [pscustomobject]@{ id = $file.id; statements = @($places) }
}
ConvertTo-Json -InputObject @($found) -Depth 5 -Compress
