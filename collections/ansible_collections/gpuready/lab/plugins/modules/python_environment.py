#!/usr/bin/python

# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Build a stack's Python environment on a Linux PC, or take it away. Documented in python_environment.yml."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.home import uv as uvs
from ..module_utils.home.archives import Needed, Store
from ..module_utils.home.build import Builder, tidy
from ..module_utils.home.environment import complete, interpreter_of
from ..module_utils.home.folder import Home, Trouble
from ..module_utils.home.removal import absent
from ..module_utils.home.run import run
from ..module_utils.home.texts import start_text

SPEC: dict[str, Any] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "home": {"type": "path"},
    "stack": {"type": "str"},
    "lock": {"type": "str"},
    "builders": {"type": "str", "default": ""},
    "lock_sha256": {"type": "str"},
    "python": {"type": "str"},
    "start": {"type": "str"},
    "uv": {"type": "path"},
    "uv_archive": {"type": "dict"},
    "uv_binary": {"type": "dict"},
    "interpreter_archive": {"type": "dict"},
    "offered_wheels": {"type": "list", "elements": "dict", "default": []},
    "uploaded": {"type": "dict", "default": {}},
    "ways": {"type": "list", "elements": "dict"},
    "go_on_after": {"type": "str"},
    "foreign_variables": {"type": "list", "elements": "str", "default": []},
    "certificates": {"type": "path"},
    "time_limit": {"type": "int", "default": 1800},
    "lock_wait": {"type": "int", "default": 30},
    "keep_cache": {"type": "bool", "default": False},
    "check_hashes": {"type": "bool", "default": False},
    "words": {"type": "dict", "default": {}},
}


def present(home: Home, asked: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """The environment of this lock is there and whole; the current one is left alone."""
    if asked["certificates"] and not Path(asked["certificates"]).is_file():
        raise Trouble("ARGUMENTS", f"certificates: {asked['certificates']} is not a file on this PC")
    environment = home.environment(asked["stack"], asked["lock_sha256"])
    marker = complete(environment, asked["lock_sha256"], asked["python"], asked["check_hashes"])
    built, steps, notes = not marker, [], []
    if built and check_mode:
        why: list[str] = []
        if not uvs.find_uv(home, asked["uv"], why) and not (asked["uv_archive"] or asked["uv_binary"]):
            raise uvs.no_uv(why)
    elif built:
        home.make()
        with home.locked(asked["lock_wait"]):  # another run may have built it
            marker = complete(environment, asked["lock_sha256"], asked["python"], asked["check_hashes"])
            built = not marker
            if built:
                home.sweep()
                deadline = time.monotonic() + asked["time_limit"]
                store = Store(home, asked["uploaded"], asked["certificates"], asked["time_limit"])
                builder = Builder(home, asked, store, deadline)
                try:
                    marker = builder.build()
                except Trouble as trouble:
                    if trouble.code == "DISK_FULL":  # what was fetched and sent is of no use while the rest has no room
                        tidy(home, keep_cache=False)
                    raise
                steps, notes = builder.steps, builder.notes
                tidy(home, asked["keep_cache"])
    return {
        "changed": built,
        "steps": steps,
        "notes": notes,
        "environment": {
            "path": str(environment),
            "python": str(interpreter_of(environment)),
            "lock_sha256": asked["lock_sha256"],
            "built": built,
            "start": start_text(home, asked["stack"], asked["start"], asked["words"]),
            "size_bytes": marker.get("size_bytes"),
        },
    }


def main() -> None:
    """Run as a module."""
    required = [("state", "present", ["stack", "lock", "lock_sha256", "python", "go_on_after"])]
    module = AnsibleModule(SPEC, supports_check_mode=True, required_if=required)
    try:
        run(module, {"present": present, "absent": absent}[module.params["state"]])
    except Needed as needed:
        module.exit_json(changed=False, **needed.as_dict())


if __name__ == "__main__":
    main()
