#!/usr/bin/python

# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Build, switch and take away a stack's Python environment on a Linux PC. Documented in python_environment.yml."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.home import state as states
from ..module_utils.home import uv as uvs
from ..module_utils.home.archives import Needed, Store
from ..module_utils.home.build import Builder, complete, interpreter_of
from ..module_utils.home.folder import Home, Trouble, default_home, of_os

SPEC: dict[str, Any] = {
    "state": {"type": "str", "choices": ["present", "current", "unproven", "absent"], "default": "present"},
    "home": {"type": "path"},
    "stack": {"type": "str"},
    "lock": {"type": "str"},
    "lock_sha256": {"type": "str"},
    "python": {"type": "str"},
    "start": {"type": "str"},
    "uv": {"type": "path"},
    "uv_archive": {"type": "dict"},
    "uv_binary": {"type": "dict"},
    "interpreter_archive": {"type": "dict"},
    "vc_archive": {"type": "dict"},
    "needs_vc_runtime": {"type": "bool", "default": False},
    "wheelhouse": {"type": "path"},
    "offered_wheels": {"type": "list", "elements": "dict", "default": []},
    "uploaded": {"type": "dict", "default": {}},
    "index_url": {"type": "str"},
    "extra_index_urls": {"type": "list", "elements": "str", "default": []},
    "stack_index_urls": {"type": "list", "elements": "str", "default": []},
    "find_links": {"type": "list", "elements": "str", "default": []},
    "no_index": {"type": "bool", "default": False},
    "certificates": {"type": "path"},
    "time_limit": {"type": "int", "default": 1800},
    "lock_wait": {"type": "int", "default": 30},
    "keep_old": {"type": "int", "default": 1},
    "keep_cache": {"type": "bool", "default": False},
    "visible_devices": {"type": "str"},
    "pass_record": {"type": "dict", "no_log": False},
    "verified": {"type": "bool", "default": False},
}


def present(module: AnsibleModule, home: Home) -> dict[str, Any]:
    """The environment of this lock is there and whole; the current one is left alone."""
    wishes = module.params
    environment = home.environment(wishes["stack"], wishes["lock_sha256"])
    marker = complete(environment, wishes["lock_sha256"], wishes["python"])
    built, steps, notes = not marker, [], []
    if built and module.check_mode:
        if not uvs.find_uv(home, wishes["uv"]) and not (wishes["uv_archive"] or wishes["uv_binary"]):
            raise Trouble(*states.NO_UV)
    elif built:
        home.make()
        with home.locked(wishes["lock_wait"]):
            marker = complete(environment, wishes["lock_sha256"], wishes["python"])  # another run may have built it
            built = not marker
            if built:
                home.sweep()
                deadline = time.monotonic() + wishes["time_limit"]
                store = Store(home, wishes["uploaded"], wishes["certificates"], wishes["time_limit"])
                builder = Builder(home, wishes, store, deadline)
                try:
                    marker = builder.build()
                except Trouble as trouble:
                    if trouble.code == "DISK_FULL":  # what was fetched and sent is of no use while the rest has no room
                        states.tidy(home, keep_cache=False)
                    raise
                steps, notes = builder.steps, builder.notes
                states.tidy(home, wishes["keep_cache"])
    return {
        "changed": built,
        "steps": steps,
        "notes": notes,
        "environment": {
            "path": str(environment),
            "python": str(interpreter_of(environment)),
            "lock_sha256": wishes["lock_sha256"],
            "built": built,
            "start": states.start_text(home, wishes["stack"], wishes["start"]),
            "size_bytes": marker.get("size_bytes"),
        },
    }


def run(module: AnsibleModule) -> dict[str, Any]:
    """Bring the state about."""
    wishes = module.params
    states.check(wishes)
    home = Home(Path(wishes["home"]).absolute() if wishes["home"] else default_home())
    if wishes["state"] == "present":
        return {**present(module, home), "home": str(home.path)}
    act = {"current": states.current, "unproven": states.unproven, "absent": states.absent}[wishes["state"]]
    return {**act(home, wishes, module.check_mode), "home": str(home.path)}


def main() -> None:
    """Run as a module."""
    os.umask(0o022)
    required = [
        ("state", "present", ["stack", "lock", "lock_sha256", "python"]),
        ("state", "current", ["stack", "lock_sha256"]),
        ("state", "unproven", ["stack"]),
    ]
    module = AnsibleModule(SPEC, supports_check_mode=True, required_if=required)
    with suppress(OSError):
        os.chdir("/")
    try:
        module.exit_json(**run(module))
    except Needed as needed:
        module.exit_json(changed=False, needs=needed.files)
    except Trouble as trouble:
        module.fail_json(
            msg=trouble.message,
            code=trouble.code,
            phase=trouble.phase,
            program_rc=trouble.rc,
            details=trouble.details.splitlines(),
        )
    except OSError as error:
        trouble = of_os(error, "working in gpuready's folder")
        module.fail_json(msg=trouble.message, code=trouble.code)


if __name__ == "__main__":
    main()
