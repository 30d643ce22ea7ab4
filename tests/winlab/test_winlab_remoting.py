"""scripts/enable-remoting.ps1 on a machine whose WinRM, firewall and services are stand-ins.

The stand-ins are remoting/StandIns.psm1; registry and certificates are Wine's own.
"""

from __future__ import annotations

import copy
import datetime
import json
import os
import shutil
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12
from winlab.testing import source

HERE = Path(__file__).resolve().parent
SERVICE, AUTH, WINRS = "winrm/config/service", "winrm/config/service/auth", "winrm/config/winrs"
STATE = r"C:\ProgramData\gpuready\remoting.json"
POLICY = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System"
CERTIFICATES = r"SOFTWARE\Microsoft\SystemCertificates\My\Certificates"
OPEN_STORE = r"""
    $s = [System.Security.Cryptography.X509Certificates.X509Store]::new('My', 'LocalMachine')
    $s.Open('ReadOnly')
"""


def rule(name, port="5985", origin="Local", **more):
    return {
        "Name": name,
        "InstanceID": name,
        "DisplayName": f"Rule {name}",
        "Direction": "Inbound",
        "Action": "Allow",
        "Enabled": "True",
        "Protocol": "TCP",
        "LocalPort": [port],
        "RemoteAddress": ["LocalSubnet"],
        "PolicyStoreSourceType": origin,
    } | more


# A Windows 11 PC as it is delivered, but with what must not be: unencrypted messages and Basic allowed.
FRESH = {
    "service": {"start": "Manual", "status": "Stopped"},
    "policy": {},
    "stubborn": [],
    "config": {
        SERVICE: {"AllowUnencrypted": "true", "AllowRemoteAccess": "true"},
        AUTH: {"Basic": "true", "Kerberos": "true", "Negotiate": "false"},
        WINRS: {"MaxMemoryPerShellMB": "1024", "MaxProcessesPerShell": "2147483647", "MaxShellsPerUser": "30"},
    },
    "listeners": [],
    "profiles": [{"Name": n, "Enabled": "True"} for n in ("Domain", "Private", "Public")],
    "rules": [
        rule("WINRM-HTTP-In-TCP"),
        rule("WINRM-HTTP-In-TCP-PUBLIC", Enabled="False"),
        rule("Web", "80"),
        rule("Out", Direction="Outbound"),
    ],
}


class Pc:
    """The machine, with the script on it."""

    def __init__(self, machine):
        self.machine = machine
        shutil.copy(HERE / "remoting/StandIns.psm1", machine.path(r"C:\lab\StandIns.psm1"))
        shutil.copy(source("scripts/enable-remoting.ps1"), machine.path(r"C:\lab\enable-remoting.ps1"))

    def reset(self, **changes):
        """Back to FRESH with `changes`; returns the bytes of the state as the stand-ins write it."""
        self.machine.write_json("remoting.json", copy.deepcopy(FRESH) | changes)
        shutil.rmtree(self.machine.path(r"C:\ProgramData\gpuready"), ignore_errors=True)
        shutil.rmtree(self.machine.lab / "certificates", ignore_errors=True)
        reply = self.machine.powershell(rf"""
            Import-Module C:\lab\StandIns.psm1
            $hive = [Microsoft.Win32.Registry]::LocalMachine
            $hive.CreateSubKey('{POLICY}').DeleteValue('LocalAccountTokenFilterPolicy', $false)
            $hive.DeleteSubKeyTree('{CERTIFICATES}', $false)""")
        assert reply.rc == 0, reply
        return self.bytes()

    def bytes(self):
        return (self.machine.lab / "remoting.json").read_bytes()

    @property
    def state(self):
        return self.machine.read_json("remoting.json")

    def rules(self):
        return {r["Name"]: r for r in self.state["rules"]}

    def run(self, *many):
        """Run the script with each of these arguments; [(exit code, lines of output, error)]."""
        results = []
        for arguments in many:
            script = (
                rf"Import-Module C:\lab\StandIns.psm1; & C:\lab\enable-remoting.ps1 {arguments}; exit $LASTEXITCODE"
            )
            reply = self.machine.powershell(script)
            results.append((reply.rc, reply.stdout.splitlines(), reply.stderr))
        return results

    def powershell(self, script):
        reply = self.machine.powershell(r"Import-Module C:\lab\StandIns.psm1; " + script)
        assert reply.rc == 0, reply
        return reply.stdout.splitlines()

    def certificates(self):
        return self.powershell(OPEN_STORE + "$s.Certificates | ForEach-Object { $_.Thumbprint }")

    def local_account(self):
        key = rf"HKEY_LOCAL_MACHINE\{POLICY}"
        value = f"[Microsoft.Win32.Registry]::GetValue('{key}', 'LocalAccountTokenFilterPolicy', 'none')"
        return self.powershell(value)[0]


