"""The model of wsl.exe against what its source does: lines, streams, tails, exit codes, registrations, guests."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from gpuready.simlab.disk import Disk
from gpuready.simlab.wsl import distributions, errors, line
from gpuready.simlab.wsl.host import Caller, Command, DiskFiles, Recorded, Streams
from gpuready.simlab.wsl.program import wsl
from gpuready.simlab.wsl.run import Run
from gpuready.simlab.wsl.state import PLATFORM, SUBSYSTEM, SYSTEM, Distribution, Machine, registry

SID, OTHER = "S-1-5-21-1-2-3-1001", "S-1-5-21-1-2-3-1002"
FAILED = 0xFFFFFFFF
DONE = "The operation completed successfully. \r\n"


class Guests:
    """Guests that note what is asked of them."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.rc, self.during = 0, lambda: None
        self.broken, self.linux = None, True

    def run(self, command: Command, streams: Streams) -> int:
        self.commands.append(command)
        self.during()
        streams.out(b"\xff raw\n" + streams.read())
        return self.rc

    def identifier(self, distribution: Distribution, user: str) -> int | None:
        return {"root": 0, "student": 1000}.get(user)

    def unpack(self, distribution: Distribution, archive: bytes) -> str | None:
        self.during()
        return self.broken

    def is_linux(self, distribution: Distribution) -> bool:
        return self.linux

    def release(self, distribution: Distribution) -> tuple[str, str]:
        return "debian", "13"

    def pack(self, distribution: Distribution, kind: str) -> bytes:
        self.during()
        return b"a " + kind.encode()

    def remove(self, distribution: Distribution) -> None:
        self.commands.clear()


class Pc:
    """A machine, and its wsl.exe run as a user; `said` is text, `out` the bytes."""

    def __init__(self, **machine: Any) -> None:
        self.machine, self.guests = Machine(**machine), Guests()
        self.files = DiskFiles(Disk(10**9, 10**9))
        self.files.write(r"C:\in\g.tar", b"tar")

    def __call__(
        self, rest: str, sid: str = SID, env: dict[str, str] | None = None, session: int = 0, stdin: bytes = b""
    ) -> int:
        caller = Caller(sid, {"WSL_UTF8": "1"} if env is None else env, session=session)
        self.streams = Recorded(stdin)
        run = Run(self.machine, caller, self.files, self.guests, self.streams)
        rc = wsl(run, rf'"C:\Program Files\WSL\wsl.exe" {rest}')
        self.out, self.err = self.streams.stdout, self.streams.stderr
        return rc

    @property
    def said(self) -> str:
        return self.out.decode()

    @property
    def tail(self) -> str:
        return self.said.rstrip().rsplit(": ", 1)[-1]

    def add(self, name: str = "g", **more: Any) -> Distribution:
        assert self(rf"--import {name} C:\{name} C:\in\g.tar", **more) == 0, self.said
        return next(one for one in self.machine.user(more.get("sid", SID)).distributions.values() if one.name == name)


# --- lines ---
def test_quotes_stay_in_names_at_the_top_and_only_cd_takes_them_away() -> None:
    pc = Pc()
    pc.add()
    assert pc('-d "g" --exec true') == FAILED
    assert pc.tail == "Wsl/Service/WSL_E_DISTRO_NOT_FOUND"
    assert line.top('wsl.exe --cd "/a b" -d g -- x') == line.Launch("g", folder="/a b", shell="x")
    assert pc('--terminate "g"') == FAILED


def test_exec_splits_as_windows_does_and_the_shell_gets_the_raw_rest() -> None:
    assert line.top(r'wsl -d g -u root --exec sh -c "a \"b\" c\\" "" x\y') == line.Launch(
        "g", user="root", argv=("sh", "-c", 'a "b" c\\', "", r"x\y")
    )
    assert line.top('wsl -d g -- echo  "a  b" $HOME') == line.Launch("g", shell='echo  "a  b" $HOME')
    assert line.top("wsl -d g echo 'a'") == line.Launch("g", shell="echo 'a'")
    assert line.top("wsl -d X --list -q") == line.Sub("list", "-q")  # sub-commands win


