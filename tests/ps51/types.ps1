#Requires -Version 7
# The public types of assemblies, as JSON: { full name: { m: { method: [numbers of arguments] }, f: [fields], b: base type } }.
# -3: three, of which the last is an array (`params`) that takes none or any number.
# Needs PowerShell 7 (System.Reflection.Metadata); nothing of the assemblies is run.
param([string[]]$Path)
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
Add-Type -AssemblyName System.Reflection.Metadata
$found = [ordered]@{}

function Get-Name($Reader, $Handle) {
    # The full name of a type that is defined or referred to here; '' for one that has none, such as List<int>.
    if ($Handle.IsNil) { return '' }
    switch ("$($Handle.Kind)") {
        'TypeDefinition' {
            $type = $Reader.GetTypeDefinition([System.Reflection.Metadata.TypeDefinitionHandle]$Handle)
            $outer = $type.GetDeclaringType()
            if (-not $outer.IsNil) { return (Get-Name $Reader ([System.Reflection.Metadata.EntityHandle]$outer)) + '+' + $Reader.GetString($type.Name) }
        }
        'TypeReference' { $type = $Reader.GetTypeReference([System.Reflection.Metadata.TypeReferenceHandle]$Handle) }
        default { return '' }
    }
    ($Reader.GetString($type.Namespace) + '.' + $Reader.GetString($type.Name)).TrimStart('.')
}

function Test-Variadic($Reader, $Method, [int]$Count) {
    foreach ($one in $Method.GetParameters()) {
        $parameter = $Reader.GetParameter($one)
        if ($parameter.SequenceNumber -ne $Count) { continue }
        foreach ($handle in $parameter.GetCustomAttributes()) {
            $constructor = $Reader.GetCustomAttribute($handle).Constructor
            if ("$($constructor.Kind)" -eq 'MemberReference') { $of = $Reader.GetMemberReference([System.Reflection.Metadata.MemberReferenceHandle]$constructor).Parent }
            else { $of = [System.Reflection.Metadata.EntityHandle]$Reader.GetMethodDefinition([System.Reflection.Metadata.MethodDefinitionHandle]$constructor).GetDeclaringType() }
            if ((Get-Name $Reader $of) -eq 'System.ParamArrayAttribute') { return $true }
        }
    }
    $false
}

foreach ($file in $Path) {
    $stream = [System.IO.File]::OpenRead($file)
    try {
        $image = [System.Reflection.PortableExecutable.PEReader]::new($stream)
        if (-not $image.HasMetadata) { continue }
        $reader = [System.Reflection.Metadata.PEReaderExtensions]::GetMetadataReader($image)
        foreach ($handle in $reader.TypeDefinitions) {
            $type = $reader.GetTypeDefinition($handle)
            if (([int]$type.Attributes -band 7) -notin 1, 2) { continue }      # public, or public within another
            $methods, $fields = @{}, [System.Collections.Generic.List[string]]::new()
            foreach ($one in $type.GetMethods()) {
                $method = $reader.GetMethodDefinition($one)
                if (([int]$method.Attributes -band 7) -notin 4, 5, 6) { continue }   # public or protected
                $name = $reader.GetString($method.Name)
                $blob = $reader.GetBlobReader($method.Signature)
                $header = $blob.ReadSignatureHeader()
                if ($header.IsGeneric) { $null = $blob.ReadCompressedInteger() }
                $count = $blob.ReadCompressedInteger()
                if ($count -gt 0 -and (Test-Variadic $reader $method $count)) { $count = -$count }
                if (-not $methods.ContainsKey($name)) { $methods[$name] = @() }
                if ($methods[$name] -notcontains $count) { $methods[$name] += $count }
            }
            foreach ($one in $type.GetFields()) {
                $field = $reader.GetFieldDefinition($one)
                if (([int]$field.Attributes -band 7) -in 4, 5, 6) { $fields.Add($reader.GetString($field.Name)) }
            }
            $sorted = [ordered]@{}
            foreach ($name in $methods.Keys | Sort-Object) { $sorted[$name] = @($methods[$name] | Sort-Object) }
            $found[(Get-Name $reader ([System.Reflection.Metadata.EntityHandle]$handle))] = [ordered]@{ m = $sorted; f = @($fields); b = Get-Name $reader $type.BaseType }
        }
    } finally { $stream.Dispose() }
}
ConvertTo-Json -InputObject $found -Depth 6 -Compress
