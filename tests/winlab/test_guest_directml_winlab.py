"""DirectML in a WSL guest: the guides' own way for who knows Linux, through wsl.exe of a Windows PC.

TensorFlow 1.15 comes there as the plan leads: the PC's guest is imported, built, trained in and offered. The two newer
stacks take the guest as a host of its own.

The guest is a whole Linux that says it is WSL's; Microsoft's DirectML for Linux does the work, over a Direct3D 12 of
software (tests/guestgpu). TF_DIRECTML_PATH names the copy under the MIT licence: TensorFlow's own, licensed for Windows
alone, is never loaded.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import apt_help
from guest_help import LIBRARIES, Guest, give_gpu, give_python, word
from guestgpu_help import libraries
from winlab import Machine, testing
from winlab.linux import Linux
from winlab.subsystem import RealSubsystem

from gpuready.simlab.schema import Pc
from gpuready.simlab.subsystem import WSL

CARD = "AMD Radeon RX 6800"
HOME = r"C:\ProgramData\gpuready"
SCENARIO = Pc.model_validate(
    {
        "name": "guest-directml",
        "gpus": [
            {
                "name": CARD,
                "vendor": "amd",
                "device": "73BF",
                "memory": 17163091968,
                "driver": {"version": "31.0.24002.92", "radeon_software": "24.3.1"},
            }
        ],
        "machine": {"hypervisor": True},
        "features": {"VirtualMachinePlatform": "Enabled", "Microsoft-Windows-Subsystem-Linux": "Disabled"},
        "wsl": {"version": "2.6.3.0", "distributions": [{"name": "g"}]},
    }
)
DIRECTML = "/srv/directml"
VARIABLES = {"TF_DIRECTML_PATH": DIRECTML, "OMP_NUM_THREADS": "2"}
NO_INTERPRETERS = "127.0.0.1 github.com releases.astral.sh objects.githubusercontent.com"
LOCK = testing.CHECKOUT / "collections/ansible_collections/gpuready/lab/stacks/locks/torch-directml-linux_x86_64.txt"
PYPI = """torch===2.4.1 \\
    --hash=sha256:0b5f88afdfa05a335d80351e3cea57d38e578c8689f751d35e0ff36bce872113
    """
pytestmark = pytest.mark.slow


def give_directml(linux: Linux) -> None:
    """The copy of DirectML that may be used on Linux."""
    shutil.copytree(libraries() / "directml", linux.path(DIRECTML), dirs_exist_ok=True)


def training(linux: Linux) -> bool:
    """Whether the trainer computes in the guest: TensorFlow has opened DirectML."""
    found = linux.root("grep -l libdirectml /proc/[0-9]*/maps 2>/dev/null", check=False)
    return bool(found.stdout)


@pytest.fixture(scope="module")
def way(machine_from_scenario: Callable[..., Machine]) -> Iterator[tuple[Machine, Linux, RealSubsystem]]:
    """A PC with WSL. One Linux is behind what is imported there, and behind `g`: stacks share it in turn."""
    with Linux(size="8g") as linux:
        give_gpu(linux, libraries())
        give_directml(linux)
        subsystem = RealSubsystem(SCENARIO, linux)
        pc = machine_from_scenario(SCENARIO, programs=subsystem.programs, adapter="")
        subsystem.attach(pc)
        for one in subsystem.model.me.distributions.values():
            subsystem.model.files.write(one.disk, b"")
        yield pc, linux, subsystem


@pytest.fixture(scope="module")
def guest(
    way: tuple[Machine, Linux, RealSubsystem], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Guest]:
    """The guest as a host of its own, for a stack."""
    pc, linux, _ = way
    return lambda stack: Guest(pc, linux, tmp_path_factory.mktemp("guest"), stack, VARIABLES)


@pytest.fixture(scope="module")
def tensorflow1(guest: Callable[[str], Guest]) -> Guest:
    return guest("tensorflow-directml")


@pytest.fixture(scope="module")
def led(way: tuple[Machine, Linux, RealSubsystem], tmp_path_factory: pytest.TempPathFactory) -> Guest:
    """The guides' whole way: the PC is the host, the lab says who its students are and gives an archive."""
    pc, linux, subsystem = way
    folder = tmp_path_factory.mktemp("led")
    (one,) = subsystem.model.me.distributions.values()
    archive = subsystem.guests.pack(one, "tar.gz")
    (folder / "root.tar.gz").write_bytes(archive)
    wishes = {
        "gpuready_experience": "student",
        "gpuready_library": "tensorflow",
        "gpuready_knows_linux": True,
        "wsl_archive": {"path": str(folder / "root.tar.gz"), "sha256": hashlib.sha256(archive).hexdigest()},
        "wsl_students": "present",
        "wsl_students_list": "alone",
    }
    return Guest(pc, linux, folder, "auto", VARIABLES, host={}, wishes=wishes)


