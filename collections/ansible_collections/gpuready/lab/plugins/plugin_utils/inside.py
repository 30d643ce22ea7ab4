# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An action that works in the guest of its Windows PC: over the connection that it has, as long as it is in there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import connection_loader

from . import reading
from .record import Record

NAME = "gpuready.lab.wsl"
DISTRIBUTION = "gpuready"  # as the role wsl calls it
_PYTHON = "/usr/bin/python3"


def distribution(record: Record) -> str | None:
    """The lab's guest of a Windows PC, where it is registered and gpuready made it."""
    place = reading.section(record, "facts", "wsl", "place")
    return str(place["name"]) if place.get("registered") is True and place.get("ours") is True else None


def leads_in(record: Record) -> bool:
    """Whether a Windows PC's plan leads into its guest."""
    windows = reading.section(record, "facts", "os").get("family") == "windows"
    return windows and reading.section(record, "plan").get("target") == "wsl"


def is_to_come(record: Record) -> bool:
    """Whether that guest is not there yet."""
    return leads_in(record) and distribution(record) is None


@contextmanager
def guest(action: ActionBase, name: str | None, task_vars: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Let the action's connection be that of the guest; the variables for what it runs in there."""
    windows, context = action._connection, action._play_context.copy()
    context.shell = "sh"
    connection = connection_loader.get(NAME, context, new_stdin=None)
    if connection is None:
        raise AnsibleError(f"there is no connection plugin {NAME}: the collection is not whole")
    given = {one: task_vars[one] for one in ("ansible_wsl_program", "ansible_wsl_windows_shell") if one in task_vars}
    if windows.transport == "ssh" and "ansible_shell_type" in task_vars:
        given = {"ansible_wsl_windows_shell": task_vars["ansible_shell_type"], **given}
    given = {one: action._templar.template(value) for one, value in given.items()}
    connection.set_options(var_options={**given, "ansible_wsl_distribution": name or DISTRIBUTION})
    connection._shell.set_options(var_options={})
    connection.go_over(windows)
    action._connection = connection
    try:
        yield {**task_vars, "ansible_python_interpreter": _PYTHON}
    finally:
        with suppress(Exception):  # of a guest that went away nothing is left to clean
            action._remove_tmp_path(connection._shell.tmpdir)
        action._connection = windows