@pytest.fixture(scope="module")
def pc(winlab_machine):
    machine = winlab_machine("remoting")
    machine.path(r"C:\lab").mkdir(exist_ok=True)
    return Pc(machine)


def pfx(name, days):
    """A certificate with its key, valid for so many days; (thumbprint, PKCS 12 that Wine can read)."""
    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(100))
        .not_valid_after(now + datetime.timedelta(days))
        .sign(key, hashes.SHA256())
    )
    protection = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(2000)
        .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        .hmac_hash(hashes.SHA1())
        .build(b"pfx")
    )
    data = pkcs12.serialize_key_and_certificates(b"lab", key, certificate, None, protection)
    return certificate.fingerprint(hashes.SHA1()).hex().upper(), data


def give_certificates(pc, *days):
    """What New-SelfSignedCertificate will hand out, one after the other; their thumbprints."""
    folder = pc.machine.lab / "certificates"
    folder.mkdir()
    thumbprints = []
    for i, d in enumerate(days):
        thumbprint, data = pfx("LABPC", d)
        (folder / f"{i}.pfx").write_bytes(data)
        thumbprints.append(thumbprint)
    return thumbprints


def test_whatif_says_it_and_changes_nothing(pc):
    before = pc.reset()
    ((rc, lines, _),) = pc.run("-Controller 10.1.0.5 -LocalAccount -WhatIf")
    assert rc == 0
    assert "would change: service|WinRM from 'start=Manual;status=Stopped' to 'start=Automatic;status=Running'" in lines
    assert "would change: enabled|WINRM-HTTP-In-TCP from 'True' to 'False'" in lines
    assert pc.bytes() == before
    assert not pc.machine.path(STATE).exists()
    assert pc.local_account() == "none"


def test_on_off_and_nothing_in_between(pc):
    before = pc.reset()
    first, second, preview = pc.run(
        # one text, as group policy hands it over; a subnet written with an address in it
        "-Controller '10.1.0.5, 10.2.3.4/24 2001:DB8::7/64;10.3.0.1-10.3.0.9' -LocalAccount",
        "-Controller 10.3.0.1-10.3.0.9,2001:db8::/64,10.2.3.0/255.255.255.0,10.1.0.5/32 -LocalAccount",
        "-Undo -WhatIf",
    )
    state, rules = pc.state, pc.rules()
    assert first[0] == 0, first
    assert len([line for line in first[1] if line.startswith("changed: ")]) == 9
    assert state["service"] == {"start": "Automatic", "status": "Running"}
    assert state["config"][AUTH] == {"Basic": "false", "Kerberos": "true", "Negotiate": "true"}
    assert state["config"][SERVICE]["AllowUnencrypted"] == "false"
    assert state["config"][WINRS] == {
        "MaxMemoryPerShellMB": "2048",
        "MaxProcessesPerShell": "2147483647",
        "MaxShellsPerUser": "30",
    }
    assert [(x["Transport"], x["Port"], x["Enabled"]) for x in state["listeners"]] == [("HTTP", "5985", "true")]
    ours = rules["gpuready-winrm"]
    allowed = {"10.1.0.5", "10.2.3.0/255.255.255.0", "2001:db8::/64", "10.3.0.1-10.3.0.9"}
    assert set(ours["RemoteAddress"]) == allowed
    assert (ours["Direction"], ours["Action"], ours["Enabled"], ours["Protocol"]) == ("Inbound", "Allow", "True", "TCP")
    assert ours["LocalPort"] == ["5985"]
    assert rules["WINRM-HTTP-In-TCP"]["Enabled"] == "False"
    assert rules["Web"]["Enabled"] == "True"
    assert (second[0], second[1][0]) == (0, "nothing changed")
    assert len([line for line in preview[1] if line.startswith("would put back: ")]) == 9
    assert pc.state == state
    assert pc.local_account() == "1"
    undo, again = pc.run("-Undo", "-Undo")
    assert undo[0] == 0
    assert len([line for line in undo[1] if line.startswith("put back: ")]) == 9
    assert pc.bytes() == before
    assert pc.local_account() == "none"
    assert not pc.machine.path(r"C:\ProgramData\gpuready").exists()
    assert (again[0], again[1]) == (0, ["nothing changed"])


