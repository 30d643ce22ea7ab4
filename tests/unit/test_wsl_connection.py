"""gpuready.lab.wsl over a Windows connection that runs what it is given here: passwords, files, and what fails."""

from __future__ import annotations

import base64
import hashlib
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible import constants
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import become_loader
from ansible_collections.gpuready.lab.plugins.become import wsl as become_wsl
from ansible_collections.gpuready.lab.plugins.connection import wsl

from gpuready.simlab.wsl import line

PASSWORD = 'it\'s "a" wörd'
SUDO = """#!/bin/sh
# asks as sudo -S does: one line, byte by byte; three times
[ "$1" = -H ] && shift; [ "$1" = -S ] && shift; [ "$1" = -n ] && { echo "sudo: a password is required" >&2; exit 1; }
if [ "$1" = -p ]; then
    printf '%s' "$2" >&2
    for try in 1 2 3; do
        [ -n "$FREE" ] || IFS= read -r given
        [ -n "$FREE" ] || [ "$given" = "$WANTED" ] && { shift 2; [ "$1" = -u ] && shift 2; exec "$@"; }
        echo "Sorry, try again." >&2
    done
    exit 1
fi
echo "sudo: fell over" >&2; exit 1
"""


class Here:
    """A Windows connection that runs a request on this computer."""

    def __init__(self, **environment: str) -> None:
        self.environment, self.lines, self.users = environment, [], []  # type: ignore[var-annotated]

    def exec_command(self, cmd: str, in_data: bytes, sudoable: bool) -> tuple[int, bytes, bytes]:
        program, arguments, *data = (base64.b64decode(one).decode("latin-1") for one in in_data.split())
        asked = line.top("wsl.exe " + arguments.encode("latin-1").decode())
        assert isinstance(asked, line.Launch)
        self.lines.append(cmd + program + arguments.encode("latin-1").decode())
        self.users.append(asked.user)
        stdin = "".join(data).encode("latin-1")
        done = subprocess.run(
            asked.argv or (), input=stdin, capture_output=True, check=False, env=os.environ | self.environment
        )
        out, err = (base64.b64encode(one).decode() for one in (done.stdout, done.stderr))
        return 0, f"O:{out}\r\nE:{err}\r\nX:{done.returncode}\r\n".encode(), b""


@pytest.fixture
def here(tmp_path: Path) -> Here:
    (tmp_path / "sudo").write_text(SUDO)
    (tmp_path / "sudo").chmod(0o755)
    return Here(PATH=f"{tmp_path}:{os.environ['PATH']}", WANTED=PASSWORD)


def ours(module: Any, plugin: Any) -> Any:
    """A plugin of ours with its options, which Ansible's loader finds only in a collection on a disk of its own."""
    kind = module.__name__.split(".")[-2]
    options = yaml.safe_load(module.DOCUMENTATION)["options"]
    constants.config.initialize_plugin_configuration_definitions(kind, "gpuready.lab.wsl", options)
    plugin._load_name = plugin._original_path = "gpuready.lab.wsl"
    plugin._redirected_names = []
    return plugin


def guest(here: Here, method: str = "", **options: Any) -> Any:
    connection = ours(wsl, wsl.Connection(PlayContext(), None))
    connection.set_options(var_options={"ansible_wsl_user": "student"})
    connection._connected, connection._windows = True, here
    if method:
        become = ours(become_wsl, become_wsl.BecomeModule()) if "gpuready" in method else become_loader.get(method)
        become.set_options(direct={"become_user": "root", **options})
        connection.set_become_plugin(become)
    return connection


def run(connection: Any, text: str, data: bytes = b"") -> tuple[int, bytes, bytes]:
    command = connection.become.build_become_command(text, connection._shell)
    done: tuple[int, bytes, bytes] = connection.exec_command(f"/bin/sh -c {shlex.quote(command)}", data)
    return done


@pytest.mark.parametrize("free", ["", "yes"])
@pytest.mark.parametrize("data", [b"", b"line\n\xff and more", b"x" * 100_000])
def test_a_password_goes_by_standard_input_and_the_command_gets_the_rest(here: Here, free: str, data: bytes) -> None:
    here.environment["FREE"] = free
    connection = guest(here, "sudo", become_pass=PASSWORD)
    rc, out, err = run(connection, "cat; echo err >&2; exit 3", data)
    assert (rc, connection.become.strip_become_success(out), err.strip()) == (3, data, b"err")
    assert PASSWORD not in "".join(here.lines)


