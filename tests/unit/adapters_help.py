"""What the tests of the adapters of Windows share: evidence of display adapters, and their facts."""

from __future__ import annotations

from typing import Any

from ansible_collections.gpuready.lab.plugins.plugin_utils.facts import windows as windows_facts

CLASS = "{4d36e968-e325-11ce-bfc1-08002be10318}"
GIB = 1024**3


def look(
    controllers: list[dict[str, Any]] | None = None,
    keys: list[dict[str, Any]] | None = None,
    pnp: list[dict[str, Any]] | None = None,
    smi: str | None = None,
) -> dict[str, Any]:
    pieces: dict[str, Any] = {
        "video_controllers": {"value": controllers or [], "error": None},
        "display_class": {"value": keys or [], "error": None},
        "pnp_display": {"value": pnp or [], "error": None},
        "nvidia_smi": {"value": None, "error": None},
    }
    if smi:
        program = {"path": "nvidia-smi.exe", "rc": 0, "stdout": smi, "stderr": "", "timed_out": False, "seconds": 1}
        pieces["nvidia_smi"]["value"] = program
    return windows_facts.interpret({"schema_version": 1, "platform": "windows", "pieces": pieces}).as_dict()


def short(facts: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [
        (a["vendor"], a["name"], a["memory_bytes"], a["driver"]["vendor_version"], a["status"], a["integrated"])
        for a in facts["adapters"]
    ]


def controller(
    pnp_id: str, name: str = "GPU", key: str | None = None, code: int | None = 0, **more: Any
) -> dict[str, Any]:
    row = {
        "PNPDeviceID": pnp_id,
        "Name": name,
        "ConfigManagerErrorCode": code,
        "DriverVersion": "32.0.15.7652",
        "AdapterRAM": 4293918720,
    }
    return {**row, "Driver": f"{CLASS}\\{key}" if key else None, **more}


def key(number: str, memory: Any, matching: str | None = None, **more: Any) -> dict[str, Any]:
    return {"key": number, "HardwareInformation.qwMemorySize": memory, "MatchingDeviceId": matching, **more}


RTX = "PCI\\VEN_10DE&DEV_2684&SUBSYS_889D1043&REV_A1"