@pytest.fixture(scope="module")
def ended(led: Guest) -> dict[str, Any]:
    """A training whose guest somebody ends while it computes."""
    give_python(led.linux, "3.7")
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(led.play, "provision", gpu_verify_options={"steps": 1_000_000})
        while not training(led.linux) and not run.done():
            time.sleep(1)
        assert not run.done(), run.result()["verdict"]
        led.pc.run([WSL, "--terminate", "gpuready"])
        return run.result()


@pytest.fixture(scope="module")
def ready1(led: Guest, ended: dict[str, Any]) -> dict[str, Any]:
    record = led.play("provision")
    assert word(record) == ("READY", "TRAINED"), (record["verdict"], record["troubles"], record.get("training"))
    return record


def test_a_guest_that_is_ended_in_the_middle_of_a_training(ended: dict[str, Any], ready1: dict[str, Any]) -> None:
    assert ended["apply"]["environment"]["built"] is True
    assert word(ended) == ("NOT_READY", "WSL_GUEST_ENDED"), ended["verdict"]
    assert "wsl --shutdown" in ended["verdict"]["next_step"]
    assert ready1["apply"]["environment"]["built"] is False
    assert ready1["verdict"]["reused"] is False


def test_a_second_run_changes_nothing(led: Guest, ready1: dict[str, Any]) -> None:
    again = led.play("provision", gpu_verify_train="when_changed")
    assert (word(again), again["verdict"]["reused"], led.changed) == (("READY", "TRAINED"), True, 0), again["verdict"]
    assert led.commands <= 5


def test_the_guest_that_was_proven_is_offered(led: Guest, ready1: dict[str, Any]) -> None:
    offer = ready1["apply"]["offer"]
    assert ready1["verdict"]["fingerprint"]["export"] == offer["sha256"]
    export = led.pc.path(rf"{HOME}\wsl\gpuready-{offer['sha256'][:12]}.wsl")
    with tarfile.open(export) as tar:
        assert "tensorflow-directml" in tar.getmember("opt/gpuready/bin/tensorflow-directml").name
        conf = tar.extractfile("etc/wsl.conf")
        assert conf is not None
        assert "default = student" in conf.read().decode()
    assert led.pc.path(offer["launcher"]).is_file()
    assert offer["launcher"] in led.pc.path(rf"{HOME}\README.txt").read_text()


def test_tensorflow1_trains_in_the_guest(tensorflow1: Guest, ready1: dict[str, Any]) -> None:
    assert (ready1["plan"]["target"], ready1["plan"]["stack"]) == ("wsl", "tensorflow-directml")
    assert (ready1["facts"]["os"]["family"], ready1["facts"]["guest"]["os"]["wsl"]) == ("windows", True)
    training = ready1["training"]
    assert training["framework"]["version"].startswith("1.15")
    assert training["python"]["version"].startswith("3.7.")
    assert (training["device"]["name"], training["device"]["adapter_name"]) == ("/device:DML:0", CARD)
    assert training["device"]["fallbacks"] == []
    assert ready1["simulated"] is True


# What is done to the guest, and the code of a training then.
BROKEN = {
    "libd3d12.so is missing": (f"rm {LIBRARIES}/libd3d12.so; ldconfig", "D3D12_MISSING"),
    "the loader's cache was not built": ("rm /etc/ld.so.conf.d/ld.wsl.conf; ldconfig", "D3D12_MISSING"),
    "Windows' library needs a later glibc": (f"cp /srv/broken/libd3d12.so {LIBRARIES}; ldconfig", "GLIBC_TOO_OLD"),
    "DirectML's own library is missing": (f"rm {DIRECTML}/libdirectml.so", "DIRECTML_MISSING"),
    "/dev/dxg is missing": ("rm /dev/dxg", "DIRECTML_NO_ADAPTER"),
}


