"""What the tests of simulated PCs share: addresses of their own, and a program run by WinRM."""

from __future__ import annotations

import os

import winrm

PORT = 15971
# Workers of pytest-xdist have addresses of their own.
NET = f"127.{1 + int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:])}"


def command(protocol: winrm.Protocol, line: str) -> tuple[bytes, bytes, int]:
    shell = protocol.open_shell()
    try:
        running = protocol.run_command(shell, line)
        answer: tuple[bytes, bytes, int] = protocol.get_command_output(shell, running)
        protocol.cleanup_command(shell, running)
        return answer
    finally:
        protocol.close_shell(shell)
