#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Collect raw evidence about a Linux machine or a WSL guest, and interpret nothing.

Runs on the target under Python 3.9 or newer with the standard library alone. docs/evidence.md has every piece's shape,
gpu_facts.yml the options.
"""

from __future__ import annotations

import platform
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.home import contents as contents
from ..module_utils.home import damage as damage
from ..module_utils.home import trust as trust
from ..module_utils.home.folder import Trouble as Trouble
from ..module_utils.linux import probe as probe
from ..module_utils.linux import programs as programs

WSL_NVIDIA_SMI = "/usr/lib/wsl/lib/nvidia-smi"  # root's PATH in a WSL guest lacks this folder


def environments(home, check_hashes):
    """What lies in the home, and what of its environments is missing or changed; an `error` where that is not known."""
    found = contents.environments(home)
    for one in found["directories"] if found else ():
        try:
            one["damage"] = damage.damage(Path(one["path"]), check_hashes)
        except OSError as error:
            one["damage"] = {"error": f"{type(error).__name__}: {error}"}
    return found


def collect(home, limit, sysfs="/sys", check_hashes=False):
    """The whole evidence. Programs run beside the reading; no piece can keep another from being had."""
    started, pieces = time.time(), {}

    def have(name, function, *arguments):
        """One piece: what the function gives, or why it could not."""
        try:
            pieces[name] = {"value": function(*arguments), "error": None}
        except Trouble as trouble:
            pieces[name] = {"value": None, "error": {"code": trouble.code, "message": str(trouble)}}
        except Exception as error:  # whatever it is, it costs this piece alone
            code = "ACCESS_DENIED" if isinstance(error, PermissionError) else "COLLECTION_FAILED"
            pieces[name] = {"value": None, "error": {"code": code, "message": f"{type(error).__name__}: {error}"}}
        return pieces[name]["value"]

    def ours(function, *arguments):
        """What the function gives of a home that is ours alone."""
        if refusal:
            raise refusal
        return function(*arguments)

    refusal = trust.refusal(Path(home))  # what others may have put there is not run, whatever its name
    own_uv, own_pythons = ((f"{home}/uv",), home) if refusal is None else ((), None)
    running = {
        "nvidia_smi": have("nvidia_smi", programs.start, ("nvidia-smi", WSL_NVIDIA_SMI), ["-q", "-x"], limit),
        "uv": have("uv", programs.start, (*own_uv, "uv", "~/.local/bin/uv"), ["--version"], limit),
        "users": have("users", programs.start, ("who",), [], limit),
    }
    interpreters = have("interpreters", programs.start_interpreters, own_pythons, limit)
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
    have("environments", ours, environments, Path(home), check_hashes)
    have("last_pass", ours, contents.texts, Path(home, "passes"))
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
            "home": {"type": "path"},
            "time_limit": {"type": "int", "default": 20},
            "sysfs": {"type": "path", "default": "/sys"},
            "check_hashes": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    limit = module.params["time_limit"]
    if not 1 <= limit <= 600:
        module.fail_json(msg=f"time_limit: {limit} is not between 1 and 600 seconds")
    home = module.params["home"] or str(contents.default_home())
    evidence = collect(home, limit, module.params["sysfs"], module.params["check_hashes"])
    module.exit_json(changed=False, ansible_facts={"gpuready_evidence": evidence})


if __name__ == "__main__":
    main()