@pytest.fixture
def whole(tensorflow1: Guest) -> Iterator[Guest]:
    """The guest, which is given its GPU again after the test."""
    built = libraries()
    shutil.copytree(built / "broken", tensorflow1.linux.path("/srv/broken"), dirs_exist_ok=True)
    yield tensorflow1
    give_gpu(tensorflow1.linux, built)
    give_directml(tensorflow1.linux)


@pytest.mark.parametrize(("done", "code"), BROKEN.values(), ids=BROKEN)
def test_a_guest_whose_gpu_is_not_whole(whole: Guest, ready1: dict[str, Any], done: str, code: str) -> None:
    whole.linux.root(done)
    assert word(whole.train(ready1)) == ("NOT_READY", code)


def test_a_gpu_that_a_variable_hides(tensorflow1: Guest, ready1: dict[str, Any]) -> None:
    tried = tensorflow1.train(ready1, DML_VISIBLE_DEVICES="-1")
    assert word(tried) == ("NOT_READY", "DIRECTML_NO_ADAPTER")
    log = "\n".join(tried["training"]["process"]["stderr_tail"])
    opened = re.findall(r"opened dynamic library (\S*libdirectml\S*)", log)
    assert opened == [f"{DIRECTML}/libdirectml.so"], "the other copies are licensed for Windows alone"


def test_what_keeps_a_guest_from_a_stack_stands_in_the_plan(whole: Guest, ready1: dict[str, Any]) -> None:
    """No /dev/dxg and a C library that is too old are told in one run."""
    whole.linux.root("rm /dev/dxg")
    python = whole.linux.path("/srv/python")
    python.write_text('#!/bin/sh\nLD_PRELOAD=/srv/broken/libolder.so exec /usr/bin/python3 "$@"\n')
    python.chmod(0o755)
    record = whole.play("plan", ansible_python_interpreter="/srv/python")
    blockers = {one["code"] for one in record["plan"]["blockers"]}
    assert blockers >= {"NO_DXG", "GLIBC_TOO_OLD"}, record["plan"]
    assert word(record)[0] == "NOT_READY"
    assert word(record)[1] in blockers


def test_a_disk_that_is_too_small_and_one_that_fills_up(tensorflow1: Guest, led: Guest, ready1: dict[str, Any]) -> None:
    """The plan refuses the first; the second had the space when it was looked at."""
    tensorflow1.linux.root("mkdir /small; mount -t tmpfs -o size=64m,mode=755 tmpfs /small")
    planned = tensorflow1.play("plan", python_environment_home="/small/gpuready")
    assert word(planned) == ("NOT_READY", "DISK_SPACE"), planned["verdict"]
    told = tensorflow1.build(ready1, "/small/gpuready")
    assert (told["failed"], told["code"]) == (True, "DISK_FULL"), told
    assert told["next_step"]


def test_an_interpreter_that_cannot_be_had(tensorflow1: Guest, ready1: dict[str, Any]) -> None:
    there = "/usr/local/bin/python3.7"
    tensorflow1.linux.root(f"mv {there} /srv; cp /etc/hosts /etc/hosts.old; echo {NO_INTERPRETERS} >>/etc/hosts")
    told = tensorflow1.build(ready1, "/srv/gpuready")
    tensorflow1.linux.root(f"mv /srv/python3.7 {there}; cat /etc/hosts.old >/etc/hosts")
    assert (told["failed"], told["code"]) == (True, "INTERPRETER_MISSING"), told
    assert "3.7" in told["msg"]
    assert told["next_step"]


