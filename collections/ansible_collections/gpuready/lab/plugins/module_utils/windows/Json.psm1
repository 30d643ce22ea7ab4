# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

# JSON, read and written by the same code in every PowerShell.  Of the cmdlets, ConvertFrom-Json makes dates of texts in 7 and
# Decimal of numbers in 5.1, and ConvertTo-Json writes dates, quotes and wrapped arrays otherwise.  Windows PowerShell 5.1.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$script:Invariant = [System.Globalization.CultureInfo]::InvariantCulture
$script:DepthLimit = 64
$script:Token = New-Object -TypeName System.Text.RegularExpressions.Regex -ArgumentList (
    '\G[ \t\r\n]*(?:(?<mark>[{}\[\]:,])|"(?<text>(?>(?:[^"\\\x00-\x1F]+|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*))"' +
    '|(?<number>-?(?:0|[1-9][0-9]*)(?<part>\.[0-9]+)?(?<power>[eE][+-]?[0-9]+)?)|(?<word>true|false|null))')
$script:Escape = New-Object -TypeName System.Text.RegularExpressions.Regex -ArgumentList '\\(?:u(?<code>[0-9A-Fa-f]{4})|(?<letter>.))'
# A half of a surrogate pair has no bytes of its own in UTF-8.
$script:Special = New-Object -TypeName System.Text.RegularExpressions.Regex -ArgumentList '["\\\x00-\x1F\uD800-\uDFFF]'
$script:Letters = @{ 'b' = "`b"; 'f' = "`f"; 'n' = "`n"; 'r' = "`r"; 't' = "`t" }

function ConvertFrom-JsonText([string]$Text) {
    # Objects as ordered dictionaries with the case of their keys, arrays, texts (dates too), [long] where a whole number fits
    # in one, else [double].  Throws FormatException for what is no JSON.
    $Text = $Text.TrimStart([char]0xFEFF)
    $state = @{ text = $Text; token = $script:Token.Match($Text); depth = 0 }
    $value = Read-Node $state
    $end = $state.token
    if ($end.Success -or $Text.Substring($state.at).Trim([char[]]" `t`r`n")) { Stop-Reading $state }
    if ($value -is [System.Array]) { return , $value }
    $value
}

function Stop-Reading([hashtable]$State) {
    $at = $(if ($State.token.Success) { $State.token.Index } elseif ($State.ContainsKey('at')) { $State.at } else { 0 })
    throw (New-Object -TypeName System.FormatException -ArgumentList "this is no JSON, from character $at on")
}

function Step-Token([hashtable]$State) {
    # The token that is next, taken.
    $token = $State.token
    $State.at = $token.Index + $token.Length
    $State.token = $token.NextMatch()
    $token
}

function Test-Mark([hashtable]$State, [string]$Mark) { $State.token.Success -and $State.token.Groups['mark'].Value -eq $Mark }

function Step-Mark([hashtable]$State, [string]$Mark) {
    if (-not (Test-Mark $State $Mark)) { Stop-Reading $State }
    $null = Step-Token $State
}

