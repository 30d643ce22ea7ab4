#!/usr/bin/python

# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make a verified environment the current one on a Linux PC, or take its pass back. Documented in environment_pass.yml."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.home.folder import Home
from ..module_utils.home.jobs import NAMES, Job
from ..module_utils.home.run import run
from ..module_utils.home.switch import current, trying, unproven

SPEC: dict[str, Any] = {
    "state": {"type": "str", "choices": ["current", "trying", "unproven"], "required": True},
    "home": {"type": "path"},
    "stack": {"type": "str", "required": True},
    "lock_sha256": {"type": "str"},
    "start": {"type": "str"},
    "launcher_variable": {"type": "str"},
    "display_name": {"type": "str"},
    "pass_record": {"type": "dict", "no_log": False},
    "keep_old": {"type": "int", "default": 1},
    "lock_wait": {"type": "int", "default": 30},
    "words": {"type": "dict", "default": {}},
    "job": {"type": "str", "choices": NAMES},
}
_STATES = {"current": current, "trying": trying, "unproven": unproven}


def act(home: Home, asked: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Bring the state about; then nobody needs to collect what the job gave."""
    result = _STATES[asked["state"]](home, asked, check_mode)
    if asked["job"] and not check_mode:
        Job(home, asked["job"], 0).remove()
    return result


def main() -> None:
    """Run as a module."""
    module = AnsibleModule(SPEC, supports_check_mode=True, required_if=[("state", "current", ["lock_sha256"])])
    run(module, act)


if __name__ == "__main__":
    main()
