"""gpuready.lab.wsl on a real PowerShell: wsl.exe is the model, the guest a whole Linux of its own.

Over winrm and psrp on a machine; over ssh with a real sshd, behind which the engine for Linux runs.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from winlab import testing
from winlab.linux import Linux
from winlab.ssh import Ssh

GUEST = {
    "ansible_connection": "gpuready.lab.wsl",
    "ansible_wsl_distribution": "g",
    "ansible_shell_type": "sh",
    "ansible_python_interpreter": "/usr/bin/python3",
}
STUDENT, ROOT_PASSWORD = "wörd of a student", 'root\'s "own" wörd'
MEGABYTES = 10
# A repository of one package, the only one that the guest knows.
REPOSITORY = """set -e
mkdir -p /srv/hello/DEBIAN /srv/hello/usr/share
cat >/srv/hello/DEBIAN/control
echo hello >/srv/hello/usr/share/gpuready-hello
cd /srv
dpkg-deb --root-owner-group --build hello hello.deb
{ cat hello/DEBIAN/control
  echo "Filename: ./hello.deb"
  echo "Size: $(stat -c %s hello.deb)"
  echo "SHA256: $(sha256sum <hello.deb | cut -d' ' -f1)"; } >Packages
rm -rf hello /etc/apt/sources.list.d/*
echo "deb [trusted=yes] file:/srv ./" >/etc/apt/sources.list"""
Task = dict[str, Any]
Play = Callable[..., dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def linux() -> Iterator[Linux]:
    with Linux(watched=True) as guest:
        guest.root("useradd -m -s /bin/bash -G sudo student && chpasswd", f"student:{STUDENT}\nroot:{ROOT_PASSWORD}\n")
        yield guest


@pytest.fixture
def play(winlab_machine: Any, linux: Linux) -> Play:
    """Runs tasks in the guest; the results by the tasks' names."""
    pc = winlab_machine("wsl", programs=linux.programs)

    def run(tasks: dict[str, Task], connection: str = "winrm", **variables: Any) -> dict[str, dict[str, Any]]:
        listed = [
            {"name": name, "ignore_errors": True, "ignore_unreachable": True} | one for name, one in tasks.items()
        ]
        with Ssh(linux) if connection == "ssh" else nullcontext() as ssh:
            reached = ssh.variables if ssh else {"ansible_wsl_windows_connection": f"ansible.builtin.{connection}"}
            one = {"hosts": "all", "gather_facts": False, "vars": {**GUEST, **reached, **variables}, "tasks": listed}
            how = "winrm" if ssh else connection
            return dict(testing.results(testing.ansible(pc, playbook=[one], connection=how), pc.name))

    return run


def test_nothing_runs_outside_the_guest() -> None:
    """Whoever enters something else than the guest, such as this computer, ends before the command."""
    with Linux() as other:
        assert other.root("echo there").stdout == "there\n"
        other._pid = os.getpid()
        found = other.root("echo there", check=False)
        assert (found.returncode, found.stdout, found.stderr) == (125, "", "this is not the guest\n")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def shell(command: str, **more: Any) -> Task:
    return {"ansible.builtin.shell": command} | more


@pytest.mark.parametrize("connection", ["winrm", "psrp", "ssh"])
def test_modules_work_in_the_guest(play: Play, linux: Linux, tmp_path: Path, connection: str) -> None:
    name, text, fetched = f"/root/a päth {connection}", "päth\n" * 200_000, tmp_path / "fetched"
    words = ['x "y" é', "it's $HOME `id` %PATH% \\", "a\nb", "日本 😀", ""]
    copy = {"ansible.builtin.copy": {"content": text, "dest": name, "mode": "0640"}}
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
            "become": shell("id -un", become=True, become_method="ansible.builtin.sudo"),
            "unreachable": {"ansible.builtin.ping": {}, "vars": {"ansible_wsl_distribution": "other"}},
        },
        connection,
        ansible_become_password="never asked for",
    )
    facts = said["setup"].get("ansible_facts", {})
    assert facts.get("ansible_distribution") == "Debian", said["setup"].get("msg")
    assert said["command"]["stdout"] == "".join(f"{word}|" for word in words) + "ü", said["command"]
    assert [said[one]["changed"] for one in ("copy", "again")] == [True, False], said["copy"]
    assert said["stat"]["stat"]["mode"] == "0640"
    assert fetched.read_text() == text
    assert (said["67"]["rc"], said["67"]["stdout"].split(), said["67"]["stderr"].split()) == (67, ["out"], ["err"])
    assert said["become"]["stdout"] == "root", said["become"]
    assert "WSL_NO_DISTRIBUTION: " in said["unreachable"]["msg"]
    linux.root(f"rm '{name}'")


def test_ten_megabytes_go_in_and_come_out(play: Play, linux: Linux, tmp_path: Path) -> None:
    """The module `command` writes all of its stdin before it reads, so the program has to read all before it writes."""
    source, fetched, given = tmp_path / "source", tmp_path / "fetched", os.urandom(MEGABYTES * 2**19).hex()
    source.write_bytes(os.urandom(MEGABYTES * 2**20))
    said = play(
        {
            "copy": {"ansible.builtin.copy": {"src": str(source), "dest": "/root/big"}},
            "fetch": {"ansible.builtin.fetch": {"src": "/root/big", "dest": str(fetched), "flat": True}},
            "command": {
                "ansible.builtin.command": {
                    "argv": ["sh", "-c", "cat >/root/in && cat /root/in"],
                    "stdin": given,
                    "stdin_add_newline": False,
                }
            },
        }
    )
    there = linux.root("sha256sum </root/big && sha256sum </root/in && rm /root/big /root/in").stdout.split()[::2]
    assert there == [sha256(source.read_bytes()), sha256(given.encode())], (said["copy"], said["command"].get("msg"))
    assert sha256(fetched.read_bytes()) == there[0], said["fetch"]
    assert sha256(said["command"]["stdout"].encode()) == there[1]


def test_packages_of_debian_and_of_python(play: Play, linux: Linux, tmp_path: Path) -> None:
    """From a repository and a folder of wheels in the guest: installed, there already, gone."""
    control = "Package: gpuready-hello\nVersion: 1.0\nArchitecture: all\nMaintainer: nobody\nDescription: says hello\n"
    linux.root(REPOSITORY, control)
    with zipfile.ZipFile(wheel := tmp_path / "gpuready_hello-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("gpuready_hello.py", "print('hello')\n")
        about = "gpuready_hello-1.0.dist-info"
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: gpuready-hello\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    apt: Task = {"ansible.builtin.apt": {"name": "gpuready-hello=1.0", "update_cache": True}}
    pip: Task = {
        "ansible.builtin.pip": {
            "name": "gpuready-hello==1.0",
            "extra_args": "--no-index --find-links /srv",
            "break_system_packages": True,
        }
    }
    said = play(
        {
            "wheel": {"ansible.builtin.copy": {"src": str(wheel), "dest": "/srv/"}},
            "apt": apt,
            "apt again": {"ansible.builtin.apt": {"name": "gpuready-hello=1.0"}},
            "apt unknown": {"ansible.builtin.apt": {"name": "gpuready-none"}},
            "pip": pip,
            "pip again": pip,
            "both": shell("cat /usr/share/gpuready-hello && python3 -m gpuready_hello"),
            "apt gone": {"ansible.builtin.apt": {"name": "gpuready-hello", "state": "absent", "purge": True}},
            "pip gone": {
                "ansible.builtin.pip": {"name": "gpuready-hello", "state": "absent", "break_system_packages": True}
            },
        }
    )
    changed = {name: said[name].get("changed") for name in said}
    for name in ("apt", "pip"):
        steps = [changed[name], changed[f"{name} again"], changed[f"{name} gone"]]
        assert steps == [True, False, True], {step: said[step] for step in said if name in step}
    assert said["both"]["stdout"].split() == ["hello", "hello"], said["both"]
    assert "gpuready-none" in said["apt unknown"]["msg"]
    left = linux.root("test ! -e /usr/share/gpuready-hello; echo $?; python3 -m gpuready_hello 2>&1", check=False)
    assert left.stdout.startswith("0\n")
    assert "No module named gpuready_hello" in left.stdout


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
    assert linux.seen
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
        assert said[name].get("unreachable"), (name, said[name])
        assert code in said[name]["msg"], said[name]
        assert said[name]["msg"].endswith("."), said[name]
    assert "(Wsl/Service/WSL_E_DISTRO_NOT_FOUND)" in said["no distribution"]["msg"]
    assert "'a b' is no name of a distribution or user: correct ansible_wsl_user" in said["a name that is none"]["msg"]
    assert said["no file"]["failed"]