def test_what_is_no_longer_asked_for_is_put_back(pc):
    before = pc.reset()
    pc.run("-Controller 10.1.0.5 -LocalAccount", "-Controller 10.9.0.0/16")
    assert pc.local_account() == "none"
    assert pc.state["config"][AUTH]["Negotiate"] == "false"
    assert pc.rules()["gpuready-winrm"]["RemoteAddress"] == ["10.9.0.0/255.255.0.0"]
    assert pc.rules()["WINRM-HTTP-In-TCP"]["Enabled"] == "False"
    pc.run("-Undo")
    assert pc.bytes() == before


def test_whatif_while_the_service_was_stopped_by_somebody(pc):
    pc.reset()
    pc.run("-Controller 10.1.0.5")
    pc.powershell("Stop-Service WinRM")
    ((rc, lines, _),) = pc.run("-Controller 10.1.0.5 -WhatIf")
    assert rc == 0
    assert [line.partition(" from")[0] for line in lines] == [
        "would change: service|WinRM",
        "WinRM is not running: what its settings need is seen once it runs",
    ]


def test_https_with_a_certificate_of_its_own(pc):
    before = pc.reset()
    soon, long = give_certificates(pc, 20, 900)
    preview, first = pc.run("-Controller 10.1.0.5 -Https -WhatIf", "-Controller 10.1.0.5 -Https")
    assert preview[0] == first[0] == 0
    assert pc.certificates() == [soon]
    (listener,) = pc.state["listeners"]
    assert listener["Port"] == "5986"
    assert (listener["Transport"], listener["Hostname"], listener["CertificateThumbprint"]) == ("HTTPS", "LABPC", soon)
    assert pc.rules()["gpuready-winrm"]["LocalPort"] == ["5986"]
    preview, renewed, same = pc.run(*["-Controller 10.1.0.5 -Https" + w for w in (" -WhatIf", "", "")])
    assert any("a new self-signed one" in line for line in preview[1])
    assert renewed[0] == 0, renewed
    assert pc.state["listeners"][0]["CertificateThumbprint"] == long
    assert f"put back: certificate|{soon} to nothing" in renewed[1]  # Wine keeps it: it does not write removals down
    assert same[1][0] == "nothing changed"
    ((rc, lines, _),) = pc.run("-Controller 10.1.0.5")
    assert rc == 0
    assert [x["Transport"] for x in pc.state["listeners"]] == ["HTTP"]
    assert pc.rules()["gpuready-winrm"]["LocalPort"] == ["5985"]
    assert f"put back: certificate|{long} to nothing" in lines
    pc.run("-Undo")
    assert pc.bytes() == before


def test_https_with_a_given_certificate(pc):
    pc.reset()
    given, old = give_certificates(pc, 400, -5)
    pc.powershell("$null = 1..2 | ForEach-Object { New-SelfSignedCertificate -DnsName x -CertStoreLocation x }")
    before = pc.bytes()
    spaced = " ".join(given[i : i + 2].lower() for i in range(0, 40, 2))
    good, unknown, expired, alone = pc.run(
        f"-Controller 10.1.0.5 -Https -CertificateThumbprint '{spaced}'",
        f"-Controller 10.1.0.5 -Https -CertificateThumbprint {'0' * 40}",
        f"-Controller 10.1.0.5 -Https -CertificateThumbprint {old}",
        f"-Controller 10.1.0.5 -CertificateThumbprint {given}",
    )
    assert good[0] == 0, good
    assert pc.state["listeners"][0]["CertificateThumbprint"] == given
    assert [r[0] for r in (unknown, expired, alone)] == [4, 4, 2]
    assert "BAD_CERTIFICATE" in unknown[2]
    pc.run("-Undo")
    assert pc.bytes() == before
    assert sorted(pc.certificates()) == sorted([given, old])


