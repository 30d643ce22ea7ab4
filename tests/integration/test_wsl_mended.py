"""The role wsl on simulated PCs whose WSL is broken: what it mends by itself, and what it leaves with its next step."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gpuready.simlab import SimulatedLab, scenario
from gpuready.simlab.wsl.linux import Linux

sys.path.insert(0, str(Path(__file__).resolve().parent))
from role_help import played
from simlab_winrm_help import NET

ROLE = ("gpuready.lab.wsl", {})
OLD = {"version": "2.3.26.0", "broken": "0x800701bc"}
PACKAGES = {
    "wsl.msi": b"wsl 2.6.3.0",
    "busy.msi": b"wsl 2.6.3.0 rc 1618",
    "forbidden.msi": b"wsl 2.6.3.0 rc 1625",
    "strange.msi": b"wsl 2.6.3.0 rc 1234",
    "damaged.msi": b"?",
}
# PC: its WSL, what it is told of a package, how it ends (empty: with a guest)
ENDINGS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "disabled": ({"version": "2.6.1.0", "disabled": ["wslservice"]}, {}, ""),
    "old": ({**OLD, "latest": "2.6.3.0"}, {}, ""),
    "old-declared": ({**OLD, "latest": "2.6.3.0"}, {"version": "2.3.26.0"}, "NOT_READY WSL_KERNEL_MISSING"),
    "old-no-internet": (OLD, {}, "NOT_READY WSL_KERNEL_MISSING"),
    "other": ({"version": "2.6.1.0", "broken": "0x80370114"}, {}, "NOT_READY WSL_FEATURE_BLOCKED"),
    "nobody-knows": ({"version": "2.6.1.0", "broken": "0x8000abcd"}, {}, "NOT_READY WSL_VM_START"),
    "packaged": ({}, {"file": "wsl.msi"}, ""),
    "other-version": ({}, {"version": "2.7.0.0"}, "NOT_READY WSL_PACKAGE_OTHER"),
    "other-file": ({}, {"sha256": "0" * 64}, "NOT_READY HASH_MISMATCH"),
    "damaged": ({}, {"file": "damaged.msi"}, "NOT_READY WSL_PACKAGE_BROKEN"),
    "busy": ({}, {"file": "busy.msi"}, "NOT_READY WSL_PACKAGE_BUSY"),
    "forbidden": ({}, {"file": "forbidden.msi"}, "NOT_READY WSL_PACKAGE"),
    "strange": ({}, {"file": "strange.msi"}, "NOT_READY WSL_PACKAGE"),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """The archive and the packages, as variables of the role."""
    folder = tmp_path_factory.mktemp("wsl")
    given = {}
    for name, data in {"root.tar.gz": Linux.small().pack("tar.gz"), **PACKAGES}.items():
        (folder / name).write_bytes(data)
        given[name] = {"path": str(folder / name), "sha256": hashlib.sha256(data).hexdigest()}
    return given


@pytest.fixture(scope="module")
def lab(files: dict[str, dict[str, str]]) -> Iterator[SimulatedLab]:
    pcs = []
    for name, (wsl, told, _) in ENDINGS.items():
        brought = {"version": "2.6.3.0", **files[told.get("file", "wsl.msi")], **told}
        package = {"wsl_package": {key: value for key, value in brought.items() if key != "file"}} if told else {}
        pcs.append(
            {
                "name": name,
                "wsl": wsl,
                "machine": {"hypervisor": True},
                "features": {"VirtualMachinePlatform": "Enabled"},
                "variables": {"wsl_archive": files["root.tar.gz"], "wsl_config": {}, **package},
            }
        )
    with SimulatedLab(scenario.parse({"pcs": pcs}), base_address=f"{NET}.77.1", port=15977) as lab:
        yield lab


def test_what_is_broken_is_mended_or_told(lab: SimulatedLab, tmp_path: Path) -> None:
    found, _ = played(lab, tmp_path, *ROLE)
    for name, (_, _, end) in ENDINGS.items():
        verdict = found[name]
        assert f"{verdict.get('state', '')} {verdict.get('code', '')}".strip() == end, (name, verdict)
        assert bool(verdict.get("next_step")) is bool(end), (name, verdict)
    assert "0x8000abcd" in found["nobody-knows"]["cause"]
    assert "1625, a policy of the PC forbids it" in found["forbidden"]["cause"]
    assert "1234" in found["strange"]["cause"]
    assert "2.6.3.0" in found["other-version"]["cause"]
    machines = {name: pc.subsystem.machine for name, pc in lab.pcs.items()}
    assert machines["disabled"].disabled == set()
    assert machines["old"].version == "2.6.3.0"
    assert machines["old-declared"].version == "2.3.26.0", "a package that is declared stays"
    again, changed = played(lab, tmp_path, *ROLE)
    assert machines["packaged"].version == "2.6.3.0"
    for name in ("other-file", "damaged", "busy", "forbidden", "strange"):
        assert machines[name].version == ""
    for name in ("disabled", "old", "packaged"):
        assert (again[name], changed[name]) == ({}, 0), name
