"""gpuready.lab.wsl on a real PowerShell: wsl.exe is the model, the guest a whole Linux of its own."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from winlab import testing
from winlab.linux import Linux

GUEST = {
    "ansible_connection": "gpuready.lab.wsl",
    "ansible_wsl_distribution": "g",
    "ansible_shell_type": "sh",
    "ansible_python_interpreter": "/usr/bin/python3",
}
STUDENT, ROOT_PASSWORD = "wörd of a student", 'root\'s "own" wörd'
BIG = os.urandom(5 * 2**20).hex()  # 10 MB of text
Task = dict[str, Any]
Play = Callable[..., dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def linux() -> Iterator[Linux]:
    with Linux() as guest:
        guest.root("useradd -m -s /bin/bash -G sudo student && chpasswd", f"student:{STUDENT}\nroot:{ROOT_PASSWORD}\n")
        yield guest


@pytest.fixture(scope="module", params=["winrm", "psrp"])
def play(request: pytest.FixtureRequest, winlab_machine: Any, linux: Linux) -> Play:
    """Runs tasks in the guest; the results by the tasks' names."""
    connection = request.param
    pc = winlab_machine(f"wsl-{connection}", programs=linux.programs)
    reached = {"ansible_wsl_windows_connection": f"ansible.builtin.{connection}"}

    def run(tasks: dict[str, Task], **variables: Any) -> dict[str, dict[str, Any]]:
        listed = [
            {"name": name, "ignore_errors": True, "ignore_unreachable": True} | one for name, one in tasks.items()
        ]
        one = {"hosts": "all", "gather_facts": False, "vars": {**GUEST, **reached, **variables}, "tasks": listed}
        return dict(testing.results(testing.ansible(pc, playbook=[one], connection=connection), pc.name))

    return run


def shell(command: str, **more: Any) -> Task:
    return {"ansible.builtin.shell": command} | more


def test_modules_work_in_the_guest(play: Play, linux: Linux, tmp_path: Path) -> None:
    name, fetched = "/root/a päth", tmp_path / "fetched"
    words = ['x "y" é', "it's $HOME `id` %PATH% \\", "a\nb", "日本 😀", ""]
    copy = {"ansible.builtin.copy": {"content": "päth\n", "dest": name, "mode": "0640"}}
    said = play(
        {
            "setup": {"ansible.builtin.setup": {"gather_subset": ["min"]}},
            "command": {
                "ansible.builtin.command": {
                    "argv": ["sh", "-c", 'printf "%s|" "$@"; cat', "sh", *words],
                    "stdin": "ü",
                    "expand_argument_vars": False,
                }
            },
            "copy": copy,
            "again": copy,
            "stat": {"ansible.builtin.stat": {"path": name}},
            "fetch": {"ansible.builtin.fetch": {"src": name, "dest": str(fetched), "flat": True}},
            "67": {"ansible.builtin.raw": "echo out; echo err >&2; exit 67"},
        }
    )
    facts = said["setup"].get("ansible_facts", {})
    assert facts.get("ansible_distribution") == "Debian", said["setup"].get("msg")
    assert said["command"]["stdout"] == "".join(f"{word}|" for word in words) + "ü", said["command"]
    assert [said[one]["changed"] for one in ("copy", "again")] == [True, False], said["copy"]
    assert said["stat"]["stat"]["mode"] == "0640"
    assert fetched.read_text() == "päth\n"
    assert (said["67"]["rc"], said["67"]["stdout"].split(), said["67"]["stderr"].split()) == (67, ["out"], ["err"])
    linux.root(f"rm '{name}'")


def test_ten_megabytes_go_in_and_come_out(play: Play, linux: Linux, tmp_path: Path) -> None:
    source, fetched = tmp_path / "source", tmp_path / "fetched"
    source.write_bytes(bytes.fromhex(BIG) * 2)
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
    said = play(
        {
            "copy": {"ansible.builtin.copy": {"src": str(source), "dest": "/root/big"}},
            "fetch": {"ansible.builtin.fetch": {"src": "/root/big", "dest": str(fetched), "flat": True}},
            "command": {"ansible.builtin.command": {"argv": ["cat"], "stdin": BIG, "stdin_add_newline": False}},
        }
    )
    assert linux.root("sha256sum /root/big; rm /root/big").stdout.split()[0] == sha256, said["copy"]
    assert hashlib.sha256(fetched.read_bytes()).hexdigest() == sha256, said["fetch"]
    assert said["command"]["stdout"] == BIG


