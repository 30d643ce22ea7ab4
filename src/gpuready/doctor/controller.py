"""Whether this controller is able: Python and programs, locale, clock, disk, certificates, proxy, NTLM, Kerberos."""

from __future__ import annotations

import hashlib
import hmac
import importlib
import importlib.util
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib import parse, request

from gpuready import project
from gpuready.doctor.finding import Finding, ok, unchecked, warning, wrong

_OLDEST, _NEWEST = (3, 12), (3, 14)
_LITTLE, _MUCH_TOO_LITTLE = 2 * 2**30, 200 * 2**20  # bytes free
_BUNDLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_SOFTWARE_YEARS = 15 * 365 * 86400  # no clock is so far ahead of what is installed

Pcs = Mapping[str, Mapping[str, Any]]


def examine(base: Path, pcs: Pcs | None) -> Iterator[Finding]:
    """What is found, in order. `pcs`: those of the lab by name, with their variables; None where none is given."""
    yield _python()
    yield from _programs()
    yield _locale()
    yield _clock()
    yield from _disk(base)
    yield from _certificates()
    yield from _proxy(pcs or {})
    yield _ntlm()
    if pcs is None:
        yield unchecked("Kerberos", "no lab was given, so nobody knows whether it is needed", "Give the lab: -i LAB.")
    elif any(_logs_on(one) == "kerberos" for one in pcs.values()):
        yield from _kerberos(base, pcs)


def _python() -> Finding:
    version = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    if _OLDEST <= sys.version_info[:2] <= _NEWEST:
        return ok("Python", version)
    wanted = f"{_OLDEST[0]}.{_OLDEST[1]} to {_NEWEST[0]}.{_NEWEST[1]}"
    return wrong("Python", f"{version} is not one of {wanted}", f"Install gpuready into an environment of {wanted}.")


