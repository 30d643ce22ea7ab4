"""wsl.exe as a model: a machine's state and a raw command line in; bytes, an exit code and the new state out.

Written from the source of microsoft/WSL. `line` cuts command lines, `state` is what a machine knows, `errors` and
`texts` word it; `listing`, `distributions`, `manage` and `launch` are the commands, `program` puts them together.
Disks and guests are the caller's (`host`): a folder, a simulated disk, a real Linux root.
"""
