"""scripts/enable-remoting.ps1 on a machine whose WinRM, firewall and services are stand-ins.

The stand-ins are remoting/StandIns.psm1; registry and certificates are Wine's own.
"""

from __future__ import annotations

import copy
import datetime
import json
import os
import re
import shutil
import stat
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


STAND_INS = "Import-Module C:\\lab\\StandIns.psm1\n"
RESET = rf"""
    Remove-Item -LiteralPath C:\ProgramData\gpuready -Recurse -ErrorAction SilentlyContinue
    $hive = [Microsoft.Win32.Registry]::LocalMachine
    $hive.CreateSubKey('{POLICY}').DeleteValue('LocalAccountTokenFilterPolicy', $false)
    $hive.DeleteSubKeyTree('{CERTIFICATES}', $false)
    $hive.DeleteSubKeyTree('{CERTIFICATES.replace("My", "CA")}', $false)
    Remove-Item -LiteralPath C:\ProgramData\WinLab\removed.txt -ErrorAction SilentlyContinue
"""
BEFORE = "Copy-Item C:\\ProgramData\\WinLab\\remoting.json C:\\lab\\before.json\n"
AFTER = rf"""
    $policy = 'HKEY_LOCAL_MACHINE\{POLICY}'
    "<policy $([Microsoft.Win32.Registry]::GetValue($policy, 'LocalAccountTokenFilterPolicy', 'none'))>"
    $s = [System.Security.Cryptography.X509Certificates.X509Store]::new('My', 'LocalMachine')
    $s.Open('ReadOnly')
    "<certificates $($s.Certificates | ForEach-Object {{ $_.Thumbprint }})>"
    exit 0
"""


class Pc:
    """The machine, with the script on it.  A PowerShell takes a second to start, so that each does all it can."""

    def __init__(self, machine):
        self.machine = machine
        self.local_account, self.certificates = "", []
        self._first = ""
        shutil.copy(HERE / "remoting/StandIns.psm1", machine.path(r"C:\lab\StandIns.psm1"))
        shutil.copy(source("scripts/enable-remoting.ps1"), machine.path(r"C:\lab\enable-remoting.ps1"))

    def reset(self, first="", **changes):
        """Back to FRESH with `changes`, at the start of the next run; `first`: PowerShell that is run before it."""
        self.machine.write_json("remoting.json", copy.deepcopy(FRESH) | changes)
        shutil.rmtree(self.machine.lab / "certificates", ignore_errors=True)
        self._first = RESET + first + "\n" + BEFORE

    def run(self, *many):
        """Run the script with each of these arguments: [(exit code, lines of output, error)].

        What begins with "!" is PowerShell of the test's own between two runs.
        """
        script = STAND_INS + self._first
        self._first = ""
        for arguments in many:
            if arguments.startswith("!"):
                script += arguments[1:] + "\n"
            else:
                script += rf"& C:\lab\enable-remoting.ps1 {arguments}" + '\n"<end $LASTEXITCODE>"\n'
                script += "[Console]::Error.WriteLine('<end>')\n"
        reply = self.machine.powershell(script + AFTER)
        assert reply.rc == 0, reply
        outputs = re.findall(r"(.*?)<end (\d+)>\r?\n", reply.stdout, re.S)
        errors = reply.stderr.split("<end>")
        assert len(outputs) == len([m for m in many if not m.startswith("!")]), reply
        self.local_account = re.search(r"<policy (\w*)>", reply.stdout)[1]
        self.certificates = re.search(r"<certificates ([\w ]*)>", reply.stdout)[1].split()
        return [(int(rc), out.splitlines(), e.strip()) for (out, rc), e in zip(outputs, errors, strict=False)]

    @property
    def state(self):
        return self.machine.read_json("remoting.json")

    def removed(self):
        """Certificates that were removed: store, thumbprint, whether their key went too."""
        file = self.machine.lab / "removed.txt"
        return [tuple(line.split()) for line in file.read_text().splitlines()] if file.exists() else []

    def rules(self):
        return {r["Name"]: r for r in self.state["rules"]}

    def is_as_before(self):
        return (self.machine.lab / "remoting.json").read_bytes() == self.machine.path(
            r"C:\lab\before.json"
        ).read_bytes()


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
    pc.reset()
    ((rc, lines, _),) = pc.run("-Controller 10.1.0.5 -LocalAccount -WhatIf")
    assert rc == 0
    assert "would change: service|WinRM from 'start=Manual;status=Stopped' to 'start=Automatic;status=Running'" in lines
    assert "would change: enabled|WINRM-HTTP-In-TCP from 'True' to 'False'" in lines
    assert pc.is_as_before()
    assert not pc.machine.path(STATE).exists()
    assert pc.local_account == "none"


