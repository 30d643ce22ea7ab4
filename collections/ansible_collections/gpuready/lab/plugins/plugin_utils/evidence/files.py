# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Evidence on the controller: as it is saved, and read from a file that someone sent.

A file is `{"host": name, "gpuready_evidence": EVIDENCE}`, a bare EVIDENCE, or the module's result as Ansible
prints it.  docs/evidence.md says what EVIDENCE is.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

SCHEMA_VERSION = 1
_LONGEST = 200  # bytes of a name: a file's ends at 255
PLATFORMS = ("windows", "linux")
_WORD = re.compile(r"\s*[-+.\w\\]*\s*")
_ANSIBLE = re.compile(r"^\S+ \| (?:SUCCESS|CHANGED) => (?=\{)")


class EvidenceError(ValueError):
    """The file is no evidence that can be read.  The message is one line that says why and what to do."""


def load(text: str | bytes) -> tuple[str | None, dict[str, Any]]:
    """Host (None in a bare EVIDENCE) and EVIDENCE out of a file's content; raises EvidenceError.

    Bytes may be UTF-8 or UTF-16 with or without a byte order mark, since PowerShell's `>` writes UTF-16.
    """
    content = _text(text).strip()
    if not content:
        raise EvidenceError("the file is empty: save the evidence again")
    data = _parse(_ANSIBLE.sub("", content))
    if not isinstance(data, dict):
        raise EvidenceError(f"not evidence of gpuready: the file holds {_kind(data)}, not an object")
    host = data.get("host")
    if host is not None and not (isinstance(host, str) and host.strip()):
        raise EvidenceError('not evidence of gpuready: "host" is not a name')
    if isinstance(data.get("ansible_facts"), dict):
        data = data["ansible_facts"]
    evidence = data.get("gpuready_evidence", data)
    if not isinstance(evidence, dict):
        raise EvidenceError(f'not evidence of gpuready: "gpuready_evidence" is {_kind(evidence)}, not an object')
    _check(evidence)
    return (host.strip() if host else None), evidence


def name_of(host: str) -> str:
    """The file of a PC's evidence: its name, without what a file's name cannot hold."""
    name = "".join(c if c.isalnum() or c in "-_." else "_" for c in host) or "pc"
    if len(name.encode()) > _LONGEST:
        name = f"{name[:40]}-{hashlib.sha256(host.encode()).hexdigest()[:12]}"
    return f"{name}.json"


def dump(host: str, evidence: dict[str, Any]) -> str:
    """Evidence as it is saved, which `load` reads."""
    return json.dumps({"host": host, "gpuready_evidence": evidence}, indent=1, ensure_ascii=False) + "\n"


def _text(text: str | bytes) -> str:
    if isinstance(text, bytes):
        encoding = "utf-8"
        if text.startswith((b"\xff\xfe", b"\xfe\xff")):
            encoding = "utf-16"
        elif b"\0" in text[:4]:  # JSON begins with ASCII
            encoding = "utf-16-be" if text.startswith(b"\0") else "utf-16-le"
        try:
            text = text.decode(encoding)
        except UnicodeDecodeError:
            raise EvidenceError("not a text file: evidence is JSON in UTF-8 or UTF-16") from None
    return text.replace("\0", "").lstrip("\ufeff")


def _parse(content: str) -> Any:
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        cut = content[0] in "{[" and (
            _WORD.fullmatch(content, error.pos) or error.msg.startswith("Unterminated string")
        )
        if cut:
            raise EvidenceError(
                "the file ends too early: it was cut off while it was saved or sent; send it again"
            ) from None
        raise EvidenceError(f"not JSON (line {error.lineno}: {error.msg}): give the file that gpuready saved") from None
    except (RecursionError, ValueError):
        raise EvidenceError(
            "not evidence of gpuready: the JSON is nested too deeply or holds numbers without end"
        ) from None


def _check(evidence: dict[str, Any]) -> None:
    version, platform, pieces = evidence.get("schema_version"), evidence.get("platform"), evidence.get("pieces")
    if {"run", "hosts"} <= set(evidence) or {"facts", "troubles"} & set(evidence):
        raise EvidenceError("a report or record of gpuready, not evidence: give a file that was saved with --save")
    if "pieces" not in evidence and "platform" not in evidence:
        keys = ", ".join(sorted(str(key) for key in evidence)[:4]) or "nothing"
        raise EvidenceError(f"not evidence of gpuready, but another program's JSON (it has {_short(keys)})")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise EvidenceError(f"schema_version is {_short(version)}: expected {SCHEMA_VERSION}")
    if version > SCHEMA_VERSION:
        raise EvidenceError(
            f"schema_version {version} is newer than {SCHEMA_VERSION}, which this gpuready knows: update gpuready"
        )
    if platform not in PLATFORMS:
        raise EvidenceError(f"platform is {_short(platform)}: expected one of {', '.join(PLATFORMS)}")
    if not isinstance(pieces, dict):
        raise EvidenceError(f'not evidence of gpuready: "pieces" is {_kind(pieces)}, not an object')


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "nothing"}
    return names.get(type(value), "a number")


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= 60 else text[:57] + "..."
