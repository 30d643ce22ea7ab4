"""Windows test machines on Linux: real WinRM, a real PowerShell 7.6 engine, Wine's Win32, and Python for the rest.

A `Machine` is one Windows 11 (10.0.22000) PC that answers on `http://ADDRESS:5985/wsman`.  Unmodified `ansible.windows`
modules run on it: their PowerShell, their C#, their registry and file work are real.  What Wine lacks is data that the
test sets (CIM classes, optional features, app packages) or a program whose behaviour the test gives in Python
(`wsl.exe`, `nvidia-smi.exe`, a driver's installer).  `shutdown.exe` really restarts the machine.

    from winlab import Machine

    def nvidia_smi(call):
        call.out("NVIDIA-SMI 576.52\\r\\n")
        return 0

    with Machine("pc1", programs={"nvidia-smi.exe": nvidia_smi},
                 cim={"Win32_VideoController": [{"Name": "NVIDIA GeForce RTX 4090"}]}) as pc:
        pc.powershell("nvidia-smi.exe; (Get-CimInstance Win32_VideoController).Name")

Tests take shared machines from the fixtures of ../conftest.py instead.
"""

from .defaults import COMPUTER_SYSTEM, FEATURES, OPERATING_SYSTEM
from .machine import Machine, Reply
from .programs import Call
from .tree import PREFIXES, ROOT, installed, linux_powershell, why_not

__all__ = [
    "COMPUTER_SYSTEM",
    "FEATURES",
    "OPERATING_SYSTEM",
    "PREFIXES",
    "ROOT",
    "Call",
    "Machine",
    "Reply",
    "installed",
    "linux_powershell",
    "why_not",
]