function Read-Text([hashtable]$State) {
    if (-not $State.token.Success -or -not $State.token.Groups['text'].Success) { Stop-Reading $State }
    $text = (Step-Token $State).Groups['text'].Value
    if ($text.IndexOf('\') -lt 0) { return $text }
    $script:Escape.Replace($text, {
        param($match)
        if ($match.Groups['code'].Success) { return "$([char][Convert]::ToInt32($match.Groups['code'].Value, 16))" }
        $letter = $match.Groups['letter'].Value
        if ($script:Letters.ContainsKey($letter)) { return $script:Letters[$letter] }
        $letter
    })
}

function Read-Node([hashtable]$State) {
    if (-not $State.token.Success) { Stop-Reading $State }
    $groups = $State.token.Groups
    if ($groups['text'].Success) { return Read-Text $State }
    if ($groups['word'].Success) {
        switch ((Step-Token $State).Groups['word'].Value) { 'true' { return $true } 'false' { return $false } default { return $null } }
    }
    if ($groups['number'].Success) {
        $null = Step-Token $State
        $whole = [long]0
        $isWhole = -not $groups['part'].Success -and -not $groups['power'].Success
        if ($isWhole -and [long]::TryParse($groups['number'].Value, 'AllowLeadingSign', $script:Invariant, [ref]$whole)) { return $whole }
        $number = [double]0
        # One of the two says that 1e999 is no number, the other that it is not finite.
        $isNumber = [double]::TryParse($groups['number'].Value, 'Float', $script:Invariant, [ref]$number)
        if (-not $isNumber -or [double]::IsInfinity($number)) { Stop-Reading $State }
        return $number
    }
    $State.depth++
    if ($State.depth -gt $script:DepthLimit) { Stop-Reading $State }
    if (Test-Mark $State '[') {
        $list = New-Object -TypeName System.Collections.ArrayList
        Step-Mark $State '['
        while (-not (Test-Mark $State ']')) {
            if ($list.Count) { Step-Mark $State ',' }
            $null = $list.Add((Read-Node $State))
        }
        Step-Mark $State ']'
        $State.depth--
        return , $list.ToArray()
    }
    $object = New-Object -TypeName System.Collections.Specialized.OrderedDictionary -ArgumentList ([System.StringComparer]::Ordinal)
    Step-Mark $State '{'
    while (-not (Test-Mark $State '}')) {
        if ($object.Count) { Step-Mark $State ',' }
        $name = Read-Text $State
        Step-Mark $State ':'
        $object[$name] = Read-Node $State
    }
    Step-Mark $State '}'
    $State.depth--
    $object
}

function ConvertTo-JsonText($Value, [switch]$Compress) {
    # Dictionaries and custom objects, lists of any kind, texts, numbers, booleans, null; a DateTime as text in UTC.  One space
    # a level and \n between lines, or all in one line.  Throws ArgumentException for anything else, such as a number that is
    # not finite.
    $out = New-Object -TypeName System.Text.StringBuilder
    Write-Node $out $Value $(if ($Compress) { -1 } else { 0 }) 0
    $out.ToString()
}

function Stop-Writing([string]$What) {
    throw (New-Object -TypeName System.ArgumentException -ArgumentList "$What cannot be written as JSON")
}

function Format-Text([string]$Text) {
    $escaped = $script:Special.Replace($Text, {
        param($match)
        switch ($match.Value) {
            '"' { return '\"' }
            '\' { return '\\' }
            "`b" { return '\b' }
            "`f" { return '\f' }
            "`n" { return '\n' }
            "`r" { return '\r' }
            "`t" { return '\t' }
        }
        '\u{0:x4}' -f [int][char]$match.Value
    })
    '"' + $escaped + '"'
}

function Format-Number([double]$Number) {
    # The fewest digits that mean this number: their count is ours, since what `R` gives differs.
    if ([double]::IsNaN($Number) -or [double]::IsInfinity($Number)) { Stop-Writing 'a number that is not finite' }
    if ($Number -eq 0) { return '0.0' }   # one of the two writes -0
    foreach ($format in 'G15', 'G16', 'G17') {
        $text = $Number.ToString($format, $script:Invariant)
        if ([double]::Parse($text, 'Float', $script:Invariant) -eq $Number) { break }
    }
    if ($text -notmatch '[.E]') { $text += '.0' }
    $text
}

function Format-Scalar($Value) {
    if ($Value -is [string] -or $Value -is [char] -or $Value -is [guid]) { return Format-Text "$Value" }
    if ($Value -is [bool]) { return $(if ($Value) { 'true' } else { 'false' }) }
    if ($Value -is [double] -or $Value -is [single] -or $Value -is [decimal]) { return Format-Number $Value }
    if ($Value -is [DateTime]) { return Format-Text $Value.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", $script:Invariant) }
    foreach ($type in [int], [long], [byte], [uint32], [uint64], [int16], [uint16], [sbyte]) {
        if ($Value -is $type) { return $Value.ToString($script:Invariant) }
    }
    Stop-Writing "a $($Value.GetType().FullName)"
}

function Write-Node($Out, $Value, [int]$Level, [int]$Depth) {
    if ($null -eq $Value) { $null = $Out.Append('null'); return }
    if ($Depth -gt $script:DepthLimit) { Stop-Writing 'what holds itself' }
    $pairs, $list = $null, $null
    # In parentheses, not in @(): a value of nothing at all, which a function leaves that returns none, is lost from that.
    if ($Value -is [System.Collections.IDictionary]) {
        $pairs = @($Value.GetEnumerator() | ForEach-Object { , ("$($_.Key)", $_.Value) })
    } elseif ($Value -is [System.Management.Automation.PSCustomObject]) {
        $pairs = @($Value.PSObject.Properties | ForEach-Object { , ($_.Name, $_.Value) })
    } elseif ($Value -is [System.Collections.IEnumerable] -and $Value -isnot [string]) {
        $list = @(foreach ($one in $Value) { , $one })
    } else {
        $null = $Out.Append((Format-Scalar $Value))
        return
    }
    $marks, $items = '{}', $pairs
    if ($null -ne $list) { $marks, $items = '[]', $list }
    if ($items.Length -eq 0) { $null = $Out.Append($marks); return }
    $inner = $(if ($Level -lt 0) { -1 } else { $Level + 1 })
    $null = $Out.Append($marks[0])
    for ($at = 0; $at -lt $items.Length; $at++) {
        if ($at) { $null = $Out.Append(',') }
        if ($inner -ge 0) { $null = $Out.Append("`n").Append([char]' ', $inner) }
        if ($null -ne $list) { Write-Node $Out $list[$at] $inner ($Depth + 1); continue }
        $null = $Out.Append((Format-Text $pairs[$at][0])).Append($(if ($inner -ge 0) { ': ' } else { ':' }))
        Write-Node $Out $pairs[$at][1] $inner ($Depth + 1)
    }
    if ($inner -ge 0) { $null = $Out.Append("`n").Append([char]' ', $Level) }
    $null = $Out.Append($marks[1])
}

Export-ModuleMember -Function ConvertFrom-JsonText, ConvertTo-JsonText