def test_on_off_and_nothing_in_between(pc):
    pc.reset()
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
    assert pc.local_account == "1"
    undo, again = pc.run("-Undo", "-Undo")
    assert undo[0] == 0
    assert len([line for line in undo[1] if line.startswith("put back: ")]) == 9
    assert pc.is_as_before()
    assert pc.local_account == "none"
    assert not pc.machine.path(r"C:\ProgramData\gpuready").exists()
    assert (again[0], again[1]) == (0, ["nothing changed"])


def test_what_is_no_longer_asked_for_is_put_back(pc):
    pc.reset()
    pc.run("-Controller 10.1.0.5 -LocalAccount", "-Controller 10.9.0.0/16")
    assert pc.local_account == "none"
    assert pc.state["config"][AUTH]["Negotiate"] == "false"
    assert pc.rules()["gpuready-winrm"]["RemoteAddress"] == ["10.9.0.0/255.255.0.0"]
    assert pc.rules()["WINRM-HTTP-In-TCP"]["Enabled"] == "False"
    pc.run("-Undo")
    assert pc.is_as_before()


def test_whatif_while_the_service_was_stopped_by_somebody(pc):
    pc.reset()
    _, (rc, lines, _) = pc.run("-Controller 10.1.0.5", "!Stop-Service WinRM", "-Controller 10.1.0.5 -WhatIf")
    assert rc == 0
    assert [line.partition(" from")[0] for line in lines] == [
        "would change: service|WinRM",
        "WinRM is not running: what its settings need is seen once it runs",
    ]


def test_https_with_a_certificate_of_its_own(pc):
    pc.reset()
    soon, long = give_certificates(pc, 20, 900)
    preview, first = pc.run("-Controller 10.1.0.5 -Https -WhatIf", "-Controller 10.1.0.5 -Https")
    assert preview[0] == first[0] == 0
    assert pc.certificates == [soon]
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
    # The key would outlive a certificate that is only removed, and the authorities had a copy of each.
    gone = [("My", soon, "True"), ("CA", soon, "False"), ("My", long, "True"), ("CA", long, "False")]
    assert pc.removed() == gone
    pc.run("-Undo")
    assert pc.is_as_before()
    assert not pc.machine.path(r"C:\ProgramData\gpuready").exists()


def test_https_with_a_given_certificate(pc):
    pc.reset("$null = 1..2 | ForEach-Object { New-SelfSignedCertificate -DnsName x -CertStoreLocation x }")
    given, old = give_certificates(pc, 400, -5)
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
    assert pc.is_as_before()
    assert sorted(pc.certificates) == sorted([given, old])


def test_bad_controllers(pc):
    none = ["", "-Controller ' , '"]
    bad = [
        "pc01",
        "10",
        "Any",
        "10.1.0.5,0.0.0.0/0",
        "::/0",
        "10.1.0.0/33",
        "10.1.0.0/255.0.255.0",
        "10.1.0.300",
        "10.1.0.5-pc02",
    ]
    pc.reset()
    for i, (rc, lines, text) in enumerate(pc.run(*none, *[f"-Controller {b}" for b in bad])):
        assert (rc, lines) == (2, [])
        assert text.startswith("error: NO_CONTROLLER: " if i < len(none) else "error: BAD_CONTROLLER: "), text
        assert "Next step: " in text
    assert i == len(none) + len(bad) - 1
    assert pc.is_as_before()
    assert not pc.machine.path(STATE).exists()


def test_firewall_off_is_refused(pc):
    pc.reset(profiles=[{"Name": "Domain", "Enabled": "False"}, {"Name": "Public", "Enabled": "True"}])
    ((rc, lines, text),) = pc.run("-Controller 10.1.0.5")
    assert (rc, lines) == (4, [])
    assert "FIREWALL_OFF" in text
    assert "Domain" in text
    assert "Public" not in text
    assert pc.is_as_before()
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
    ],
)
def test_a_change_that_fails_can_be_undone(pc, changes, words):
    pc.reset(**changes)
    ((rc, _, text),) = pc.run("-Controller 10.1.0.5")
    assert rc == 1
    assert text.startswith("error: CHANGE_FAILED: ")
    assert words in text
    assert "gpuready-winrm" not in pc.rules()
    assert pc.rules()["WINRM-HTTP-In-TCP"]["Enabled"] == "False"  # closed before anything was opened
    ((rc, _, _),) = pc.run("-Undo")
    assert rc == 0
    assert pc.is_as_before()


