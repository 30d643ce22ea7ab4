# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every worker of Ansible would do anew, done once before they are forked.

Ansible imports an action before it forks a worker for each PC and task, so that what is read at the import is read
once a run. It reads the documentation of its connections itself then, by their short names alone: a worker whose PC
names one in full reads it again, which in a lab of a thousand PCs is a minute.
"""

from __future__ import annotations

from contextlib import suppress

from ansible.module_utils.common import json
from ansible.plugins import loader

CONNECTIONS = ("ansible.builtin.winrm", "ansible.builtin.psrp", "ansible.builtin.ssh", "gpuready.lab.wsl")


def connections() -> None:
    """Read what there is to set of the ways to a PC."""
    for name in CONNECTIONS:
        with suppress(Exception):  # one that cannot be had is not used, or says so itself
            loader.connection_loader.get(name, class_only=True)
    with suppress(Exception):
        loader.shell_loader.get("ansible.builtin.powershell", class_only=True)
        loader.shell_loader.get("ansible.builtin.sh", class_only=True)


def answers() -> None:
    """Import what writes a module's arguments and reads its answer."""
    with suppress(Exception):
        json.get_module_encoder("legacy", json.Direction.CONTROLLER_TO_MODULE)
        json.get_module_decoder("legacy", json.Direction.MODULE_TO_CONTROLLER)


def powershell() -> None:
    """Compile the patterns by which Ansible finds what a module of PowerShell needs; Python keeps them."""
    with suppress(Exception):
        from ansible.executor.powershell.module_manifest import PSModuleDepFinder

        PSModuleDepFinder()
