"""What a user's .wslconfig sets: read when the machine is made, and by that command alone is anything said of it."""

from __future__ import annotations

import re

from gpuready.simlab.wsl.run import Run
from gpuready.simlab.wsl.state import User
from gpuready.simlab.wsl.texts import message

_KNOWN = {
    "wsl2": "memory processors swap swapfile defaultvhdsize kernel kernelcommandline kernelmodules safemode "
    "networkingmode localhostforwarding dnsproxy dnstunneling firewall autoproxy gpusupport guiapplications "
    "nestedvirtualization vmidletimeout maxcrashdumpcount debugconsole virtio macaddress dhcp ipv6 "
    "crashdumpfolder loadkernelmodules kernelboottimeout distributionstarttimeout mountdevicetimeout",
    "general": "distributioninstallpath instanceidletimeout guiapplications",
    "experimental": "automemoryreclaim sparsevhd bestefforthdnsparsing ignoredports hostaddressloopback",
}
_NUMBERS = ("wsl2.vmidletimeout", "wsl2.processors", "general.instanceidletimeout", "wsl2.maxcrashdumpcount")
_TRUTHS = ("wsl2.gpusupport", "wsl2.guiapplications", "wsl2.nestedvirtualization", "wsl2.localhostforwarding")
_VALUE = re.compile(r'([A-Za-z][A-Za-z0-9]*)\s*=\s*("?)(.*?)\2')


def settings(run: Run, user: User) -> dict[str, str]:
    """section.key (lower case) -> value; a line or value that is wrong is warned of and left out."""
    found: dict[str, str] = {}
    path = user.config_file
    if not run.files.is_file(path):
        return found
    known = {f"{section}.{key}" for section, keys in _KNOWN.items() for key in keys.split()}
    section = ""
    for number, raw in enumerate(run.files.read(path).decode("utf-8-sig", "replace").splitlines(), 1):
        line = raw.partition("#")[0].strip()
        if not line:
            continue
        if match := re.fullmatch(r"\[([A-Za-z0-9]+)\]", line):
            section = match[1].lower()
            continue
        match = _VALUE.fullmatch(line)
        if match is None:
            run.warn(message("MessageConfigInvalidKey", path, number))
            continue
        key, value = f"{section}.{match[1].lower()}", match[3]
        if key not in known:
            run.warn(message("MessageConfigUnknownKey", f"{section}.{match[1]}", path, number))
        elif key in _NUMBERS and not re.fullmatch(r"-?\d+", value):
            run.warn(message("MessageConfigInvalidInteger", value, f"{section}.{match[1]}", path, number))
        elif key in _TRUTHS and value.lower() not in ("1", "0", "true", "false"):
            run.warn(message("MessageConfigInvalidBoolean", value, f"{section}.{match[1]}", path, number))
        else:
            found.setdefault(key, value.replace("\\\\", "\\"))
    return found