def test_rules_of_others_are_told(pc):
    others = [rule("Tool", "5980-5990"), rule("WINRM-HTTP-In-TCP", origin="GroupPolicy")]
    pc.reset(rules=[*others, rule("Other", "80"), rule("Rpc", "RPC")])
    ((rc, lines, _),) = pc.run("-Controller 10.1.0.5")
    assert rc == 0
    warnings = [line for line in lines if line.startswith("warning: ")]
    assert len(warnings) == 2
    assert "'Rule Tool' (Local)" in warnings[0]
    assert "(GroupPolicy)" in warnings[1]
    assert pc.rules()["Tool"]["Enabled"] == "True"


def test_every_rule_that_lets_others_in_is_named(pc):
    """Also for any port and any protocol. What is for another program opens nothing of WinRM's."""
    others = {
        "AnyPort": rule("AnyPort", "Any"),
        "AnyProtocol": rule("AnyProtocol", "Any", Protocol="Any"),
        "System": rule("System", "Any", Program="System"),
        "Service": rule("Service", "Any", Service="WinRM"),
        "Group": rule("Group", "5000-6000", origin="GroupPolicy"),
    }
    harmless = [
        rule("App", "Any", Program=r"C:\app.exe"),
        rule("Spooler", "Any", Service="Spooler"),
        rule("Udp", "Any", Protocol="UDP"),
        rule("Off", "Any", Enabled="False"),
        rule("Block", "Any", Action="Block"),
    ]
    pc.reset(rules=[*others.values(), *harmless])
    ((rc, lines, text),) = pc.run("-Controller 10.1.0.5")
    assert rc == 0, text
    warnings = [line for line in lines if line.startswith("warning: ")]
    assert {re.search(r"'Rule (\w+)'", line)[1] for line in warnings} == set(others)
    said = next(line for line in warnings if "AnyProtocol" in line)
    assert said.endswith("also opens every port; close it where it comes from")


def test_what_local_account_really_opens_is_said_once(pc):
    pc.reset()
    first, second = pc.run("-Controller 10.1.0.5 -LocalAccount", "-Controller 10.1.0.5 -LocalAccount")
    (said,) = [line for line in first[1] if "LocalAccountTokenFilterPolicy gives" in line]
    assert "every local administrator" in said
    assert "not by WinRM alone" in said
    assert second[1][0] == "nothing changed"
    pc.run("-Undo")


HOME = r"C:\ProgramData\gpuready"


def test_the_folder_is_the_administrators_alone(pc):
    pc.reset()
    pc.run("-Controller 10.1.0.5")
    home = pc.machine.path(HOME)
    assert stat.S_IMODE(home.stat().st_mode) == 0o775  # Wine's picture of these rights; made plainly it is 755
    assert [one.name for one in home.parent.iterdir() if one.name.startswith("gpuready.")] == []
    home.chmod(0o777)
    (again,) = pc.run("-Controller 10.1.0.6")
    assert again[0] == 0, again
    assert not home.stat().st_mode & stat.S_IWOTH
    assert any("only administrators may write" in line for line in again[1])
    pc.run("-Undo")
    assert not home.exists()


@pytest.mark.parametrize("trap", ["folder", "file"])
def test_what_somebody_has_laid_ready_is_refused(pc, trap):
    """A link would be refused as a file is; Wine can make none."""
    pc.reset()
    pc.run("!$null = 1")
    home = pc.machine.path(HOME)
    if trap == "folder":
        home.mkdir()
        os.chown(home, 12345, 12345)
    else:
        home.write_text("")
    try:
        for rc, lines, text in pc.run("-Controller 10.1.0.5", "-Undo"):
            assert (rc, lines) == (4, []), text
            assert "HOME_NOT_OURS" in text
        assert pc.is_as_before()
    finally:
        if trap == "file":
            home.unlink()
        else:
            home.rmdir()