@pytest.mark.parametrize("argv", [["a b", 'c"d', "e\\", 'f g\\"', ""], ["é", "\t", '""', r"\\x\y z"], ["\\\\", '\\"']])
def test_a_line_that_is_joined_is_split_into_the_same(argv: list[str]) -> None:
    assert line.split(line.join(argv)) == argv


def test_an_empty_exec_is_an_error_and_an_unknown_option_has_no_tail() -> None:
    pc = Pc()
    assert pc("--exec") == FAILED
    assert pc.tail == "Wsl/E_INVALIDARG"
    assert pc("--nonsense") == FAILED
    assert "Error code" not in pc.said
    assert "--nonsense" in pc.said
    assert pc("-d") == FAILED
    assert pc.said == "Argument -d is missing a required parameter.\r\n"
    assert pc("-d a -d b") == FAILED
    assert "already been set" in pc.said


def test_arguments_of_sub_commands() -> None:
    pc = Pc()
    assert pc("--list -x") == FAILED
    assert pc.tail == "Wsl/E_INVALIDARG"
    assert pc("--import a C:\\a C:\\in\\g.tar --version") == FAILED
    assert "requires a value" in pc.said
    assert pc("--import a C:\\a C:\\in\\g.tar --version 3") == FAILED
    assert pc.tail == "Wsl/ERROR_VERSION_PARSE_ERROR"
    assert pc("-l -qv") == FAILED
    assert "Usage: wsl.exe" in pc.said
    assert "Wsl/" not in pc.said  # usage has no tail


# --- streams ---
def test_own_words_are_utf16_without_a_mark_unless_asked_and_linux_bytes_are_raw() -> None:
    pc = Pc()
    pc.add()
    for env in ({}, {"WSL_UTF8": "true"}):
        assert pc("-l -q", env=env) == 0
        assert pc.out == "g\r\n".encode("utf-16-le")
    assert pc("-d g --exec cat", env={}, stdin=b"\0\r\n") == 0
    assert pc.out == b"\xff raw\n\0\r\n"


def test_errors_go_to_stdout_and_warnings_to_stderr() -> None:
    pc = Pc(network_error="0x80070422")
    pc.add()
    assert pc("-d x --exec true") == FAILED
    assert pc.err == b""
    assert pc("-d g --exec true") == 0
    assert pc.err.decode().startswith("wsl: ")
    assert "\r\nError code: CreateInstance/CreateVm/ConfigureNetworking/0x80070422\r\nwsl: " in pc.err.decode()
    assert pc("-d g --exec true") == 0
    assert pc.err == b""  # only the first start warns
    assert pc("--shutdown") == 0
    assert pc("-d g --exec true", env={"WSL_DISABLE_WARNINGS": "1"}) == 0
    assert pc.err == b""


def test_the_tail_is_the_end_of_the_last_line_in_every_language() -> None:
    for language in ("en-US", "fr-FR", "ja-JP"):
        pc = Pc(language=language)
        pc("-d x --exec true")
        assert pc.said.endswith(": Wsl/Service/WSL_E_DISTRO_NOT_FOUND\r\n")


# --- tails ---
def test_contexts_are_sorted_by_bit_and_each_once() -> None:
    assert errors.tail(("HCS", "CreateVm", "Wsl", "Service", "CreateInstance", "HCS"), "0x80370102", "2.6.1.0") == (
        "Wsl/Service/CreateInstance/CreateVm/HCS/0x80370102"
    )


def test_a_code_is_named_by_the_releases_that_know_its_name() -> None:
    assert errors.word("ERROR_SERVICE_DISABLED", "2.9.4") == "0x80070422"
    assert errors.word("ERROR_SERVICE_DISABLED", "2.9.5") == "ERROR_SERVICE_DISABLED"
    assert errors.word("0x8007ABCD", "2.6.1.0") == "0x8007abcd"
    assert errors.word("WSL_E_DISTRO_NOT_FOUND", "2.0.0") == "WSL_E_DISTRO_NOT_FOUND"