@pytest.mark.parametrize(
    ("controller", "error"),
    [
        ("", "NO_CONTROLLER"),
        ("' , '", "NO_CONTROLLER"),
        ("pc01", "BAD_CONTROLLER"),
        ("10", "BAD_CONTROLLER"),
        ("Any", "BAD_CONTROLLER"),
        ("10.1.0.5,0.0.0.0/0", "BAD_CONTROLLER"),
        ("::/0", "BAD_CONTROLLER"),
        ("10.1.0.0/33", "BAD_CONTROLLER"),
        ("10.1.0.0/255.0.255.0", "BAD_CONTROLLER"),
        ("10.1.0.300", "BAD_CONTROLLER"),
        ("10.1.0.5-pc02", "BAD_CONTROLLER"),
    ],
)
def test_bad_controllers(pc, controller, error):
    pc.machine.write_json("remoting.json", FRESH)
    ((rc, lines, text),) = pc.run(f"-Controller {controller}" if controller else "")
    assert (rc, lines) == (2, [])
    assert text.startswith(f"error: {error}: ")
    assert "Next step: " in text
    assert not pc.machine.path(STATE).exists()


def test_firewall_off_is_refused(pc):
    before = pc.reset(profiles=[{"Name": "Domain", "Enabled": "False"}, {"Name": "Public", "Enabled": "True"}])
    ((rc, lines, text),) = pc.run("-Controller 10.1.0.5")
    assert (rc, lines) == (4, [])
    assert "FIREWALL_OFF" in text
    assert "Domain" in text
    assert "Public" not in text
    assert pc.bytes() == before
    ((rc, _, _),) = pc.run("-Controller 10.1.0.5 -AllowFirewallOff")
    assert rc == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"policy": {f"{AUTH}|Basic": 1}}, "group policy sets Basic"),
        ({"stubborn": ["AllowUnencrypted"]}, "something else"),
        (
            {"config": FRESH["config"] | {SERVICE: {"AllowUnencrypted": "false", "AllowRemoteAccess": "false"}}},
            "Allow remote server management",
        ),
        ({"service": {"start": "Manual", "status": "Stopped"}, "config": {}}, ""),
    ],
)
def test_a_change_that_fails_can_be_undone(pc, changes, words):
    before = pc.reset(**changes)
    ((rc, _, text),) = pc.run("-Controller 10.1.0.5")
    assert rc == 1
    assert text.startswith("error: CHANGE_FAILED: ")
    assert words in text
    assert "gpuready-winrm" not in pc.rules()
    assert pc.rules()["WINRM-HTTP-In-TCP"]["Enabled"] == "False"  # closed before anything was opened
    if changes.get("config") != {}:
        ((rc, _, _),) = pc.run("-Undo")
        assert rc == 0
        assert pc.bytes() == before


def test_rules_of_others_are_told(pc):
    pc.reset(
        rules=[
            rule("Tool", "5980-5990"),
            rule("WINRM-HTTP-In-TCP", origin="GroupPolicy"),
            rule("Other", "80"),
            rule("Rpc", "RPC"),
        ]
    )
    ((rc, lines, _),) = pc.run("-Controller 10.1.0.5")
    assert rc == 0
    warnings = [line for line in lines if line.startswith("warning: ")]
    assert len(warnings) == 2
    assert "'Rule Tool' (Local)" in warnings[0]
    assert "(GroupPolicy)" in warnings[1]
    assert pc.rules()["Tool"]["Enabled"] == "True"


def test_a_listener_that_is_there_stays(pc):
    mine = {
        "Address": "*",
        "Transport": "HTTP",
        "Port": "8985",
        "Hostname": "lab",
        "Enabled": "true",
        "CertificateThumbprint": "",
    }
    before = pc.reset(listeners=[mine], rules=[rule("WINRM-HTTP-Compat-In-TCP", "8985"), rule("Tool", "8985")])
    first, second = pc.run("-Controller 10.1.0.5", "-Controller 10.1.0.5")
    assert pc.state["listeners"] == [mine]
    assert pc.rules()["gpuready-winrm"]["LocalPort"] == ["8985"]
    assert pc.rules()["WINRM-HTTP-Compat-In-TCP"]["Enabled"] == "False"
    assert any("Rule Tool" in line for line in first[1])
    assert "nothing changed" in second[1]
    pc.run("-Undo")
    assert pc.bytes() == before


