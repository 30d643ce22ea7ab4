#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Collect raw evidence about a Linux machine or a WSL guest, and interpret nothing.

Runs on the target under Python 3.9 or newer with the standard library alone. docs/evidence.md has every piece's shape.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpu_facts
short_description: Look at a PC and say what its GPUs, drivers, system and Python are
description:
  - Collects raw evidence on the PC in one call, on Linux, in a WSL guest and on Windows, and changes nothing.
  - The evidence is interpreted on the controller, by the action plugin of the same name.
  - On Linux it reads C(/sys) and C(/proc) and runs C(nvidia-smi), C(uv --version), C(who) and the interpreters that it
    finds, each under a time limit. On Windows a PowerShell module of the same name collects the same kind of evidence.
  - Every piece of evidence that could not be had is named in the facts' C(problems).
  - A PC that could not be reached does not fail the task. Its record then has no facts, and RV(troubles) says why.
options:
  home:
    description:
      - Where gpuready keeps its environments on the PC.
      - Without it C(C:\ProgramData\gpuready) on Windows; on Linux E(GPUREADY_HOME), else C(/opt/gpuready) for root,
        else C(~/.local/share/gpuready).
    type: str
  time_limit:
    description: Seconds that each program (and on Windows each CIM query) may take, from 1 to 600.
    type: int
    default: 20
  sysfs:
    description:
      - Where the kernel's device tree is mounted. Linux only, for tests.
    type: path
    default: /sys
  evidence_file:
    description:
      - Interpret this saved evidence instead of asking the PC. A path on the controller.
    type: path
  save_evidence:
    description:
      - Directory on the controller that gets the evidence as collected, one file for each host.
    type: path
  plan:
    description:
      - Plan the PC as well, as gpuready.lab.gpu_plan does, in the same task. In a lab of hundreds of PCs a task less is seconds less.
    type: bool
    default: false
attributes:
  check_mode:
    description: Can run in check mode and return the same, since it changes nothing.
    support: full
  diff_mode:
    description: Nothing is changed, so there is no difference to show.
    support: none
  platform:
    description: Target systems that can be looked at.
    support: full
    platforms: windows, posix
author:
  - gpuready contributors
"""

EXAMPLES = r"""
- name: Look at the PC
  gpuready.lab.gpu_facts:

- name: Look, and keep what the PC said
  gpuready.lab.gpu_facts:
    save_evidence: evidence

- name: Interpret what a technician sent in
  gpuready.lab.gpu_facts:
    evidence_file: pc07.json
"""

RETURN = r"""
ansible_facts:
  description:
    - The host's record so far, under C(gpuready).
    - Run without its action plugin, the module returns the evidence itself under C(gpuready_evidence).
  returned: always
  type: dict
  contains:
    gpuready:
      description: Record with the section C(facts), which is missing when nothing could be had from the PC, and with O(plan=true) C(plan).
      type: dict
      returned: always
summary:
  description: The plan in lines for a reader; none when the PC was not looked at.
  returned: with O(plan=true)
  type: list
  elements: str
troubles:
  description: What kept us from looking at the PC, each with C(code), C(message), C(step) and C(task).
  returned: always
  type: list
  elements: dict
"""

import platform
import time

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.linux import probe as probe
from ..module_utils.linux import programs as programs

WSL_NVIDIA_SMI = "/usr/lib/wsl/lib/nvidia-smi"  # root's PATH in a WSL guest lacks this folder


def collect(home, limit, sysfs="/sys"):
    """The whole evidence. Programs run beside the reading; no piece can keep another from being had."""
    started, pieces = time.time(), {}

    def have(name, function, *arguments):
        """One piece: what the function gives, or why it could not."""
        try:
            pieces[name] = {"value": function(*arguments), "error": None}
        except Exception as error:  # whatever it is, it costs this piece alone
            code = "ACCESS_DENIED" if isinstance(error, PermissionError) else "COLLECTION_FAILED"
            pieces[name] = {"value": None, "error": {"code": code, "message": f"{type(error).__name__}: {error}"}}
        return pieces[name]["value"]

    running = {
        "nvidia_smi": have("nvidia_smi", programs.start, ("nvidia-smi", WSL_NVIDIA_SMI), ["-q", "-x"], limit),
        "uv": have("uv", programs.start, (f"{home}/uv", "uv", "~/.local/bin/uv"), ["--version"], limit),
        "users": have("users", programs.start, ("who",), [], limit),
    }
    interpreters = have("interpreters", programs.start_interpreters, home, limit)
    have("os_release", probe.os_release)
    have("kernel", probe.kernel)
    have("glibc", probe.glibc)
    have("pci_display", probe.pci_display, sysfs)
    have("nvidia_driver", probe.nvidia_driver, sysfs)
    have("dxg", probe.dxg)
    have("wsl", probe.wsl)
    have("memory", probe.memory)
    have("processors", probe.processors)
    have("disk", probe.disk, home)
    have("environments", probe.environments, home)
    have("last_pass", probe.texts, f"{home}/passes")
    have("marker", probe.marker)
    have("dmi", probe.dmi, sysfs)
    for name, one in running.items():
        if one is not None:
            value, error = one.finish()
            pieces[name] = {"value": value, "error": error}
    if interpreters is not None:
        value, error = programs.finish_interpreters(interpreters)
        pieces["interpreters"] = {"value": value, "error": error}
    return {
        "schema_version": 1,
        "platform": "linux",
        "collected_at": probe.iso(started),
        "seconds": round(time.time() - started, 2),
        "collector": {"python": platform.python_version()},
        "pieces": pieces,
    }


def main():
    """The module."""
    module = AnsibleModule(
        argument_spec={
            "home": {"type": "str"},
            "time_limit": {"type": "int", "default": 20},
            "sysfs": {"type": "path", "default": "/sys"},
        },
        supports_check_mode=True,
    )
    limit = module.params["time_limit"]
    if not 1 <= limit <= 600:
        module.fail_json(msg=f"time_limit: {limit} is not between 1 and 600 seconds")
    evidence = collect(probe.home_directory(module.params["home"]), limit, module.params["sysfs"])
    module.exit_json(changed=False, ansible_facts={"gpuready_evidence": evidence})


if __name__ == "__main__":
    main()
