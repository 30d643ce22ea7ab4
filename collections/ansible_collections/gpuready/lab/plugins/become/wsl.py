# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Another user of a WSL guest, without a password: wsl.exe --user."""

from __future__ import annotations

DOCUMENTATION = r"""
name: wsl
author: The gpuready authors (@gpuready)
short_description: Become another user of a WSL guest by C(wsl.exe --user)
description:
  - WSL lets the Windows user to whom a distribution belongs be any user in it, root too, and asks for no password.
  - Works over P(gpuready.lab.wsl#connection) alone. Over another connection the task fails.
version_added: "1.0.0"
options:
  become_user:
    description: The Linux user.
    type: str
    default: root
    keyword: [{name: become_user}]
    vars: [{name: ansible_become_user}]
  become_pass:
    description: Not used.
    type: str
    keyword: [{name: become_pass}]
  become_exe:
    description: Not used.
    type: str
    keyword: [{name: become_exe}]
  become_flags:
    description: Not used.
    type: str
    default: ''
    keyword: [{name: become_flags}]
"""

from typing import Any

from ansible.plugins.become import BecomeBase

from ..plugin_utils import guest


class BecomeModule(BecomeBase):
    """Marks a command for the connection, which runs it as that user."""

    name = "gpuready.lab.wsl"

    def build_become_command(self, cmd: str, shell: Any) -> str:
        """The command as it fails everywhere but in the hands of gpuready.lab.wsl."""
        super().build_become_command(cmd, shell)
        return guest.ONLY_WSL + str(self._build_success_command(cmd, shell)) if cmd else cmd