def test_a_disabled_listener_and_an_old_rule_come_back_as_they_were(pc):
    off = {
        "Address": "*",
        "Transport": "HTTP",
        "Port": "5985",
        "Hostname": "lab",
        "Enabled": "false",
        "CertificateThumbprint": "",
    }
    left = rule("gpuready-winrm", RemoteAddress=["Any"])
    before = pc.reset(listeners=[off], rules=[left])
    pc.run("-Controller 10.1.0.5")
    assert pc.state["listeners"][0]["Enabled"] == "true"
    assert pc.rules()["gpuready-winrm"]["RemoteAddress"] == ["10.1.0.5"]
    pc.run("-Undo")
    assert pc.bytes() == before


def test_what_somebody_else_changed_since_is_left(pc):
    pc.reset()
    pc.run("-Controller 10.1.0.5")
    pc.powershell("Set-NetFirewallRule -Name gpuready-winrm -RemoteAddress 10.1.0.6; Stop-Service WinRM")
    preview, (rc, lines, _) = pc.run("-Undo -WhatIf", "-Undo")
    assert next(line for line in preview[1] if line.startswith("left: ")).startswith("left: rule|gpuready-winrm")
    assert rc == 0
    (left,) = [line for line in lines if line.startswith("left: ")]
    assert left.startswith("left: rule|gpuready-winrm is 'port=5985;enabled=True;from=10.1.0.6', which is not what")
    assert pc.rules()["gpuready-winrm"]["RemoteAddress"] == ["10.1.0.6"]
    assert pc.state["listeners"] == []
    assert pc.state["service"] == {"start": "Manual", "status": "Stopped"}


def test_a_certificate_that_is_gone_needs_no_removing(pc):
    before = pc.reset()
    (thumbprint,) = give_certificates(pc, 400)
    pc.run("-Controller 10.1.0.5 -Https")
    assert thumbprint in pc.machine.path(STATE).read_text()
    pc.powershell(f"[Microsoft.Win32.Registry]::LocalMachine.DeleteSubKeyTree('{CERTIFICATES}')")
    ((rc, lines, text),) = pc.run("-Undo")
    assert rc == 0, text
    assert not [line for line in lines if thumbprint in line and "certificate|" in line]
    assert pc.bytes() == before


def test_a_memory_of_somebody_else_is_refused(pc):
    """Everybody may write in ProgramData: a student must not make -Undo set what he wants."""
    pc.reset()
    pc.run("-Controller 10.1.0.5")
    before = pc.bytes()
    os.chown(pc.machine.path(STATE), 12345, 12345)
    on, undo = pc.run("-Controller 10.1.0.6", "-Undo")
    assert (on[0], on[1], undo[0], undo[1]) == (4, [], 4, [])
    assert "STATE_NOT_OURS" in undo[2]
    assert pc.bytes() == before


def test_a_memory_with_something_unknown_stops(pc):
    before = pc.reset()
    pc.machine.path(STATE).parent.mkdir(exist_ok=True)
    memory = {"version": 1, "items": [{"id": "magic|wand", "before": "1", "after": "2"}]}
    pc.machine.path(STATE).write_text(json.dumps(memory))
    ((rc, _, text),) = pc.run("-Undo")
    assert rc == 1
    assert "unknown item magic|wand" in text
    assert pc.bytes() == before


def test_a_damaged_memory_is_refused(pc):
    before = pc.reset()
    pc.machine.path(STATE).parent.mkdir(exist_ok=True)
    pc.machine.path(STATE).write_text('{"version": 1, "items": [{"id"')
    off, undo = pc.run("-Controller 10.1.0.5", "-Undo")
    assert off[0] == undo[0] == 4
    assert "STATE_UNREADABLE" in off[2]
    assert pc.bytes() == before
