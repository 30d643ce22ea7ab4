"""How installers are started, and what their exit codes mean."""

from __future__ import annotations

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.driver import endings


@pytest.mark.parametrize(("way", "rc", "code", "restart"), [
    ("nvidia", 0, None, False),
    ("nvidia", 1, None, True),
    ("nvidia", 0xE6000000 - 2**32, "DRIVER_NOT_FOR_PC", False),
    ("nvidia", 0xE6000100, "DRIVER_NOT_FOR_PC", False),
    ("nvidia", 0xE4200000, "DRIVER_NOT_FOR_PC", False),
    ("nvidia", 2, "DRIVER_FAILED", False),
    ("amd", 0, None, False),
    ("amd", 1, "DRIVER_FAILED", False),
    ("intel", 0, None, False),
    ("intel", 1, "DRIVER_FAILED", False),
    ("intel", 2, "DRIVER_FAILED", False),
    ("intel", 3, "DRIVER_NOT_FOR_PC", False),
    ("intel", 5, "DRIVER_NOT_FOR_PC", False),
    ("intel", 7, "DRIVER_DOWNGRADE", False),
    ("intel", 10, "DRIVER_BUSY", False),
    ("intel", 12, None, False),
    ("intel", 13, None, True),
    ("intel", 14, None, True),
    ("pnputil", 0, None, False),
    ("pnputil", 259, None, False),
    ("pnputil", 1641, None, True),
    ("pnputil", 3010, None, True),
    ("pnputil", 0xC0000005 - 2**32, "DRIVER_FAILED", False),
])  # fmt: skip
def test_an_exit_code_means_one_thing(way: str, rc: int, code: str | None, restart: bool) -> None:
    found = endings.ending(way, rc)
    assert (found.code, found.restart) == (code, restart)
    assert restart == (rc in endings.restart_codes(way))
    assert found.code is None or "exit code" in found.words


@pytest.mark.parametrize(("vendor", "arguments", "packages", "over", "line"), [
    ("nvidia", None, ["Display.Driver"], False, "-s -noreboot -noeula -nofinish -nosplash Display.Driver"),
    ("amd", None, [], False, '-install -log "{log}"'),
    ("intel", None, [], False, '-s --report "{log}"'),
    ("intel", None, [], True, '-s --report "{log}" -o'),
    ("intel", ["-s", r"C:\a b\\", 'say "x"', ""], [], True, r'-s "C:\a b\\\\" "say \"x\"" ""'),
])  # fmt: skip
def test_an_installer_is_started_without_a_person(
    vendor: str, arguments: list[str] | None, packages: list[str], over: bool, line: str
) -> None:
    assert endings.command_line(vendor, arguments, packages, over) == line
