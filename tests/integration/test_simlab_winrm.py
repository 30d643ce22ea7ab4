"""The WinRM listeners of simulated PCs against the real clients: pywinrm, and Ansible's own modules."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import winrm
import yaml
from ansible.release import __version__ as ansible_core
from winrm.exceptions import InvalidCredentialsError, WSManFaultError

from gpuready.errors import GpureadyError
from gpuready.simlab import SimulatedLab, scenario

sys.path.insert(0, str(Path(__file__).resolve().parent))
from simlab_winrm_help import NET, PORT, command

ROOT = Path(__file__).resolve().parents[2]
TRACES = ROOT / "tests/data/winrm_traces"
PCS: list[dict[str, Any]] = [
    {"name": "basic"},
    {"name": "ntlm", "connection": {"transport": "ntlm"}},
    {"name": "tls", "connection": {"tls": True, "port": 15972}},
    {"name": "tls-ntlm", "connection": {"tls": True, "transport": "ntlm", "port": 15972}},
    {"name": "stranger", "connection": {"transport": "ntlm"}, "faults": [{"kind": "wrong_password"}]},
]


@pytest.fixture(scope="module")
def lab() -> Iterator[SimulatedLab]:
    with SimulatedLab(scenario.parse({"pcs": PCS}), base_address=f"{NET}.71.1", port=PORT) as lab:
        yield lab


def client(lab: SimulatedLab, name: str, transport: str = "basic", password: str = "S3cret!") -> winrm.Protocol:
    pc = lab.pcs[name].scenario
    scheme = "https" if pc.connection.tls else "http"
    endpoint = f"{scheme}://{lab.address(pc)}:{lab.port(pc)}/wsman"
    trusted = lab.inventory()["all"]["children"]["simulated"]["hosts"][name].get(
        "ansible_winrm_ca_trust_path", "legacy_requests"
    )
    return winrm.Protocol(endpoint, transport=transport, username="labadmin", password=password, ca_trust_path=trusted)


@pytest.mark.parametrize(
    ("name", "transport"),
    [("basic", "basic"), ("basic", "ntlm"), ("ntlm", "ntlm"), ("tls", "basic"), ("tls-ntlm", "ntlm")],
)
def test_a_program_by_every_way_in(lab: SimulatedLab, name: str, transport: str) -> None:
    assert command(client(lab, name, transport), "hostname") == (name.upper().encode() + b"\r\n", b"", 0)


def test_messages_of_ntlm_are_sealed(lab: SimulatedLab) -> None:
    seen: list[bytes] = []
    protocol = client(lab, "ntlm", "ntlm")
    protocol.transport.build_session()
    send = protocol.transport.session.send
    protocol.transport.session.send = lambda request, **more: seen.append(request.body or b"") or send(request, **more)
    assert command(protocol, "hostname")[2] == 0
    bodies = [body for body in seen if body]
    assert bodies
    assert not [body for body in bodies if b"hostname" in body or b"Envelope" in body]


@pytest.mark.parametrize(("name", "transport"), [("basic", "basic"), ("basic", "ntlm"), ("tls", "basic")])
def test_another_password_is_refused(lab: SimulatedLab, name: str, transport: str) -> None:
    with pytest.raises(InvalidCredentialsError):
        command(client(lab, name, transport, "other"), "hostname")


def test_a_password_is_right_for_its_pc_alone(lab: SimulatedLab) -> None:
    for transport in ("basic", "ntlm"):
        with pytest.raises(InvalidCredentialsError):
            command(client(lab, "stranger", transport), "hostname")
        assert command(client(lab, "stranger", transport, "not-S3cret!"), "hostname")[2] == 0
        with pytest.raises(InvalidCredentialsError):
            command(client(lab, "ntlm", transport, "not-S3cret!"), "hostname")


def test_what_is_not_modelled_says_so(lab: SimulatedLab) -> None:
    protocol = client(lab, "basic")
    out, err, rc = command(protocol, "format.com C:")
    assert rc == 1
    assert b"simlab: there is no model of this program or script: format.com C:" in err
    encoded = base64.b64encode("Get-Process | Stop-Process".encode("utf-16-le")).decode()
    out, err, rc = command(protocol, f"powershell -EncodedCommand {encoded}")
    assert (json.loads(out)["failed"], rc) == (True, 1)
    assert b"Get-Process | Stop-Process" in err


def test_shells_end(lab: SimulatedLab) -> None:
    protocol = client(lab, "basic")
    shell = protocol.open_shell()
    protocol.close_shell(shell, close_session=False)
    with pytest.raises(WSManFaultError) as caught:
        protocol.run_command(shell, "hostname")
    assert caught.value.wsman_fault_code == 2150858843


def raw(lab: SimulatedLab, data: bytes, name: str = "basic") -> bytes:
    pc = lab.pcs[name].scenario
    with socket.create_connection((lab.address(pc), lab.port(pc)), timeout=5) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while more := connection.recv(65536):
            answer += more
    return answer


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /wsman HTTP/1.1\r\n\r\n", b"405"),
        (b"POST /other HTTP/1.1\r\nContent-Length: 0\r\n\r\n", b"404"),
        (b"POST /wsman HTTP/1.1\r\nContent-Length: 0\r\n\r\n", b"401"),
        (b"\x16\x03\x01\x02\x00\x01", b"400"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", b"400"),
    ],
)
def test_other_clients_get_an_answer_in_http(lab: SimulatedLab, data: bytes, status: bytes) -> None:
    assert raw(lab, data).split(b" ")[1][:3] == status


@pytest.mark.parametrize(
    "data", [b"", b"\x00" * 100, b"POST /wsman HTTP/1.1\r\nContent-Length: many\r\n\r\n", b"x" * 100]
)
def test_nonsense_ends_the_connection_and_nothing_else(lab: SimulatedLab, data: bytes) -> None:
    raw(lab, data)
    assert command(client(lab, "basic"), "hostname")[2] == 0


def test_xml_that_is_none_is_a_bad_request(lab: SimulatedLab) -> None:
    user = base64.b64encode(b"labadmin:S3cret!").decode()
    head = f"POST /wsman HTTP/1.1\r\nAuthorization: Basic {user}\r\nContent-Length: 4\r\n\r\n".encode()
    assert b"400" in raw(lab, head + b"<a/>").split(b"\r\n")[0]
    assert b"400" in raw(lab, head + b"nope").split(b"\r\n")[0]


def test_the_certificate_is_for_the_address(lab: SimulatedLab) -> None:
    pc = lab.pcs["tls"].scenario
    ca = lab.inventory()["all"]["children"]["simulated"]["hosts"]["tls"]["ansible_winrm_ca_trust_path"]
    context = ssl.create_default_context(cafile=ca)
    with socket.create_connection((lab.address(pc), lab.port(pc)), timeout=5) as plain:
        connection = context.wrap_socket(plain, server_hostname=lab.address(pc))
        assert connection.getpeercert()
    with socket.create_connection((lab.address(pc), lab.port(pc)), timeout=5) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain, server_hostname="127.0.0.1")


@pytest.mark.parametrize("tls", [False, True])
def test_a_pc_that_goes_down_cuts_its_connections(tls: bool) -> None:
    pcs = [{"name": "pc", "connection": {"tls": tls}}]
    with SimulatedLab(scenario.parse({"pcs": pcs}), base_address=f"{NET}.75.1", port=PORT) as made:
        pc = made.pcs["pc"].scenario
        trusted = ssl.create_default_context()
        trusted.check_hostname, trusted.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection((made.address(pc), made.port(pc)), timeout=5) as plain:
            connection = trusted.wrap_socket(plain) if tls else plain
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert b"405" in connection.recv(65536)
            made.stop()
            assert connection.recv(65536) == b""


def test_a_port_that_is_taken_is_said_in_one_line(lab: SimulatedLab) -> None:
    with pytest.raises(GpureadyError, match=rf"cannot listen at {NET}\.71\.1:15971: .*--port") as caught:
        SimulatedLab(scenario.parse({"pcs": [{"name": "again"}]}), base_address=f"{NET}.71.1", port=PORT).start()
    assert "\n" not in str(caught.value)


# --- Ansible ---
def play(
    lab: SimulatedLab, folder: Path, tasks: list[dict[str, Any]], *options: str
) -> dict[str, list[dict[str, Any]]]:
    """Results of the tasks by PC."""
    lab.write_inventory(folder / "hosts.yml")
    (folder / "play.yml").write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    program = Path(sys.executable).parent / "ansible-playbook"
    settings = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}
    done = subprocess.run(
        [program, "-i", folder / "hosts.yml", *options, folder / "play.yml"],
        env=os.environ | settings,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    run = json.loads(done.stdout[done.stdout.index("{") :])
    found: dict[str, list[dict[str, Any]]] = {}
    for task in run["plays"][0]["tasks"]:
        for host, result in task["hosts"].items():
            found.setdefault(host, []).append(result)
    return found


def test_ansibles_own_modules(lab: SimulatedLab, tmp_path: Path) -> None:
    (tmp_path / "large.bin").write_bytes(os.urandom(700_000))
    tasks = [
        {"ansible.windows.win_ping": {"data": "ä"}},
        {"ansible.builtin.setup": None},
        {"ansible.windows.win_copy": {"src": str(tmp_path / "large.bin"), "dest": r"C:\Lab\large.bin"}},
        {"ansible.windows.win_copy": {"src": str(tmp_path / "large.bin"), "dest": r"C:\Lab\large.bin"}},
        {"ansible.windows.win_stat": {"path": r"c:\LAB\large.BIN"}},
        {
            "ansible.builtin.fetch": {
                "src": r"C:\Lab\large.bin",
                "dest": f"{tmp_path}/{{{{ inventory_hostname }}}}",
                "flat": True,
            }
        },
        {"ansible.windows.win_user": {"name": "spooler"}, "ignore_errors": True},
        {"gpuready.lab.gpu_facts": {}},
    ]
    found = play(lab, tmp_path, tasks, "--limit", "basic,tls-ntlm")
    assert set(found) == {"basic", "tls-ntlm"}
    for host, (ping, facts, first, second, stat, _, unknown, look) in found.items():
        assert ping["ping"] == "ä"
        assert facts["ansible_facts"]["ansible_hostname"] == host.upper()
        assert (first["changed"], second["changed"]) == (True, False)
        assert stat["stat"]["size"] == 700_000
        assert (tmp_path / host).read_bytes() == (tmp_path / "large.bin").read_bytes()
        assert "there is no model of the module ansible.windows.win_user" in unknown["msg"]
        assert look["ansible_facts"]["gpuready"]["simulated"] is True


def test_a_restart(tmp_path: Path) -> None:
    tasks = [
        {
            "ansible.windows.win_optional_feature": {"name": ["VirtualMachinePlatform"], "state": "present"},
            "register": "f",
        },
        {"ansible.windows.win_reboot": {"reboot_timeout": 60}, "when": "f.reboot_required"},
        {"ansible.windows.win_optional_feature": {"name": ["VirtualMachinePlatform"], "state": "present"}},
    ]
    made = SimulatedLab(
        scenario.parse({"pcs": [{"name": "pc"}]}), base_address=f"{NET}.72.1", port=PORT, boot_seconds=0.3
    )
    with made:
        first, restart, second = play(made, tmp_path, tasks)["pc"]
        assert (first["changed"], restart["rebooted"], second["changed"]) == (True, True, False)
        assert made.pcs["pc"].boots == 2


def test_the_manifest_of_this_ansible_core_is_the_recorded_one() -> None:
    spec = importlib.util.spec_from_file_location("record", TRACES / "record.py")
    assert spec
    assert spec.loader
    record = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(record)
    recorded = json.loads((TRACES / f"ansible-core-{ansible_core}.json").read_text())["commands"]
    now = record.record(f"{NET}.73.1", PORT)
    # How often a restart is asked after depends on the clock.
    ends = [[one for one in record.shape(commands) if one["what"] != "script"] for commands in (recorded, now)]
    assert ends[0] == ends[1]