def test_a_cuda_toolkit_comes_from_a_repository_that_the_labs_key_signed(tensorflow1: Guest, tmp_path: Path) -> None:
    """The role cuda in a guest: a display driver that the toolkit would bring along stays out."""
    linux = tensorflow1.linux
    linux.root("apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-apt >/dev/null")
    linux.root("rm -rf /etc/apt/sources.list*; mkdir -p /etc/apt/sources.list.d /var/lib/apt/periodic")
    packages = {"cuda-toolkit-12-9": "Recommends: cuda-drivers\n", "cuda-drivers": ""}
    key, other = (apt_help.key(tmp_path / name) for name in ("labs", "another"))
    place = apt_help.repository(tmp_path, packages, key)

    def toolkit(key: Path, sha256: str = "", check: bool = False) -> tuple[int, str]:
        """How much the role changes, and the message of the task that failed."""
        there = {"path": str(key), "sha256": sha256 or hashlib.sha256(key.read_bytes()).hexdigest()}
        record = {"facts": {"os": {"family": "linux", "wsl": True}, "guest": None}, "plan": {"target": "linux"}}
        tasks: list[dict[str, Any]] = [
            {"ansible.builtin.set_fact": {"gpuready": record, "cacheable": True}},
            {"ansible.builtin.include_role": {"name": "gpuready.lab.cuda", "tasks_from": "toolkit"}},
        ]
        given = {"cuda_toolkit": "12.9", "cuda_repository": url, "cuda_repository_key": there}
        play = {"hosts": "all", "gather_facts": False, "vars": {**tensorflow1.host, **given}, "tasks": tasks}
        run = testing.ansible(tensorflow1.pc, playbook=[play], check=check)
        found = [one for _, one in testing.results(run, tensorflow1.pc.name)]
        return sum(bool(one.get("changed")) for one in found), str(found[-1].get("msg")) if run["rc"] else ""

    def installed() -> set[str]:
        return set(linux.root("dpkg-query -W -f '${Package}\\n'").stdout.split()) & set(packages)

    with apt_help.served(place) as url:
        assert "HASH_MISMATCH" in toolkit(key, "0" * 64)[1]
        changed, why = toolkit(other)
        assert (changed, installed()) == (3, set()), why
        assert "InRelease" in why, why
        linux.root("touch /var/lib/apt/periodic/update-success-stamp")  # the guest has just read what else there is
        assert (toolkit(key, check=True), installed()) == ((2, ""), set())
        assert toolkit(key) == (2, "")
        assert installed() == {"cuda-toolkit-12-9"}
        assert toolkit(key) == (0, "")
    assert "no installation candidate" in linux.root("apt-get install -y cuda-drivers 2>&1", check=False).stdout


# The two newer stacks, each in the guest in which the one before trained.


def test_tensorflow2_trains_in_the_guest(guest: Callable[[str], Guest]) -> None:
    found = guest("tensorflow-directml-plugin")
    found.linux.root("rm -r /opt/gpuready")
    give_python(found.linux, "3.10")
    record = found.play("provision")
    assert word(record) == ("READY", "TRAINED"), (record["verdict"], record["troubles"], record.get("training"))
    training = record["training"]
    assert (training["framework"]["version"], training["python"]["version"][:5]) == ("2.10.0", "3.10.")
    assert (training["device"]["name"], training["device"]["adapter_name"]) == ("/device:GPU:0", CARD)
    assert training["device"]["fallbacks"] == []


def test_torch_trains_in_the_guest(guest: Callable[[str], Guest], tmp_path: Path) -> None:
    """With PyTorch's build from PyPI: that of the lock comes from PyTorch's own index, which not everybody reaches."""
    found = guest("torch-directml")
    found.linux.root("rm -r /opt/gpuready")
    give_python(found.linux, "3.11")
    shutil.copytree(libraries() / "nocuda", found.linux.path("/srv/nocuda"))
    found.linux.root("echo /srv/nocuda >/etc/ld.so.conf.d/nocuda.conf; ldconfig")
    locked, count = re.subn(r"torch===2\.4\.1\+cpu [^#]*", PYPI, LOCK.read_text())
    assert count == 1
    (tmp_path / "lock.txt").write_text(locked)
    record = found.play("provision", gpuready_stack_locks={"torch-directml/wsl": str(tmp_path / "lock.txt")})
    assert word(record) == ("READY", "TRAINED"), (record["verdict"], record["troubles"], record.get("training"))
    training = record["training"]
    assert training["framework"]["plugin"] == "torch-directml 0.2.5.dev240914"
    assert (training["device"]["name"], training["device"]["adapter_name"]) == ("privateuseone:0", CARD)
    assert training["device"]["placed"] is True
