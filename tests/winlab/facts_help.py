"""What the tests of gpu_facts on winlab share: one look at a machine, and programs that answer or hang."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

PIECES = {
    "operating_system",
    "computer_system",
    "processors",
    "video_controllers",
    "pnp_display",
    "display_class",
    "architecture",
    "features",
    "pending_reboot",
    "wsl_registry",
    "wsl_place",
    "wsl_version",
    "nvidia_smi",
    "uv",
    "interpreters",
    "vc_runtime",
    "disk",
    "users",
    "environments",
    "last_pass",
    "marker",
}
WSL = r"C:\Program Files\WSL\wsl.exe"
HOME = r"C:\ProgramData\gpuready"


def look(ansible, pc, folder: Path, **arguments: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The task's result, the raw values and errors by piece, and the facts."""
    result = ansible(pc, "gpuready.lab.gpu_facts", {"save_evidence": str(folder), **arguments})
    assert not result["failed"], result
    assert result["changed"] is False
    assert result["troubles"] == [], result["troubles"]
    saved = json.loads((folder / f"{pc.name}.json").read_text(encoding="utf-8"))
    found = saved["gpuready_evidence"]
    assert (saved["host"], found["schema_version"], found["platform"]) == (pc.name, 1, "windows")
    assert set(found["pieces"]) == PIECES
    assert all(set(piece) == {"value", "error"} for piece in found["pieces"].values())
    return (
        found["pieces"],
        {n: p["error"]["code"] for n, p in found["pieces"].items() if p["error"]},
        result["ansible_facts"]["gpuready"]["facts"],
    )


def says(text: str, rc: int = 0):
    def handler(call):
        call.out(text)
        return rc

    return handler


def hangs(call):
    call.out("<?xml version")
    time.sleep(60)
    return 0


def wsl_says(lines: tuple[str, ...], encoding: str | None = None, rc: int = 0):
    """wsl.exe with these lines: UTF-8 with WSL_UTF8=1 and UTF-16 without, or always in `encoding`."""

    def handler(call):
        assert call.args == ["--version"]
        assert call.read() == b""
        wanted = encoding or ("utf-8" if call.env.get("WSL_UTF8") == "1" else "utf-16-le")
        call.out("".join(f"{line}\r\n" for line in lines).encode(wanted))
        return rc

    return handler


def write(pc, windows: str, content: bytes) -> None:
    path = pc.path(windows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # it may be a link to the template's
    path.write_bytes(content)