def test_a_password_that_is_not_right_is_no_fault_of_the_module(here: Here) -> None:
    connection = guest(here, "sudo", become_pass="other")
    with pytest.raises(AnsibleError, match="does not take the password: correct ansible_become_password"):
        run(connection, "cat", b"data\n" * 5)


def test_a_password_that_is_missing_is_told(here: Here) -> None:
    with pytest.raises(AnsibleError, match="wants a password: set ansible_become_password, or become_method"):
        run(guest(here, "sudo"), "cat")


def test_what_else_stops_a_become_is_told(here: Here) -> None:
    connection = guest(here, "sudo", become_flags="-x")
    with pytest.raises(AnsibleError, match=r"failed with exit code 1 \(sudo: fell over\): mend it"):
        run(connection, "cat")


def test_wsl_is_asked_for_another_user(here: Here) -> None:
    connection = guest(here, "gpuready.lab.wsl")
    rc, out, _ = run(connection, "cat", b"data")
    assert (rc, connection.become.strip_become_success(out), here.users) == (0, b"data", ["root"])
    command = connection.become.build_become_command("true", connection._shell)
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, ""), "over another connection nobody is another user"
    assert "over the connection gpuready.lab.wsl alone" in done.stderr
    connection.exec_command("true", sudoable=False)
    assert here.users == ["root", "student"]


def test_a_user_that_is_no_name_does_not_come_on_the_line(here: Here) -> None:
    with pytest.raises(AnsibleError, match=r"'root --shutdown' is no name .*: correct become_user"):
        run(guest(here, "gpuready.lab.wsl", become_user="root --shutdown"), "true")


@pytest.mark.parametrize("size", [0, 1, 2**23 - 1, 2**23, 2**23 + 1, 10 * 2**20])
def test_a_file_goes_in_and_comes_out(here: Here, tmp_path: Path, size: int) -> None:
    source, there, back = tmp_path / "source", tmp_path / 'it\'s "there"', tmp_path / "back"
    source.write_bytes(os.urandom(1024) * (size // 1024) + bytes(size % 1024))
    connection = guest(here)
    connection.put_file(str(source), str(there))
    assert len(here.lines) == max(1, -(-size // 2**23)), "a piece is one command"
    connection.fetch_file(str(there), str(back))
    digests = {hashlib.sha256(one.read_bytes()).hexdigest() for one in (source, there, back)}
    assert len(digests) == 1
    assert not list(tmp_path.glob("*.gpuready-new"))


def test_a_file_that_changed_on_the_way_does_not_take_its_name(here: Here, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"new")
    (tmp_path / "there").write_bytes(b"old")
    here.environment["PATH"] = f"{tmp_path}:{os.environ['PATH']}"
    (tmp_path / "sha256sum").write_text("#!/bin/sh\necho 0  -\n")
    (tmp_path / "sha256sum").chmod(0o755)
    with pytest.raises(AnsibleError, match=r"its sha256 there is not that of .*source: run again"):
        guest(here).put_file(str(tmp_path / "source"), str(tmp_path / "there"))
    assert (tmp_path / "there").read_bytes() == b"old"
    with pytest.raises(AnsibleError, match="its sha256 here is not that in the guest"):
        guest(here).fetch_file(str(tmp_path / "there"), str(tmp_path / "back"))


def test_a_folder_that_is_not_there_is_told(here: Here, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"new")
    with pytest.raises(AnsibleError, match=r"none/there in the guest: .*none/there"):
        guest(here).put_file(str(tmp_path / "source"), str(tmp_path / "none/there"))


def test_a_windows_that_says_nothing_of_use_is_unreachable(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(here, "exec_command", lambda *_, **__: (1, b"", b"Access is denied."))
    with pytest.raises(AnsibleConnectionFailure, match=r"^WSL_NO_ANSWER: .*\(exit code 1 Access is denied\.\)"):
        guest(here).exec_command("true")


def test_modules_travel_with_the_command_unless_asked_otherwise(here: Here) -> None:
    connection = guest(here)
    assert connection.is_pipelining_enabled()
    assert not connection.is_pipelining_enabled(wrap_async=True)
    connection._windows = None
    connection.set_options(var_options={"ansible_pipelining": False})
    assert not connection.is_pipelining_enabled()