def test_no_default_has_no_tail_and_admin_protection_says_so_first() -> None:
    pc = Pc()
    assert pc("--exec true") == FAILED
    assert "Wsl/" not in pc.said
    assert "no installed distributions" in pc.said
    pc.machine.admin_protection = True
    assert pc("-d x --exec true") == FAILED
    assert pc.said.startswith("Windows Admin Protection is enabled")
    assert pc.tail == "Wsl/Service/WSL_E_DISTRO_NOT_FOUND"


def test_a_machine_that_does_not_start_says_where() -> None:
    pc = Pc(vm_error=("0x80070005", "HCS", "ConfigureGpu"))
    pc.add()
    assert pc("-d g --exec true") == FAILED
    assert pc.tail == "Wsl/Service/CreateInstance/CreateVm/ConfigureGpu/HCS/0x80070005"
    pc.machine.features["VirtualMachinePlatform"] = "Disabled"
    assert pc("-d g --exec true") == FAILED
    assert pc.tail.endswith("/CreateVm/HCS/HCS_E_HYPERV_NOT_INSTALLED")


def test_a_disk_that_is_gone_and_a_registration_that_is_not_there() -> None:
    pc = Pc()
    one = pc.add()
    pc.files.remove(one.disk)
    assert pc("-d g --exec true") == FAILED
    assert pc.tail == "Wsl/Service/CreateInstance/MountDisk/HCS/ERROR_PATH_NOT_FOUND"
    assert pc("{11111111-1111-1111-1111-111111111111} --exec true") == FAILED
    assert pc.tail == "Wsl/Service/CreateInstance/ReadDistroConfig/WSL_E_DISTRO_NOT_FOUND"


# --- exit codes ---
@pytest.mark.parametrize(("linux", "rc", "tail"), [
    (0, 0, None), (3, 3, None), (9, 9, None), (255, 255, None),
    (67, FAILED, "Wsl/WSL_E_USER_NOT_FOUND"), (87, FAILED, "Wsl/WSL_E_TTY_LIMIT"),
])  # fmt: skip
def test_linux_codes_pass_but_two(linux: int, rc: int, tail: str | None) -> None:
    pc = Pc()
    pc.add()
    pc.guests.rc = linux
    assert pc("-d g --exec x") == rc
    assert tail is None or pc.out.decode("utf-8", "replace").rstrip().endswith(tail)


def test_a_guest_that_goes_away_under_a_command_is_1_without_a_word() -> None:
    pc = Pc()
    pc.add()
    pc.guests.during = lambda: pc.machine.user(SID).stop_all()
    assert pc("-d g --exec sleep 100") == 1
    assert b"Wsl" not in pc.out


# --- registrations ---
def test_registrations_are_one_users_own() -> None:
    pc = Pc()
    pc.add()
    assert pc("-l -q", sid=OTHER) == 0
    assert pc.out == b""
    assert pc("-l -v", sid=OTHER) == FAILED
    assert pc("-d g --exec true", sid=OTHER) == FAILED


def test_the_registry_never_tells_what_runs() -> None:
    pc = Pc()
    one = pc.add()
    before = list(registry(pc.machine.user(SID)))
    assert pc("-d g --exec true") == 0
    assert pc("-l -v") == 0
    assert pc.said == "  NAME STATE           VERSION\r\n* g    Running         2\r\n"
    assert list(registry(pc.machine.user(SID))) == before
    assert dict(before)[key_of(one)]["State"] == 1


def key_of(one: Distribution) -> str:
    return rf"HKCU\Software\Microsoft\Windows\CurrentVersion\Lxss\{one.guid}"


def test_one_broken_key_breaks_every_look_up() -> None:
    pc = Pc()
    pc.add("a")
    pc.add("b").lost = frozenset(("BasePath",))
    assert pc("-d a --exec true") == FAILED
    assert pc.tail == "Wsl/Service/ReadDistroConfig/E_UNEXPECTED"
    assert pc("-l") == FAILED
    assert pc.tail == "Wsl/EnumerateDistros/Service/ReadDistroConfig/E_UNEXPECTED"
    assert pc("--unregister b") == FAILED


