"""inventories/lab: empty as shipped, its examples right, no password in it, and its settings reach a PC for real."""

from __future__ import annotations

import datetime
import ipaddress
import json
import re
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from winlab.testing import CHECKOUT, results, run_playbook

LAB = CHECKOUT / "inventories/lab"
EXAMPLE = re.compile(r"^( +)# (pc[\w.\[\]:-]*:( \{.*\})?)$", re.M)
PING = [
    {"name": "Ping", "hosts": "all", "gather_facts": False, "tasks": [{"name": "P", "ansible.windows.win_ping": {}}]}
]


def read(inventory: Path) -> dict:
    command = [str(Path(sys.executable).parent / "ansible-inventory"), "-i", str(inventory), "--list"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=CHECKOUT, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def filled(tmp_path):
    """The inventory with all its examples switched on."""
    copy = tmp_path / "lab"
    shutil.copytree(LAB, copy)
    text, count = EXAMPLE.subn(r"\1\2", (copy / "hosts.yml").read_text())
    assert count == 5
    (copy / "hosts.yml").write_text(text)
    return copy


def test_no_pc_is_listed_as_shipped():
    assert read(LAB)["_meta"]["hostvars"] == {}


def test_examples_are_right_once_switched_on(filled):
    inventory = read(filled)
    hosts = inventory["_meta"]["hostvars"]
    assert len(hosts) == 20 + 2 + 1
    assert set(inventory["domain"]["hosts"]) >= {"pc01.lab.example.org", "pc02.lab.example.org", "pc20.lab.example.org"}
    assert {h["ansible_connection"] for h in hosts.values()} == {"ansible.builtin.winrm"}
    how = {
        name: (h["ansible_winrm_transport"], h["ansible_winrm_scheme"], h["ansible_port"]) for name, h in hosts.items()
    }
    assert how["pc07.lab.example.org"] == ("kerberos", "http", 5985)
    assert how["pc21"] == ("ntlm", "http", 5985)
    assert how["pc31.lab.example.org"] == ("ntlm", "https", 5986)
    assert hosts["pc22"]["gpuready_library"] == "pytorch"
    for name, host in hosts.items():
        encrypted = host.get("ansible_winrm_message_encryption") == "always"
        checked = host.get("ansible_winrm_server_cert_validation") == "validate"
        assert encrypted or checked, name


def test_no_password_in_a_file():
    for file in LAB.rglob("*.yml"):
        for line in file.read_text().splitlines():
            settings = line.strip().lstrip("# ")
            if "password:" in settings and not settings.startswith("vault_"):
                assert "{{" in settings, f"{file}: {line}"
        assert "password" not in json.dumps(yaml.safe_load(file.read_text()) or {}), file


def ping(inventory: Path, host: str, tmp_path: Path, password: str = "S3cret!") -> dict:
    (tmp_path / "ping.yml").write_text(yaml.safe_dump(PING))
    extra = json.dumps({"ansible_password": password, "ansible_user": "labadmin"})
    run = run_playbook(tmp_path / "ping.yml", inventory, "-e", extra)
    return results(run, host)[0][1]


def list_host(inventory: Path, group: str, machine) -> None:
    hosts = {machine.name: {"ansible_host": machine.address}}
    (inventory / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": {group: {"hosts": hosts}}}}))


def test_the_workgroup_settings_reach_a_pc(filled, winlab_machine, tmp_path):
    pc = winlab_machine("inventory")
    list_host(filled, "workgroup", pc)
    assert ping(filled, pc.name, tmp_path)["ping"] == "pong"
    refused = ping(filled, pc.name, tmp_path, password="wrong")
    assert refused["unreachable"]
    assert "rejected" in refused["msg"]


def certificate(address: str) -> bytes:
    """A self-signed certificate with its key, for an address."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, address)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(1))
        .not_valid_after(now + datetime.timedelta(9))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(pem) + private


def test_the_https_settings_reach_a_pc_whose_certificate_is_trusted_and_no_other(filled, winlab_machine, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pc = winlab_machine("inventory-https", tls=context, port=5986)
    for name in ("other.pem", "pc.pem"):
        (tmp_path / name).write_bytes(certificate(pc.address))
    context.load_cert_chain(tmp_path / "pc.pem")
    list_host(filled, "https", pc)
    trust = filled / "group_vars/https.yml"
    settings = trust.read_text()
    trust.write_text(settings + f"ansible_winrm_ca_trust_path: {tmp_path}/pc.pem\n")
    assert ping(filled, pc.name, tmp_path)["ping"] == "pong"
    trust.write_text(settings + f"ansible_winrm_ca_trust_path: {tmp_path}/other.pem\n")
    refused = ping(filled, pc.name, tmp_path)
    assert refused["unreachable"]
    assert "certificate verify failed" in refused["msg"]