def listener(**more):
    return {
        "Address": "*",
        "Transport": "HTTP",
        "Port": "5985",
        "Hostname": "lab",
        "Enabled": "true",
        "CertificateThumbprint": "",
    } | more


def test_a_listener_that_is_there_stays(pc):
    mine = listener(Port="8985")
    del mine["CertificateThumbprint"]
    pc.reset(listeners=[mine], rules=[rule("WINRM-HTTP-Compat-In-TCP", "8985"), rule("Tool", "8985")])
    first, second = pc.run("-Controller 10.1.0.5", "-Controller 10.1.0.5")
    assert pc.state["listeners"] == [mine]
    assert pc.rules()["gpuready-winrm"]["LocalPort"] == ["8985"]
    assert pc.rules()["WINRM-HTTP-Compat-In-TCP"]["Enabled"] == "False"
    assert any("Rule Tool" in line for line in first[1])
    assert "nothing changed" in second[1]
    pc.run("-Undo")
    assert pc.is_as_before()


def test_a_disabled_listener_and_an_old_rule_come_back_as_they_were(pc):
    pc.reset(listeners=[listener(Enabled="false")], rules=[rule("gpuready-winrm", RemoteAddress=["Any"])])
    pc.run("-Controller 10.1.0.5")
    assert pc.state["listeners"][0]["Enabled"] == "true"
    assert pc.rules()["gpuready-winrm"]["RemoteAddress"] == ["10.1.0.5"]
    pc.run("-Undo")
    assert pc.is_as_before()


def test_what_somebody_else_changed_since_is_left(pc):
    pc.reset()
    _, preview, (rc, lines, _) = pc.run(
        "-Controller 10.1.0.5",
        "!Set-NetFirewallRule -Name gpuready-winrm -RemoteAddress 10.1.0.6",
        "-Undo -WhatIf",
        "!Stop-Service WinRM",
        "-Undo",
    )
    assert next(line for line in preview[1] if line.startswith("left: ")).startswith("left: rule|gpuready-winrm")
    assert rc == 0
    (left,) = [line for line in lines if line.startswith("left: ")]
    assert left.startswith("left: rule|gpuready-winrm is 'port=5985;enabled=True;from=10.1.0.6', which is not what")
    assert pc.rules()["gpuready-winrm"]["RemoteAddress"] == ["10.1.0.6"]
    assert pc.state["listeners"] == []
    assert pc.state["service"] == {"start": "Manual", "status": "Stopped"}


def test_a_certificate_that_is_gone_needs_no_removing(pc):
    pc.reset()
    (thumbprint,) = give_certificates(pc, 400)
    on, (rc, lines, text) = pc.run(
        "-Controller 10.1.0.5 -Https",
        "!"
        + "; ".join(
            f"[Microsoft.Win32.Registry]::LocalMachine.DeleteSubKeyTree('{CERTIFICATES.replace('My', store)}')"
            for store in ("My", "CA")
        ),
        "-Undo",
    )
    assert any(thumbprint in line for line in on[1])
    assert rc == 0, text
    assert not [line for line in lines if thumbprint in line and "certificate|" in line]
    assert pc.is_as_before()


def test_a_memory_of_somebody_else_is_refused(pc):
    """Everybody may write in ProgramData: a student must not make -Undo set what he wants."""
    pc.reset()
    pc.run("-Controller 10.1.0.5")
    before = pc.state
    os.chown(pc.machine.path(STATE), 12345, 12345)
    on, undo = pc.run("-Controller 10.1.0.6", "-Undo")
    assert (on[0], on[1], undo[0], undo[1]) == (4, [], 4, [])
    assert "STATE_NOT_OURS" in undo[2]
    assert pc.state == before


@pytest.mark.parametrize(
    ("memory", "rc", "words"),
    [
        ('{"version": 1, "items": [{"id"', 4, "STATE_UNREADABLE"),
        (
            json.dumps({"version": 1, "items": [{"id": "magic|wand", "before": "1", "after": "2"}]}),
            1,
            "unknown item magic",
        ),
    ],
)
def test_a_memory_that_makes_no_sense_stops(pc, memory, rc, words):
    pc.reset()
    write = f"!$null = mkdir C:\\ProgramData\\gpuready; [IO.File]::WriteAllText('{STATE}', '{memory}')"
    ((got, _, text),) = pc.run(write, "-Undo")
    assert got == rc
    assert words in text
    assert pc.is_as_before()
