#Requires -Version 7
# What PowerShell files use, as JSON: syntax that Windows PowerShell 5.1 has not, commands with their parameters, types, members,
# what variables are known to hold, redirections.
param([string[]]$Path)
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$out = New-Object -TypeName System.Collections.ArrayList
$script:file = ''

function Add-Use([string]$Kind, $Extent, [string]$Name, [hashtable]$More = @{}) {
    [void]$out.Add((@{ kind = $Kind; file = $script:file; line = $Extent.StartLineNumber; name = $Name } + $More))
}

function Find-Node($Ast, [string]$Name) {
    # Nodes by the name of their type: an older engine has not all of them.
    $type = "System.Management.Automation.Language.$Name" -as [type]
    if ($type) { $Ast.FindAll({ param($node) $node -is $type }.GetNewClosure(), $true) }
}

function Test-Kind($Node, [string]$Name) { $Node.GetType().Name -eq $Name }

function Get-Scope($Node) {
    # The function that a node stands in.
    while ($null -ne $Node) {
        if (Test-Kind $Node 'FunctionDefinitionAst') { return "$($Node.Name):$($Node.Extent.StartOffset)" }
        $Node = $Node.Parent
    }
    ''
}

function Get-NewType($Command) {
    # The type that New-Object makes.
    $texts = @($Command.CommandElements | Where-Object { Test-Kind $_ 'StringConstantExpressionAst' } | ForEach-Object { $_.Value })
    if ("$($Command.GetCommandName())" -eq 'New-Object' -and $texts.Count -gt 1) { $texts[1] }
}

function Get-Type($Node) {
    # The type of an expression, as far as it stands there; '' where it does not.
    switch ($Node.GetType().Name) {
        'CommandExpressionAst' { return Get-Type $Node.Expression }
        'PipelineAst' { if ($Node.PipelineElements.Count -eq 1) { return Get-Type $Node.PipelineElements[0] } }
        'ParenExpressionAst' { return Get-Type $Node.Pipeline }
        'CommandAst' { return "$(Get-NewType $Node)" }
        'StringConstantExpressionAst' { return 'System.String' }
        'ExpandableStringExpressionAst' { return 'System.String' }
        'HashtableAst' { return 'System.Collections.Hashtable' }
        'ConvertExpressionAst' { return $Node.Type.TypeName.FullName }
        'InvokeMemberExpressionAst' { if ($Node.Static -and "$($Node.Member)" -eq 'new') { return $Node.Expression.TypeName.FullName } }
    }
    ''
}

foreach ($one in $Path) {
    $script:file = $one
    $tokens, $errors = $null, $null
    $ast = [System.Management.Automation.Language.Parser]::ParseFile($one, [ref]$tokens, [ref]$errors)
    foreach ($problem in $errors) { Add-Use 'syntax' $problem.Extent $problem.Message }
    foreach ($name in 'TernaryExpressionAst', 'PipelineChainAst') { foreach ($node in Find-Node $ast $name) { Add-Use 'syntax' $node.Extent $name } }
    foreach ($token in $tokens) {
        if ("$($token.Kind)" -in 'QuestionQuestion', 'QuestionQuestionEquals', 'QuestionDot', 'QuestionLBracket') { Add-Use 'syntax' $token.Extent "$($token.Kind)" }
    }
    foreach ($node in Find-Node $ast 'PipelineAst') { if ($node.PSObject.Properties['Background'] -and $node.Background) { Add-Use 'syntax' $node.Extent 'a pipeline in the background' } }
    foreach ($node in Find-Node $ast 'FunctionDefinitionAst') { Add-Use 'function' $node.Extent $node.Name }
    foreach ($node in Find-Node $ast 'FileRedirectionAst') { Add-Use 'redirection' $node.Extent $node.Location.Extent.Text }
    foreach ($node in Find-Node $ast 'CommandAst') {
        $name = $node.GetCommandName()
        if (-not $name) { continue }
        $parameters = @($node.CommandElements | Where-Object { Test-Kind $_ 'CommandParameterAst' } | ForEach-Object { $_.ParameterName })
        $splatted = @($node.CommandElements | Where-Object { (Test-Kind $_ 'VariableExpressionAst') -and $_.Splatted }).Count -gt 0
        $values = @($node.CommandElements | Where-Object { -not (Test-Kind $_ 'CommandParameterAst') }).Count - 1
        Add-Use 'command' $node.Extent $name @{ parameters = $parameters; type = "$(Get-NewType $node)"; splatted = $splatted; values = $values }
    }
    foreach ($name in 'TypeExpressionAst', 'TypeConstraintAst') { foreach ($node in Find-Node $ast $name) { Add-Use 'type' $node.Extent $node.TypeName.FullName } }
    foreach ($node in Find-Node $ast 'ParameterAst') {
        Add-Use 'variable' $node.Extent $node.Name.VariablePath.UserPath @{ scope = Get-Scope $node; type = $(if ($node.StaticType -eq [object]) { '' } else { $node.StaticType.FullName }) }
    }
    foreach ($node in Find-Node $ast 'ForEachStatementAst') { Add-Use 'variable' $node.Extent $node.Variable.VariablePath.UserPath @{ scope = Get-Scope $node; type = '' } }
    foreach ($node in Find-Node $ast 'AssignmentStatementAst') {
        $left, $declared = $node.Left, ''
        if (Test-Kind $left 'ConvertExpressionAst') { $declared = $left.Type.TypeName.FullName; $left = $left.Child }
        foreach ($member in @(Find-Node $left 'MemberExpressionAst')) { if ("$($node.Operator)" -eq 'Equals') { Add-Use 'key' $member.Extent "$($member.Member)" } }
        foreach ($variable in @(Find-Node $left 'VariableExpressionAst')) {
            $type = ''
            if ((Test-Kind $left 'VariableExpressionAst') -and "$($node.Operator)" -eq 'Equals') { $type = $(if ($declared) { $declared } else { Get-Type $node.Right }) }
            Add-Use 'variable' $node.Extent $variable.VariablePath.UserPath @{ scope = Get-Scope $node; type = $type }
        }
    }
    foreach ($node in Find-Node $ast 'HashtableAst') { foreach ($pair in $node.KeyValuePairs) { Add-Use 'key' $pair.Item1.Extent $pair.Item1.Extent.Text.Trim("'`"") } }
    foreach ($node in Find-Node $ast 'MemberExpressionAst') {
        if (-not (Test-Kind $node.Member 'StringConstantExpressionAst')) { continue }
        $target, $type, $variable = $node.Expression, '', ''
        if ($node.Static) { if (Test-Kind $target 'TypeExpressionAst') { $type = $target.TypeName.FullName } }
        elseif (Test-Kind $target 'VariableExpressionAst') { $variable = $target.VariablePath.UserPath }
        else { $type = Get-Type $target }
        $call = Test-Kind $node 'InvokeMemberExpressionAst'
        $count = $(if ($call -and $node.Arguments) { $node.Arguments.Count } else { 0 })
        Add-Use 'member' $node.Extent $node.Member.Value @{ type = $type; static = [bool]$node.Static; call = $call; arguments = $count; variable = $variable; scope = Get-Scope $node }
    }
}
ConvertTo-Json -InputObject $out -Depth 5 -Compress
