"""What a PC answers to an action that starts a job and collects it, for tests."""

from __future__ import annotations

from typing import Any

FOLDER = r"C:\ProgramData\gpuready\jobs\work"
CLAIMED = {"job": {"state": "claimed"}, "claimed": True, "folder": FOLDER}
STARTED = {"started": True, "finished": False}
GONE = {"job": None, "claimed": False, "folder": FOLDER}


def job(state: str, **result: Any) -> dict[str, Any]:
    """How a job stands; with a result where it has ended."""
    return {"job": {"state": state, "restarted": False, "result": result or None}, "claimed": False, "folder": FOLDER}
