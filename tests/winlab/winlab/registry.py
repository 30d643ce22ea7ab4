"""Registry values as a file that regedit imports."""

from __future__ import annotations

import struct
from collections.abc import Mapping

Value = int | str | list[str]
HIVES = {
    "HKLM": "HKEY_LOCAL_MACHINE",
    "HKCU": "HKEY_CURRENT_USER",
    "HKU": "HKEY_USERS",
    "HKCR": "HKEY_CLASSES_ROOT",
}


def _hexadecimal(data: bytes) -> str:
    return ",".join(f"{b:02x}" for b in data)


def _value(value: Value) -> str:
    if isinstance(value, int):
        return f"dword:{value:08x}" if value < 2**32 else "hex(b):" + _hexadecimal(struct.pack("<Q", value))
    if isinstance(value, list):
        return "hex(7):" + _hexadecimal(("\0".join(value) + "\0\0").encode("utf-16-le"))
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def registry_file(registry: Mapping[str, Mapping[str, Value]]) -> bytes:
    r"""The .reg file of `registry`: key (HKLM\...) -> {name: value}.

    int becomes REG_DWORD, or REG_QWORD from 2**32; str REG_SZ; list of str REG_MULTI_SZ.
    """
    lines = ["Windows Registry Editor Version 5.00", ""]
    for key, values in registry.items():
        hive, _, rest = key.partition("\\")
        lines.append(f"[{HIVES[hive.rstrip(':')]}\\{rest}]")
        lines += [f'"{name}"={_value(value)}' for name, value in values.items()]
        lines.append("")
    return b"\xff\xfe" + "\r\n".join(lines).encode("utf-16-le")