def test_import_refuses_what_is_there_and_takes_a_failure_back() -> None:
    pc = Pc()
    one = pc.add()
    assert one.flavor == "debian"
    assert pc.machine.user(SID).default == one.guid
    for rest, tail in [
        (r"G C:\h C:\in\g.tar", "Wsl/Service/RegisterDistro/ERROR_ALREADY_EXISTS"),
        (r"h C:\G C:\in\g.tar", "Wsl/Service/RegisterDistro/ERROR_FILE_EXISTS"),
        (r"h! C:\h C:\in\g.tar", "Wsl/Service/RegisterDistro/E_INVALIDARG"),
        (r"h C:\h C:\in\no.tar", "Wsl/ERROR_FILE_NOT_FOUND"),
        (r"h C:\no\deep C:\in\g.tar", "Wsl/ERROR_PATH_NOT_FOUND"),
        (r"h C:\h C:\in\g.tar --version 1", "Wsl/Service/RegisterDistro/WSL_E_WSL1_NOT_SUPPORTED"),
    ]:
        assert pc(f"--import {rest}") == FAILED
        assert pc.tail == tail
        assert not pc.files.is_folder(r"C:\h")
    pc.guests.broken = "bsdtar: Error opening archive\n"
    assert pc(r"--import h C:\h C:\in\g.tar") == FAILED
    assert pc.err == b"bsdtar: Error opening archive\n"
    pc.guests.broken, pc.guests.linux = None, False
    assert pc(r"--import h C:\h C:\in\g.tar") == FAILED
    assert pc.tail == "Wsl/Service/RegisterDistro/WSL_E_NOT_A_LINUX_DISTRO"
    assert [d.name for d in pc.machine.user(SID).distributions.values()] == ["g"]
    assert not pc.files.is_folder(r"C:\h")
    pc.files.write(r"C:\in\d.vhdx", b"anything")
    assert pc(r"--import v C:\v C:\in\d.vhdx") == FAILED
    assert "Wsl/" not in pc.said
    assert pc(r"--import v C:\v C:\in\d.vhdx --vhd") == 0
    assert pc.files.read(r"C:\v\d.vhdx") == b"anything"


def test_what_a_killed_service_leaves_of_an_import_and_how_it_heals() -> None:
    pc = Pc()
    run = Run(pc.machine, Caller(SID), pc.files, pc.guests, Recorded())
    pc.files.make_folder(r"C:\h")
    distributions.begin(run, "h", r"C:\h", 2, vhd=False, disk="ext4.vhdx")
    pc.machine.restart_service()
    assert pc("-l -q") == 0
    assert pc.out == b""
    assert pc("-l -v") == 0
    assert "Installing" in pc.said
    assert pc("-d h --exec true") == FAILED
    assert pc.tail == "Wsl/Service/WSL_E_DISTRO_NOT_FOUND"
    assert pc(r"--import h C:\i C:\in\g.tar") == FAILED
    assert pc.tail == "Wsl/Service/RegisterDistro/0x8000000d"
    assert pc(r"--import i C:\h C:\in\g.tar") == FAILED
    assert pc.tail == "Wsl/Service/RegisterDistro/ERROR_FILE_EXISTS"
    assert pc("--unregister h") == 0
    assert not pc.files.is_folder(r"C:\h")


def test_export_destroys_its_file_where_the_name_is_wrong_and_locks_while_it_runs() -> None:
    pc = Pc()
    pc.add()
    pc.files.write(r"C:\out.tar", b"precious")
    assert pc(r"--export no C:\out.tar") == FAILED
    assert not pc.files.is_file(r"C:\out.tar")
    seen: list[str] = []

    def meanwhile() -> None:
        inner = Pc()
        inner.machine, inner.files = pc.machine, pc.files
        assert inner("-d g --exec true") == FAILED
        seen.append(inner.tail)
        assert inner("-l -v") == 0
        assert "Exporting" in inner.said

    pc.guests.during = meanwhile
    assert pc(r"--export g C:\out.tar.gz --format tar.gz") == 0
    assert (pc.said, pc.files.read(r"C:\out.tar.gz")) == (DONE, b"a tar.gz")
    assert seen == ["Wsl/Service/CreateInstance/0x8000000d"]
    assert pc("--export g -") == 0
    assert pc.out == b"a tar"
    assert pc(r"--export g C:\out.tar --vhd") == FAILED
    assert pc.tail == "Wsl/Service/WSL_E_EXPORT_FAILED"


