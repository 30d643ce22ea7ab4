"""gpuready.lab.gpu_driver on a real PowerShell and a real registry, with installers that behave as the vendors' do.

The machine has three GPUs. Each test gives its own installers, which change what Windows says of a GPU, or do not.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import threading
import time
import zipfile
from collections.abc import Callable
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from gpus_help import AMD, CLASS, INTEL, NVIDIA, with_gpus
from winlab import PREFIXES, testing
from winlab.programs import Call

MODULE = "gpuready.lab.gpu_driver"
HOME = r"C:\lab\drivers home"
GPUS = {"nvidia": (1, NVIDIA), "intel": (2, INTEL), "amd": (3, AMD)}
NEW = {"nvidia": ("580.97", "32.0.15.8097"), "intel": ("101.6078", "32.0.101.6078"), "amd": ("25.3.1", "32.0.13000.1")}
ENUM = r"HKLM\SYSTEM\CurrentControlSet\Enum"
KIND = "{4d36e968-e325-11ce-bfc1-08002be10318}"


@dataclasses.dataclass
class Lab:
    """The machine, and what was called of its installers."""

    pc: Any
    ansible: Callable[..., Any]
    folder: Path
    calls: list[tuple[str, list[str]]] = dataclasses.field(default_factory=list)

    def drive(self, vendor: str, version: str, radeon: str = "") -> None:
        """A GPU has this driver from now on."""
        number, gpu = GPUS[vendor]
        rows = self.pc.get_cim("Win32_VideoController")
        rows[number - 1] = gpu.controller(number, version)
        self.pc.set_cim("Win32_VideoController", rows)
        key = rf"{CLASS}\{number:04}"
        values = {"DriverVersion": version} | ({"RadeonSoftwareVersion": radeon} if radeon else {})
        for name, value in values.items():
            self.pc.run(["reg", "add", key, "/v", name, "/d", value, "/f"])

    def installer(
        self,
        vendor: str,
        does: Callable[[Call], int],
        name: str = "",
        sent: bool = False,
        server: str = "",
        **more: Any,
    ) -> dict[str, Any]:
        """The options of a task whose installer does that; the file lies on the PC, is sent to it, or on a server."""
        name = name or f"{vendor}.exe"
        data = (PREFIXES / "program.exe").read_bytes() + f"{len(self.calls)} {time.monotonic()}".encode()
        place = self.folder / name if sent or server else self.pc.path(rf"C:\lab\{name}")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()

        def run(call: Call) -> int:
            self.calls.append((name, call.args))
            return does(call)

        self.pc.programs[f"{sha256[:12]}-{name}"] = run
        where = {"file": str(place)} if sent else {"share": rf"C:\lab\{name}"}
        if server:
            where = {"url": f"{server}/{name}"}
        return self.options(vendor, **{**where, "sha256": sha256, **more})

    def options(self, vendor: str, **more: Any) -> dict[str, Any]:
        number, gpu = GPUS[vendor]
        given = {"id": gpu.pnp(number), "vendor": vendor, "version": NEW[vendor][0], "home": HOME, "time_limit": 60}
        return given | more

    def well(self, vendor: str, rc: int = 0) -> Callable[[Call], int]:
        """An installer that brings the new driver."""

        def does(call: Call) -> int:
            self.drive(vendor, NEW[vendor][1], NEW[vendor][0] if vendor == "amd" else "")
            return rc

        return does

    def run(self, *given: dict[str, Any], check: bool = False, as_job: bool = True) -> list[dict[str, Any]]:
        """The results of one task each, in one run of Ansible; `as_job`: installed as a job, as it ships."""
        tasks = [{"name": MODULE, MODULE if as_job else "installing": one, "ignore_errors": True} for one in given]
        play = {"hosts": "all", "gather_facts": False, "tasks": tasks}
        done = self.ansible(self.pc, playbook=[play], check=check, environment=testing.OUR_ACTIONS)
        return [{"failed": False, "changed": False} | one for _, one in testing.results(done, self.pc.name)]

    def left(self) -> list[str]:
        """What lies in the home but for its empty folders."""
        home = self.pc.path(HOME)
        return sorted(str(one.relative_to(home)) for one in home.rglob("*") if one.is_file() and one.name != ".lock")


@pytest.fixture(scope="module")
def machine(winlab_machine: Any) -> Any:
    given = with_gpus(NVIDIA, INTEL, AMD)
    places: dict[str, Any] = {
        rf"{ENUM}\{gpu.pnp(number)}": {"Driver": rf"{KIND}\{number:04}"} for number, gpu in GPUS.values()
    }
    entities = [{**one, "ClassGuid": KIND} for one in given["cim"]["Win32_PnPEntity"]]
    cim = {**given["cim"], "Win32_PnPEntity": entities}
    return winlab_machine("gpu-driver", cim=cim, registry={**given["registry"], **places})


@pytest.fixture
def lab(machine: Any, ansible: Any, tmp_path: Path) -> Lab:
    found = Lab(machine, ansible, tmp_path)
    machine.path(r"C:\lab").mkdir(exist_ok=True)
    for vendor, (_, gpu) in GPUS.items():
        found.drive(vendor, gpu.driver, "24.6.1" if vendor == "amd" else "")
    return found


def test_a_driver_is_installed_once_and_no_other_gpu_is_touched(lab: Lab) -> None:
    given = lab.installer("nvidia", lab.well("nvidia"), sent=True, packages=["Display.Driver"])
    (would,) = lab.run(given, check=True)
    assert not would["failed"], would
    assert (would["changed"], would["version_before"], lab.calls) == (True, "576.52", [])
    done, again = lab.run(given, given)
    assert not done["failed"], done
    assert (done["changed"], done["version_before"], done["version_after"]) == (True, "576.52", "580.97")
    assert (done["reboot_required"], done["others_changed"], done["installer_rc"]) == (False, [], 0)
    silent = ["-s", "-noreboot", "-noeula", "-nofinish", "-nosplash", "Display.Driver"]
    assert lab.calls == [("nvidia.exe", silent)]
    assert (again["changed"], again["msg"]) == (False, "NVIDIA GeForce RTX 3080 has 580.97: nothing is to be done")
    assert lab.left() == []


def test_one_that_waits_for_a_restart_is_not_run_again_before_it(lab: Lab) -> None:
    given = lab.installer("intel", lambda call: 14)
    first, second = lab.run(given, given)
    assert (first["changed"], first["reboot_required"], first["failed"]) == (True, True, False)
    assert (second["changed"], second["reboot_required"], len(lab.calls)) == (False, True, 1)
    lab.pc.restart()
    lab.drive("intel", NEW["intel"][1])
    (third,) = lab.run(given)
    assert (third["changed"], third["reboot_required"], len(lab.calls)) == (False, False, 1)


def test_what_fails_says_why_and_what_to_do(lab: Lab) -> None:
    def writes(call: Call) -> int:
        log = call.args[call.args.index("--report") + 1]
        lab.pc.path(log).write_text("begin\nthe card is not there\n", encoding="utf-16")
        return 5

    def opens_a_dialog(call: Call) -> int:
        time.sleep(60)
        return 0

    lab.pc.path(r"C:\lab\broken.exe").write_bytes(b"this is no program")
    lab.pc.path(r"C:\lab\cut.exe").write_bytes(b"MZ")
    got = lab.run(
        lab.installer("nvidia", lambda call: 0, "same.exe"),
        lab.installer("intel", writes),
        lab.installer("nvidia", opens_a_dialog, "dialog.exe", time_limit=4),
        lab.options("nvidia", share=r"C:\lab\broken.exe", sha256=hashlib.sha256(b"this is no program").hexdigest()),
        lab.options("nvidia", share=r"C:\lab\cut.exe", sha256=hashlib.sha256(b"MZ...").hexdigest()),
        lab.options("nvidia", windows_update=True),
        as_job=False,
    )
    got += lab.run(lab.installer("nvidia", lambda call: 0xE6000000, "other.exe"))
    assert all(one["failed"] and not one["changed"] for one in got)
    codes = ["DRIVER_NOT_CHANGED", "DRIVER_NOT_FOR_PC", "DRIVER_TIME_LIMIT", "DRIVER_FAILED", "HASH_MISMATCH"]
    assert [one["code"] for one in got] == [*codes, "WINDOWS_UPDATE_FAILED", "DRIVER_NOT_FOR_PC"]
    assert "its search ended with 0x" in got[5]["msg"], "Wine's Windows Update has none of its methods"
    assert "exit code 0xE6000000" in got[6]["msg"]
    assert "runs on 576.52, as before" in got[0]["msg"]
    assert ("exit code 5" in got[1]["msg"], got[1]["details"]) == (True, ["begin", "the card is not there"])
    assert "within 4 s" in got[2]["msg"]
    assert lab.left() == []


def test_an_installer_on_a_server_is_fetched_once_and_run_if_it_is_the_right_one(lab: Lab) -> None:
    asked: list[str] = []

    class Server(SimpleHTTPRequestHandler):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given, directory=str(lab.folder))

        def log_message(self, *said: object) -> None:
            asked.append(self.path)

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = f"http://127.0.0.1:{server.server_port}"
        good = lab.installer("nvidia", lab.well("nvidia"), server=here)
        bad = lab.installer("nvidia", lab.well("nvidia"), "bad.exe", server=here, sha256="0" * 64)
        staged = {"state": "staged"}
        there, again, wrong = lab.run(good | staged, good | staged, bad | staged)
        server.shutdown()
    gone = lab.installer("intel", lab.well("intel"), "gone.exe", server=here)
    done, away = lab.run(good, gone | staged)
    assert [(one["failed"], one["changed"]) for one in (there, again)] == [(False, True), (False, False)]
    assert (wrong["code"], f"{here}/bad.exe: its sha256 is" in wrong["msg"]) == ("HASH_MISMATCH", True)
    assert (done["changed"], done["version_after"]) == (True, "580.97"), done
    assert (away["code"], f"{here}/gone.exe cannot be fetched" in away["msg"]) == ("ARCHIVE_UNREACHABLE", True)
    assert ([name for name, _ in lab.calls], asked) == (["nvidia.exe"], ["/nvidia.exe", "/bad.exe"])
    assert lab.left() == []


def test_an_installer_that_cuts_the_network_is_taken_to_its_real_end(lab: Lab) -> None:
    def cuts(call: Call) -> int:
        lab.pc.unplug()
        time.sleep(5)  # who asks for its end finds nobody
        rc = lab.well("nvidia", 1)(call)
        lab.pc.plug_in()
        return rc

    (done,) = lab.run(lab.installer("nvidia", cuts))
    assert not done["failed"], done
    assert (done["changed"], done["version_before"], done["version_after"]) == (True, "576.52", "580.97")
    assert (done["installer_rc"], done["reboot_required"], len(lab.calls)) == (1, True, 1)


def test_an_inf_file_is_windows_own_to_install(lab: Lab) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("Display/iigd_dch.inf", "[Version]\n")
    lab.pc.path(r"C:\lab\intel.zip").write_bytes(out.getvalue())
    sha256 = hashlib.sha256(out.getvalue()).hexdigest()
    given = lab.options("intel", share=r"C:\lab\intel.zip", sha256=sha256, inf="Display/iigd_dch.inf")

    def pnputil(call: Call) -> int:
        lab.calls.append(("pnputil", call.args))
        call.out("Adding driver package\n")
        return 259

    lab.pc.install_program("pnputil.exe", pnputil)
    none, worse = lab.run({**given, "inf": "other.inf"}, given)
    assert (none["code"], "holds no other.inf" in none["msg"]) == ("ARCHIVE_UNREADABLE", True)
    assert (worse["code"], worse["details"]) == ("DRIVER_NOT_CHANGED", ["Adding driver package"])
    ((_, (add, inf, install)),) = lab.calls
    assert (add, install, inf.endswith(r"\package\Display\iigd_dch.inf")) == ("/add-driver", "/install", True)


def test_what_a_run_that_died_began_the_next_one_collects(lab: Lab) -> None:
    go = threading.Event()

    def slow(call: Call) -> int:
        go.wait(300)
        return lab.well("amd", 0)(call)

    given = lab.installer("amd", slow)
    (begun,) = lab.run({**given, "wait": False})
    assert begun["msg"] == "amd 25.3.1 is being installed"
    other = lab.installer("nvidia", lab.well("nvidia"))
    (busy,) = lab.run(other)
    assert busy["code"] == "ENVIRONMENT_BUSY"
    go.set()
    (done,) = lab.run(given)
    assert (done["changed"], done["version_before"], done["version_after"]) == (True, "24.6.1", "25.3.1")
    assert [name for name, _ in lab.calls] == ["amd.exe"]
    assert lab.left() == []
