"""What the tests of drivers.yml share: an entry that is right, and the file of some entries."""

from __future__ import annotations

from typing import Any

import yaml

SHA256 = "ab" * 32


def entry(**more: Any) -> dict[str, Any]:
    """An entry that is right; a key that is None is not there."""
    found = {
        "id": "nvidia-560.94",
        "vendor": "nvidia",
        "version": "560.94",
        "windows": ["10", "11"],
        "file": "560.94.exe",
        "sha256": SHA256,
        **more,
    }
    return {key: value for key, value in found.items() if value is not None}


def file_of(*entries: Any) -> str:
    return yaml.safe_dump({"schema_version": 1, "installers": list(entries)}, sort_keys=False)