def _programs() -> Iterator[Finding]:
    for name in ("ansible-playbook", "ansible-inventory"):
        program = project.program(name)
        if not shutil.which(program, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"):
            yield wrong(
                "Ansible",
                f"{name} is not installed beside gpuready",
                "Run `make setup`, or install gpuready anew, with what it asks for.",
            )
            return
    yield ok("Ansible", "installed")


def _locale() -> Finding:
    name = project.utf8_locale()
    if name is None:
        return wrong(
            "locale",
            "no locale of UTF-8 is installed, and Ansible runs under no other",
            "Install one (Debian: apt-get install locales; locale-gen en_US.UTF-8).",
        )
    return ok("locale", f"{name}, given to Ansible" if name else "of UTF-8")


def _clock() -> Finding:
    """By the files of the program, which cannot be from the future. The PCs' own clocks say more."""
    age = time.time() - Path(__file__).stat().st_mtime
    if -300 < age < _SOFTWARE_YEARS:
        return ok("clock", time.strftime("%Y-%m-%d %H:%M %Z"))
    said = f"it is {time.strftime('%Y-%m-%d %H:%M')} by this controller's clock, which cannot be"
    return wrong("clock", said, "Set the clock by a time server (timedatectl set-ntp true).")


def _disk(base: Path) -> Iterator[Finding]:
    places = {"reports": project.reports(base), "temporary files": Path(tempfile.gettempdir()), "~": Path.home()}
    seen: set[int] = set()
    for what, folder in places.items():
        there = next((one for one in (folder, *folder.parents) if one.is_dir()), Path("/"))
        try:
            device, free = there.stat().st_dev, shutil.disk_usage(there).free
        except OSError as error:
            yield unchecked("disk", f"{folder} ({what}): {error.strerror}")
            continue
        if device in seen:
            continue
        seen.add(device)
        said = f"{free / 2**30:.1f} GB free at {folder} ({what})"
        fix = "Free space there" + (", or set TMPDIR to another folder." if what == "temporary files" else ".")
        if not os.access(there, os.W_OK):
            yield wrong("disk", f"{folder} ({what}) cannot be written", "Call gpuready where you may write.")
        elif free < _MUCH_TOO_LITTLE:
            yield wrong("disk", said, fix)
        elif free < _LITTLE:
            yield warning("disk", said, fix)
        else:
            yield ok("disk", said)


def _certificates() -> Iterator[Finding]:
    well = True
    for name in _BUNDLES:
        file = os.environ.get(name)
        if not file:
            continue
        try:
            store = ssl.create_default_context(cafile=file) if Path(file).is_file() else None
            if store is None and not Path(file).is_dir():
                raise FileNotFoundError("no such file")
        except (OSError, ssl.SSLError) as error:
            well = False
            said = f"{name} names {file}: {getattr(error, 'strerror', None) or error}"
            yield wrong("certificates", said, f"Let {name} name a file of certificates in PEM, or unset it.")
    if not well:
        return
    store = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if store.cert_store_stats()["x509_ca"] or any(Path(paths.capath or "/nowhere").glob("*.0")):
        yield ok("certificates", "the system trusts some authorities")
    else:
        yield warning(
            "certificates",
            "this system trusts no authority: nothing can be downloaded",
            "Install its authorities (Debian: apt-get install ca-certificates).",
        )


def _proxy(pcs: Pcs) -> Iterator[Finding]:
    proxies = {kind: url for kind, url in request.getproxies().items() if kind in ("http", "https") and url}
    if not proxies:
        yield ok("proxy", "none")
        return
    for kind, url in proxies.items():
        parts = parse.urlsplit(url if "://" in url else f"http://{url}")
        if not parts.hostname:
            yield wrong("proxy", f"{kind}_proxy names no host", f"Set {kind}_proxy to http://HOST:PORT, or unset it.")
            return
    through = sorted(name for name, one in pcs.items() if _goes_by_proxy(name, one, proxies))
    if through:
        yield wrong(
            "proxy",
            f"these PCs would be reached through it: {', '.join(through)}",
            "Add their names and addresses to NO_PROXY (no_proxy) on this controller.",
        )
    else:
        yield ok("proxy", "set" + (", and no PC is behind it" if pcs else ""))


def _goes_by_proxy(name: str, variables: Mapping[str, Any], proxies: Mapping[str, str]) -> bool:
    kind = str(variables.get("ansible_connection") or "").rpartition(".")[2]
    if kind not in ("winrm", "psrp") or variables.get("ansible_winrm_proxy") or variables.get("ansible_psrp_proxy"):
        return False
    scheme = str(variables.get("ansible_winrm_scheme") or variables.get("ansible_psrp_protocol") or "https")
    address = str(variables.get("ansible_host") or name)
    return scheme in proxies and not request.proxy_bypass(address)


def _logs_on(variables: Mapping[str, Any]) -> str:
    return str(variables.get("ansible_winrm_transport") or variables.get("ansible_psrp_auth") or "").lower()


def _ntlm() -> Finding:
    """NTLM is made of MD4, which OpenSSL 3 no longer has, and of HMAC-MD5, which FIPS forbids."""
    fix = "Install gpuready anew with what it asks for, or log on by Kerberos."
    try:
        importlib.import_module("requests_ntlm")
        hmac.new(b"", b"", hashlib.md5).digest()
        try:
            md4 = importlib.import_module("spnego._ntlm_raw.md4").md4
        except (ImportError, AttributeError):
            hashlib.new("md4", b"")  # noqa: S324  what NTLM is made of
        else:
            md4(b"")
    except ImportError as error:
        return wrong("NTLM", f"a library is missing: {error.name}", fix)
    except (ValueError, TypeError) as error:
        return wrong("NTLM", f"MD4 or MD5 is not to be had here (FIPS?): {error}", fix)
    return ok("NTLM", "MD4 and MD5 are there")


def _kerberos(base: Path, pcs: Pcs) -> Iterator[Finding]:
    lacking = _lacking(pcs)
    if lacking:
        yield wrong("Kerberos", f"not installed: {', '.join(lacking)}", _packages(base))
    else:
        yield ok("Kerberos", "programs and libraries are there")
    ours = [one for one in pcs.values() if _logs_on(one) == "kerberos"]
    users = {str(one.get("ansible_user") or "") for one in ours}
    yield from _realms({user.partition("@")[2] for user in users if "@" in user})
    for user in sorted(user for user in users if "@" not in user and "{{" not in user):
        yield wrong("Kerberos", f"ansible_user {user or '(none)'} has no realm", "Write it as USER@REALM, in capitals.")
    if shutil.which("klist"):
        yield _ticket(ours)


def _lacking(pcs: Pcs) -> list[str]:
    kinds = {
        str(one.get("ansible_connection") or "").rpartition(".")[2]
        for one in pcs.values()
        if _logs_on(one) == "kerberos"
    }
    modules = [name for kind, names in (("winrm", ["kerberos"]), ("psrp", ["gssapi", "krb5"])) if kind in kinds
               for name in names]  # fmt: skip
    found = [f"the library {name}" for name in modules if importlib.util.find_spec(name) is None]
    return [*found, *(name for name in ("kinit", "klist") if not shutil.which(name))]


def _packages(base: Path) -> str:
    """The exact commands of this system: pykerberos has no wheels and is compiled."""
    with suppress(OSError):
        system = Path("/etc/os-release").read_text("utf-8", "replace")
        if re.search(r"^ID(_LIKE)?=.*(fedora|rhel)", system, re.MULTILINE):
            return f"dnf install gcc python3-devel krb5-devel krb5-workstation; then {_extra(base)}"
    return f"apt-get install gcc python3-dev libkrb5-dev krb5-user; then {_extra(base)}"


def _extra(base: Path) -> str:
    if (base / "uv.lock").is_file():
        return "uv sync --frozen --inexact --extra kerberos in the checkout"
    return "install gpuready[kerberos] instead of gpuready (uv tool install, pip install)"


def _realms(realms: Iterable[str]) -> Iterator[Finding]:
    named = os.environ.get("KRB5_CONFIG", "/etc/krb5.conf").split(":")
    texts = []
    for name in named:
        with suppress(OSError):
            texts.append(Path(name).read_text("utf-8", "replace"))
    text = "\n".join(texts)
    if not texts:
        realm = next(iter(sorted(realms)), "LAB.EXAMPLE.ORG").upper()
        fix = f"Write two lines into it: [libdefaults], and below it default_realm = {realm}."
        yield wrong("krb5.conf", f"{named[0]} cannot be read or is not there", fix)
        return
    by_dns = not re.search(r"^\s*dns_lookup_kdc\s*=\s*(false|no|n|off|0|f)\s*$", text, re.MULTILINE | re.IGNORECASE)
    for realm in sorted(realms):
        if realm != realm.upper():
            yield wrong("krb5.conf", f"the realm {realm} is not in capitals", f"Write it as {realm.upper()}.")
        elif re.search(rf"^\s*{re.escape(realm)}\s*=\s*\{{", text, re.MULTILINE):
            yield ok("krb5.conf", f"{realm} is known")
        elif by_dns:
            yield ok("krb5.conf", f"{realm} is not in it: its domain controllers are looked for by DNS")
        else:
            fix = f"Add {realm} with its kdc to [realms], or let dns_lookup_kdc be true."
            yield wrong("krb5.conf", f"{realm} is not in it, and DNS is not asked", fix)


def _ticket(pcs: list[Mapping[str, Any]]) -> Finding:
    by_hand = any(str(one.get("ansible_winrm_kinit_mode") or "") == "manual" for one in pcs)
    try:
        held = subprocess.run(["klist", "-s"], capture_output=True, check=False, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired) as error:
        return unchecked("ticket", f"klist could not be asked: {error}")
    if held:
        return ok("ticket", "a valid one is held")
    user = next((str(one["ansible_user"]) for one in pcs if one.get("ansible_user")), "USER@REALM")
    if by_hand:
        return wrong("ticket", "no valid one is held, and the inventory gives no password for one", f"kinit {user}")
    return ok("ticket", "none is held: one is made with the password")
