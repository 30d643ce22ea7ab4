#!/usr/bin/python

# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at a job on a Linux PC, start it or take it away. Documented in job.yml."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.home.folder import Home
from ..module_utils.home.jobs import MODULE, NAMES, WRAPPER, Job
from ..module_utils.home.run import run
from ..module_utils.home.switch import trying


def act(home: Home, wishes: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Bring the state about; how the job stands after it."""
    job = Job(home, wishes["name"], wishes["start_within"])
    claimed = False
    if wishes["state"] == "absent":
        if not check_mode:
            job.remove()
        return {"changed": False, "claimed": False, "folder": str(job.folder), "job": None}
    status = job.status(wishes["wait"])
    if wishes["state"] == "started" and status is None and not check_mode:
        claimed = job.claim(wishes["asked"], wishes["run"], {MODULE: wishes["module"], WRAPPER: wishes["wrapper"]})
        if claimed:
            try:
                if wishes["lay_aside"]:
                    trying(home, {"stack": wishes["lay_aside"], "lock_wait": wishes["lock_wait"]}, False)
                job.start(wishes["limit"])
            except BaseException:
                job.give_up()
                raise
        status = job.status(0)
    return {"changed": False, "claimed": claimed, "folder": str(job.folder), "job": status}


def main() -> None:
    """Run as a module."""
    module = AnsibleModule(
        {
            "home": {"type": "path"},
            "name": {"type": "str", "choices": NAMES, "required": True},
            "state": {"type": "str", "choices": ["status", "started", "absent"], "default": "status"},
            "asked": {"type": "str"},
            "run": {"type": "str"},
            "wait": {"type": "int", "default": 0},
            "start_within": {"type": "int", "default": 120},
            "lay_aside": {"type": "str"},
            "lock_wait": {"type": "int", "default": 30},
            "module": {"type": "str", "no_log": True},
            "wrapper": {"type": "str", "no_log": True},
            "limit": {"type": "int"},
        },
        required_if=[("state", "started", ["module", "wrapper", "limit"])],
        supports_check_mode=True,
    )
    run(module, act)


if __name__ == "__main__":
    main()