def test_manage_moves_a_stopped_guest_and_sets_its_user() -> None:
    pc = Pc()
    one = pc.add()
    assert pc("-d g --exec true") == 0
    assert pc(r"--manage g --move C:\m") == FAILED
    assert pc.tail == "Wsl/Service/WSL_E_DISTRO_NOT_STOPPED"
    assert pc("--manage g --set-default-user student") == 0
    assert one.default_uid == 1000
    assert pc("--manage g --set-default-user nobody") == 1
    assert pc("--terminate g") == 0
    assert pc(r"--manage g --move C:\m") == 0
    assert pc.files.is_file(r"C:\m\ext4.vhdx")
    assert pc("--manage g --resize 5gb") == FAILED
    assert pc.tail == "Wsl/E_INVALIDARG"
    assert pc("--manage g --set-sparse true") == FAILED
    assert pc("--manage") == FAILED
    assert pc.tail == "Wsl/Service/WSL_E_DISTRO_NOT_FOUND"


# --- who may, and how long it lives ---
@pytest.mark.parametrize("refused", ["system", "policy"])
def test_system_and_policy_refuse_only_what_asks_the_service(refused: str) -> None:
    pc = Pc()
    pc.add()
    code = "WSL_E_LOCAL_SYSTEM_NOT_SUPPORTED" if refused == "system" else "ERROR_ACCESS_DISABLED_BY_POLICY"
    sid = SYSTEM if refused == "system" else SID
    if refused == "policy":
        pc.machine.policies = {"AllowWSL": 0}
    for rest in ("-d g --exec true", "-l", "--status", "--shutdown", r"--import h C:\h C:\in\g.tar"):
        assert pc(rest, sid=sid) == FAILED
        assert pc.tail == f"Wsl/{code}"
    for rest in ("--version", "--set-default-version 2"):
        assert pc(rest, sid=sid) == 0


def test_shutdown_is_silent_and_the_callers_own() -> None:
    pc = Pc()
    for sid in (SID, OTHER):
        assert pc(rf"--import g C:\{sid} C:\in\g.tar", sid=sid) == 0
        assert pc("-d g --exec true", sid=sid) == 0
    assert pc("--shutdown") == 0
    assert (pc.out, pc.err) == (b"", b"")
    assert [bool(pc.machine.user(sid).running) for sid in (SID, OTHER)] == [False, True]


def test_the_session_of_the_first_caller_takes_its_guests_along() -> None:
    for first, alive in ((0, True), (2, False)):
        pc = Pc()
        pc.add(session=first)
        assert pc("-d g --exec true", session=0) == 0
        pc.machine.log_off(2)
        assert bool(pc.machine.user(SID).running) is alive


def test_an_idle_guest_ends_then_its_machine_unless_told_otherwise() -> None:
    pc = Pc()
    one = pc.add()
    assert pc("-d g --exec true") == 0
    user = pc.machine.user(SID)
    start = user.idle_since[one.guid]
    pc.machine.tick(start + 14)
    assert user.running
    pc.machine.tick(start + 16)
    assert (user.running, user.vm) == ({}, True)
    pc.machine.tick(start + 77)
    assert not user.vm
    assert pc("-d g --exec true") == 0
    user.settings = {"general.instanceidletimeout": "-1"}
    pc.machine.tick(start + 10**6)
    assert user.running


def test_status_says_what_is_missing_and_succeeds() -> None:
    pc = Pc(features={"VirtualMachinePlatform": "Disabled"})
    assert pc("--status") == 0
    assert "Default Distribution" not in pc.said
    assert "virtualization is not enabled" in pc.said


# --- features, the package, lists ---
def test_install_switches_features_on_once_and_ends_with_0_though_nothing_is_there_yet() -> None:
    pc = Pc(features={PLATFORM: "Disabled", SUBSYSTEM: "Disabled"}, windows="10.0.19045.3803")
    assert pc("--install --no-distribution") == 0
    assert [line.rsplit(" ", 1)[-1] for line in pc.said.splitlines()[:2]] == [PLATFORM, SUBSYSTEM]
    assert "until the system is rebooted" in pc.said
    assert pc("--install g") == 0
    assert pc.said.splitlines() == pc.said.splitlines()[-1:]
    assert not pc.machine.user(SID).distributions
    pc.machine.restart()
    assert pc.machine.install_status == set()
    assert pc.machine.features == {PLATFORM: "Enabled", SUBSYSTEM: "Enabled"}
    assert pc("--install --no-distribution") == 0
    assert pc.said == DONE
    newer = Pc(features={PLATFORM: "Disabled", SUBSYSTEM: "Disabled"})
    assert newer("--install --no-distribution") == 0
    assert newer.machine.features[SUBSYSTEM] == "Disabled", "Windows 11 does without"