def test_another_user_of_the_guest(play: Play, linux: Linux) -> None:
    """sudo and su get the password on standard input, wsl.exe --user needs none; one not asked for does no harm."""
    linux.lines.clear()
    who = {"ansible.builtin.command": {"argv": ["sh", "-c", "id -un; cat"], "stdin": "given"}, "become": True}
    sudo = {"become_method": "ansible.builtin.sudo"}
    su = {"become_method": "ansible.builtin.su"}
    wsl = {"become_method": "gpuready.lab.wsl"}
    no_password = {"vars": {"ansible_become_password": None}}
    run = {
        "sudo": who | sudo,
        "su": who | su | {"vars": {"ansible_become_password": ROOT_PASSWORD}},
        "wsl": who | wsl | no_password,
        "wsl student": who | wsl | {"become_user": "student", "vars": {"ansible_wsl_user": "root"}},
        "not asked": who | sudo | {"become_user": "student", "vars": {"ansible_wsl_user": "root"}},
        "copy": {"ansible.builtin.copy": {"content": "x", "dest": "/root/owned"}, "become": True} | sudo,
        "not pipelined": who | sudo | {"vars": {"ansible_pipelining": False}},
        "raw": {"ansible.builtin.raw": "id -un >&2", "become": True} | sudo,
        "wrong": who | sudo | {"vars": {"ansible_become_password": "no"}},
        "wrong su": who | su | {"vars": {"ansible_become_password": "no"}},
        "none": who | sudo | no_password,
    }
    said = play(run, ansible_wsl_user="student", ansible_become_password=STUDENT)
    for name, user in {
        "sudo": "root",
        "su": "root",
        "wsl": "root",
        "wsl student": "student",
        "not asked": "student",
        "not pipelined": "root",
    }.items():
        assert said[name].get("stdout") == f"{user}\ngiven", (name, said[name])
    assert linux.root("stat -c %U /root/owned; rm /root/owned").stdout == "root\n", said["copy"]
    assert said["raw"]["stderr"].split() == ["root"]
    assert "sudo in the guest does not take the password: correct ansible_become_password" in said["wrong"]["msg"]
    assert "su in the guest does not take the password" in said["wrong su"]["msg"]
    assert "set ansible_become_password, or become_method gpuready.lab.wsl" in said["none"]["msg"]
    assert linux.lines
    assert not [one for one in linux.lines if STUDENT in one or ROOT_PASSWORD in one]
    assert not [one for one in linux.seen if "wörd" in one]


def test_tasks_run_on_while_nobody_waits(play: Play, linux: Linux) -> None:
    """Started, found at work, let go on by the guest, asked for again; and some that are waited for."""
    linux.root("rm -f /root/go")
    background = shell(
        "until test -e /root/go; do sleep 0.2; done; echo päth", **{"async": 300, "poll": 0, "register": "job"}
    )
    status = {"ansible.builtin.async_status": {"jid": "{{ job.ansible_job_id }}"}}
    said = play(
        {
            "start": background,
            "at work": status,
            "go": shell("touch /root/go"),
            "done": status | {"register": "result", "until": "result is finished", "retries": 30, "delay": 1},
            "clean": {"ansible.builtin.async_status": {"jid": "{{ job.ansible_job_id }}", "mode": "cleanup"}},
            "waited for": shell("id -un", **{"async": 120, "poll": 1}),
            "as another": shell(
                "id -un",
                become=True,
                become_user="student",
                become_method="gpuready.lab.wsl",
                **{"async": 120, "poll": 1},
            ),
            "too slow": shell("sleep 60", **{"async": 2, "poll": 1}),
        }
    )
    assert not said["at work"]["finished"], said
    assert said["done"]["finished"]
    assert said["done"]["stdout"] == "päth"
    assert said["waited for"]["stdout"] == "root", said["waited for"]
    assert said["as another"]["stdout"] == "student", said["as another"]
    assert said["too slow"]["failed"]
    assert linux.root("ls /root/.ansible_async").stdout.split() == [], "what is done is cleaned up"


def test_errors_of_wsl_have_a_code_and_a_next_step(play: Play, linux: Linux) -> None:
    ping = {"ansible.builtin.ping": {}}
    said = play(
        {
            "no distribution": ping | {"vars": {"ansible_wsl_distribution": "other"}},
            "no user": ping | {"vars": {"ansible_wsl_user": "nobody-of-that-name"}},
            "no program": ping | {"vars": {"ansible_wsl_program": r"C:\nowhere\wsl.exe"}},
            "a name that is none": ping | {"vars": {"ansible_wsl_user": "a b"}},
            "no file": {"ansible.builtin.fetch": {"src": "/root/none", "dest": "/tmp/x", "flat": True}},
        }
    )
    linux.during = linux.end
    try:
        said |= play({"ended": ping})
    finally:
        linux.during = lambda: None
    for name, code in {
        "no distribution": "WSL_NO_DISTRIBUTION: ",
        "no user": "WSL_E_USER_NOT_FOUND: ",
        "no program": "WSL_PROGRAM_MISSING: ",
        "ended": "WSL_GUEST_ENDED: ",
    }.items():
        assert said[name]["unreachable"], (name, said[name])
        assert code in said[name]["msg"], said[name]
        assert said[name]["msg"].endswith("."), said[name]
    assert "(Wsl/Service/WSL_E_DISTRO_NOT_FOUND)" in said["no distribution"]["msg"]
    assert "'a b' is no name of a distribution or user: correct ansible_wsl_user" in said["a name that is none"]["msg"]
    assert said["no file"]["failed"]