def test_update_ends_every_guest_and_says_when_there_is_none_newer() -> None:
    pc = Pc(latest="2.7.0.0")
    pc.add()
    assert pc("-d g --exec true") == 0
    assert pc("--update") == 0
    assert pc.said.splitlines()[-1] == "Updating Windows Subsystem for Linux to version: 2.7.0.0."
    assert (pc.machine.version, pc.machine.user(SID).running) == ("2.7.0.0", {})
    assert pc("--update") == 0
    assert "already installed" in pc.said
    pc.machine.latest = ""
    assert pc("--update") == FAILED
    assert pc.tail.startswith("Wsl/UpdatePackage/QueryLatestGitHubRelease/")


@pytest.mark.parametrize(("digest", "tail"), [
    (hashlib.sha256(b"tar").hexdigest(), None),
    ("0x" + hashlib.sha256(b"tar").hexdigest().upper(), None),
    ("00" * 32, "Wsl/InstallDistro/VerifyChecksum/TRUST_E_BAD_DIGEST"),
])  # fmt: skip
def test_a_list_of_the_pc_offers_distributions_that_are_checked(digest: str, tail: str | None) -> None:
    pc = Pc(lists={"DistributionListUrl": "file:///C:/lab/list.json"})
    entry = {"Name": "lab-1", "FriendlyName": "The lab's", "Default": True,
             "Amd64Url": {"Url": "file:///C:/in/g.tar", "Sha256": digest}}  # fmt: skip
    pc.files.write(r"C:\lab\list.json", json.dumps({"ModernDistributions": {"lab": [entry]}}).encode())
    assert pc("--install LAB --no-launch") == (FAILED if tail else 0)
    if tail:
        assert pc.tail == tail
        return
    assert [one.name for one in pc.machine.user(SID).distributions.values()] == ["lab-1"]
    assert pc("--install lab-1") == FAILED
    assert pc.tail == "Wsl/InstallDistro/ERROR_ALREADY_EXISTS"
    assert pc("--install nothing") == FAILED
    assert pc.tail == "Wsl/InstallDistro/WSL_E_DISTRO_NOT_FOUND"
    assert pc(r"--install --from-file C:\in\g.tar") == FAILED
    assert pc.tail == "Wsl/WSL_E_DISTRIBUTION_NAME_NEEDED"
    assert pc(r"--install --from-file C:\in\g.tar --name other") == 0


def test_a_disk_becomes_a_distribution_where_it_lies() -> None:
    pc = Pc()
    pc.files.write(r"C:\disks\a.vhdx", b"disk")
    assert pc(r"--import-in-place a C:\disks\a.vhdx") == 0
    (one,) = pc.machine.user(SID).distributions.values()
    assert (one.disk, pc.files.read(one.disk)) == (r"C:\disks\a.vhdx", b"disk")


def test_settings_are_read_when_the_machine_is_made_and_said_once() -> None:
    pc = Pc()
    pc.add()
    text = "[wsl2]\nvmIdleTimeout=-1\nnoSuchKey=1\ngpuSupport=maybe\n[general]\ninstanceIdleTimeout = -1 # kept\n"
    pc.files.write(r"C:\Users\labadmin\.wslconfig", text.encode())
    assert pc("-d g --exec true") == 0
    assert pc.machine.user(SID).settings == {"wsl2.vmidletimeout": "-1", "general.instanceidletimeout": "-1"}
    assert pc.err.decode().count("wsl: ") == 2
    assert pc("-d g --exec true") == 0
    assert pc.err == b""
    pc.machine.tick(10**12)
    assert pc.machine.user(SID).running
