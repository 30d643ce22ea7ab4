# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a PC's environment is asked for: a task's options and the record as the arguments of the PC's module."""

from __future__ import annotations

import hashlib
import json
import ntpath
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..bundle.model import VARIABLE, Bundle, BundleError
from ..record import side
from ..stacks import files as stackfiles
from ..stacks import locks, runtime
from . import packages
from .launcher import display_name, launcher_variable
from .place import unsuitable
from .sources import RequestError, Sources
from .texts import words

WINDOWS_HOME = r"C:\ProgramData\gpuready"
# Variables of whoever is logged on that would lead uv away from its task, or break the lines that it says (COLUMNS).
FOREIGN_VARIABLES = (
    *("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONHOME", "PYTHONPATH", "UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_PROJECT"),
    *("UV_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE_NEWER", "UV_BUILD_CONSTRAINT", "UV_TARGET", "UV_PREFIX"),
    *("UV_OFFLINE", "COLUMNS"),
)
_TEXT, _NUMBER, _TRUTH, _MAPPING = ({"type": kind} for kind in ("str", "int", "bool", "dict"))
_TEXTS = {"type": "list", "elements": "str"}
_STATE = {"home": _TEXT, "stack": _TEXT, "lock_sha256": _TEXT, "start": _TEXT, "lock_wait": _NUMBER}
# The options of the two actions, in the form of an argument_spec.
ENVIRONMENT_OPTIONS: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    **_STATE,
    **dict.fromkeys(("lock", "python", "uv", "wheelhouse", "remote_wheelhouse", "index_url", "certificates"), _TEXT),
    **dict.fromkeys(("uv_archive", "interpreters", "interpreter_archive", "vc_archive"), _MAPPING),
    **dict.fromkeys(("extra_index_urls", "find_links"), _TEXTS),
    **dict.fromkeys(("needs_vc_runtime", "no_index", "keep_cache", "check_hashes"), _TRUTH),
    **dict.fromkeys(("time_limit", "keep_old"), _NUMBER),
    "wait": {"type": "bool", "default": True},
}
PASS_OPTIONS: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": ["current", "trying", "unproven"], "required": True},
    **_STATE,
    "launcher_variable": _TEXT,
    "display_name": _TEXT,
    "pass_record": _MAPPING,
    "verified": _TRUTH,
    "keep_old": _NUMBER,
    "job": {"type": "str", "choices": ["building", "importing", "exporting", "training"]},
}
_COMMON = ("state", "home", "stack", "lock_wait", "job")  # what environment_pass takes in every state
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FORMS = {
    "stack": (re.compile(r"[A-Za-z0-9]+([._-]+[A-Za-z0-9]+)*"), "the name of a stack (letters, digits, - and _)"),
    "lock_sha256": (_SHA256, "64 hexadecimal digits"),
    "python": (re.compile(r"3\.\d{1,2}(\.\d{1,2})?"), "a version such as 3.10"),
    "launcher_variable": (
        re.compile(r"([A-Z][A-Z0-9_]*(DEVICES|SELECTOR|MASK|ORDINAL)=[A-Za-z0-9,.:_/-]*)?"),
        "a variable with its value, as NAME_VISIBLE_DEVICES=1",
    ),
    "display_name": (re.compile(r"[^\x00-\x1f\x7f]{1,100}"), "a name of up to 100 characters"),
}
_WINDOWS_FOLDER = re.compile(r"[A-Za-z]:\\[^<>:\"/|?*%]+")
_INCOMPLETE = "BUNDLE_INCOMPLETE"
_OTHER_SOURCES = ("wheelhouse", "remote_wheelhouse", "index_url", "extra_index_urls", "find_links")
_LEAST = {"time_limit": 1, "keep_old": 0, "lock_wait": 0}


@dataclass(frozen=True)
class Place:
    """The two ends of a request: the PC's system, and how files of the controller are found."""

    windows: bool
    file: Callable[[str], Path | None]  # of a path that an archive is said to have; None where it is the PC's own
    folder: Callable[[str], Path]
    uv: Callable[[str, str | None], Path | None]  # the controller's, for a system and a processor
    bundle: Bundle | None = None  # the one source of all, where the lab has one


@dataclass
class Request:
    """The arguments of the PC's module, and the files of the controller by their sha256 that it may ask for."""

    arguments: dict[str, Any]
    files: Mapping[str, Path] = field(default_factory=dict)
    asked: Mapping[str, Any] = field(default_factory=dict)
    stack_urls: list[str] = field(default_factory=list)
    windows: bool = False
    alone: bool = False  # the controller gives it all: what the PC's pip is told leads nowhere

    def answer_pip(self, said: Mapping[str, Any]) -> None:
        """Add the ways to the packages, now that it is known what the PC's pip is told."""
        offered = ("{home}\\wheelhouse" if self.windows else "{home}/wheelhouse") if self._offers else None
        self.arguments["ways"] = packages.ways(
            self.asked, self.stack_urls, offered, {} if self.alone else packages.pip_settings(said)
        )

    @property
    def _offers(self) -> bool:
        return bool(self.arguments.get("offered_wheels"))


def check(options: Mapping[str, Any], windows: bool) -> None:
    """Refuse what could lead out of the home, or means nothing. Raises RequestError ARGUMENTS."""
    for name, (form, what) in _FORMS.items():
        value = options.get(name)
        if value is not None and not form.fullmatch(str(value)):
            raise RequestError("ARGUMENTS", f"{name}: {value!r} is not {what}")
    for name, least in _LEAST.items():
        if (value := options.get(name)) is not None and value < least:
            raise RequestError("ARGUMENTS", f"{name}: {value} is below {least}")
    home = options.get("home")
    if windows and home is not None and not _WINDOWS_FOLDER.fullmatch(str(home).rstrip("\\")):
        raise RequestError("ARGUMENTS", f"home: {home!r} is not a folder on a drive of the PC")


# --- building, and taking away ----------------------------------------------------------------------------------------
def building(options: Mapping[str, Any], record: Mapping[str, Any], place: Place) -> Request | None:
    """What is asked of python_environment; None when the plan names nothing to build.

    Raises RequestError.
    """
    given = {name: value for name, value in options.items() if value is not None}
    check(given, place.windows)
    if given["state"] == "absent":
        return Request(_arguments(given, place.windows, "state", "home", "stack", "lock_wait"))
    return _present(given, record, place)


def _present(given: dict[str, Any], record: Mapping[str, Any], place: Place) -> Request | None:
    plan = record.get("plan") or {}
    planned = plan.get("environment") or {}
    if "stack" not in given:
        if not plan.get("stack") or plan.get("blockers") or not planned.get("lock_sha256"):
            return None
        given["stack"] = plan["stack"]
    stack_urls: list[str] = []
    if given["stack"] == plan.get("stack") and "lock" not in given:
        if not planned.get("lock_path"):
            raise RequestError("LOCK_INVALID", "the plan names no lock; plan the PC again")
        try:
            given["lock"] = stackfiles.lock_text(planned["lock_path"], planned["lock_sha256"])
        except stackfiles.StackFilesError as error:
            raise RequestError("LOCK_INVALID", str(error)) from None
        given["lock_sha256"] = planned["lock_sha256"]
        for name in ("python", "start", "needs_vc_runtime"):
            if planned.get(name) is not None:
                given.setdefault(name, planned[name])
        stack_urls = list(planned.get("extra_index_urls") or [])
    if bad := unsuitable(given.get("home"), place.windows, planned, side(record)):
        raise bad
    if missing := [key for key in ("lock", "lock_sha256", "python") if not given.get(key)]:
        raise RequestError(
            "ARGUMENTS",
            f"{missing[0]} is missing: a stack that is not the plan's needs lock, lock_sha256 and python",
        )
    if place.bundle:
        given = {name: value for name, value in given.items() if name not in _OTHER_SOURCES} | {"no_index": True}
    sources = Sources()
    arguments = _arguments(
        given,
        place.windows,
        *("state", "home", "stack", "lock", "lock_sha256", "python", "start", "uv", "certificates", "time_limit"),
        *("lock_wait", "keep_cache", "check_hashes"),
    )
    arguments |= _sent(given, record, place, sources)
    arguments |= {"foreign_variables": list(FOREIGN_VARIABLES), "go_on_after": packages.GO_ON_AFTER}
    arguments["builders"] = locks.builders(given["lock"])
    if place.windows:
        arguments["needs_vc_runtime"] = bool(given.get("needs_vc_runtime"))
        arguments["own_vc_runtime"] = runtime.is_brought_by(given["lock"])
        arguments["runtime_files"] = list(runtime.FILES)
    asked = {**given, "wheelhouse": given.get("remote_wheelhouse")}
    return Request(arguments, sources.files, asked, stack_urls, place.windows, place.bundle is not None)


def _sent(given: dict[str, Any], record: Mapping[str, Any], place: Place, sources: Sources) -> dict[str, Any]:
    """Archives and wheels: what lies on the controller is offered, the rest is the PC's to fetch."""
    sent: dict[str, Any] = {}
    archives = {"uv_archive": given.get("uv_archive"), "interpreter_archive": given.get("interpreter_archive")}
    archives["interpreter_archive"] = archives["interpreter_archive"] or (given.get("interpreters") or {}).get(
        given["python"]
    )
    if place.windows:
        archives["vc_archive"] = given.get("vc_archive")
    for name, value in archives.items():
        if value is not None and not isinstance(value, dict):
            raise RequestError("ARGUMENTS", f"{name}: this is not a mapping with path or url, and sha256")
        if place.bundle:
            value = _of_bundle(place.bundle, name, value, given, place.windows)
        sent[name] = sources.archive(name, value, _on_controller(value, place))
    if not given.get("uv") and not sent["uv_archive"]:
        facts = side(record)
        there = str((facts.get("uv") or {}).get("path") or "").lower()
        ours = str(given.get("home") or WINDOWS_HOME).lower() + r"\uv.exe"  # then none need be fetched for it
        system = "windows" if place.windows else "linux"
        own = None if there == ours else _own_uv(place, system, (facts.get("os") or {}).get("architecture"))
        sent["uv_archive" if place.windows else "uv_binary"] = sources.offer(own)
    system = "windows" if place.windows else "linux"
    if place.bundle:
        try:
            files = place.bundle.wheels(locks.parse(given["lock"]), system, given["python"])
        except locks.LockError as error:
            raise RequestError("LOCK_INVALID", str(error)) from None
        except BundleError as error:
            raise RequestError(_INCOMPLETE, str(error)) from None
        sent["offered_wheels"] = [
            sources.listed(VARIABLE, place.bundle.folder / one.path, one.sha256, one.bytes) for one in files
        ]
    elif folder := given.get("wheelhouse"):
        sent["offered_wheels"] = sources.wheelhouse(place.folder(folder), given["lock"], system, given["python"])
    return {name: value for name, value in sent.items() if value is not None}


def _of_bundle(
    bundle: Bundle, name: str, value: dict[str, Any] | None, given: Mapping[str, Any], windows: bool
) -> dict[str, Any] | None:
    """What the bundle has in place of an archive, and its interpreter and its uv where the lab names none."""
    try:
        if value:
            return bundle.instead(value)
    except BundleError as error:
        raise RequestError(_INCOMPLETE, f"{name}: {error}") from None
    system = "windows" if windows else "linux"
    if name == "interpreter_archive":
        found = bundle.interpreter(system, given["python"])
        if found is None:
            raise RequestError(_INCOMPLETE, f"{bundle.folder} has no Python {given['python']} for {system}")
        return found
    return bundle.uv(system) if name == "uv_archive" and not given.get("uv") else None


def _own_uv(place: Place, system: str, architecture: str | None) -> Path | None:
    """The controller's own uv. Where a bundle is the one source, none is fetched for a PC that has none."""
    if place.bundle and system == "windows":
        raise RequestError(_INCOMPLETE, f"{place.bundle.folder} has no uv for {system}")
    return place.uv(system, architecture)


def _on_controller(value: Mapping[str, Any] | None, place: Place) -> Path | None:
    """The file of an archive's path on the controller; None for a share, a URL or a path that only the PC has."""
    path = str((value or {}).get("path") or "")
    if not path or path.startswith("\\\\") or (len(path) > 1 and path[1] == ":"):
        return None
    return place.file(path)


# --- what has trained -------------------------------------------------------------------------------------------------
def switching(options: Mapping[str, Any], record: Mapping[str, Any], ready: tuple[str, ...], windows: bool) -> Request:
    """What is asked of environment_pass: by the verdict in the record, or by the options alone. Raises RequestError.

    `ready`: the states of a verdict that count as ready.
    """
    given = {name: value for name, value in options.items() if value is not None}
    plan, verdict = record.get("plan") or {}, record.get("verdict") or {}
    if given["state"] != "current":
        given.setdefault("stack", plan.get("stack"))
        if not given["stack"]:
            raise RequestError("ARGUMENTS", "there is no plan and no stack: nothing can be taken back")
        if given["state"] == "unproven" and given["stack"] == plan.get("stack") and _failed(verdict):
            given.setdefault("pass_record", _kept(verdict))
        check(given, windows)
        return Request(_arguments(_with_digest(given), windows, *_COMMON, "pass_record"))
    planned = plan.get("environment") or {}
    if "stack" not in given:
        if not plan.get("stack") or not planned.get("lock_sha256"):
            raise RequestError("ARGUMENTS", "there is no plan and no stack: nothing can become the current environment")
        given["stack"], given["lock_sha256"] = plan["stack"], planned["lock_sha256"]
        told = {"start": planned.get("start"), "launcher_variable": launcher_variable(record)}
        for name, value in (told | {"display_name": display_name(plan)}).items():
            if value is not None:
                given.setdefault(name, value)
        fingerprint = verdict.get("fingerprint") or {}
        same = fingerprint.get("lock_sha256") == planned["lock_sha256"]
        given.setdefault("verified", verdict.get("state") in ready and same)
        if given["verified"] and "pass_record" not in given:
            given["pass_record"] = _kept(verdict)
    if not given.get("lock_sha256"):
        raise RequestError("ARGUMENTS", "lock_sha256 is missing: which environment of the stack is meant")
    check(given, windows)
    if not given.get("verified"):
        name = f"{given['stack']}-{given['lock_sha256'][:12]}"
        raise RequestError("NOT_VERIFIED", f"{name} has not trained on this PC: it does not become the current one")
    kept_old = (record.get("apply") or {}).get("keep_old")
    if kept_old is not None:
        given.setdefault("keep_old", kept_old)
    if "home" not in given and (path := _known_path(record, given["lock_sha256"])):
        split = ntpath if windows else posixpath
        given["home"] = split.dirname(split.dirname(path))
    names = ("lock_sha256", "start", "launcher_variable", "display_name", "pass_record", "keep_old")
    return Request(_arguments(_with_digest(given), windows, *_COMMON, *names))


def _kept(verdict: Mapping[str, Any]) -> dict[str, Any]:
    """What the PC keeps of the verdict on its last training, a pass or a failure."""
    kept = {key: verdict.get(key) for key in ("state", "code", "cause", "next_step", "checks", "at")}
    return {"fingerprint": verdict.get("fingerprint") or {}, "verdict": kept, "at": verdict.get("at")}


def _failed(verdict: Mapping[str, Any]) -> bool:
    """Whether it is the training that failed: a verdict on the lab or on the way to the PC says nothing of it later."""
    return verdict.get("state") == "NOT_READY" or (verdict.get("state") == "UNKNOWN" and bool(verdict.get("checks")))


def _with_digest(given: dict[str, Any]) -> dict[str, Any]:
    kept = given.get("pass_record")
    return {**given, "pass_record": {**kept, "digest": digest(kept)}} if kept else given


def digest(record: Mapping[str, Any]) -> str:
    """What makes two passes, or failures, one: what they are bound to and their verdict, not time and numbers."""
    verdict = record.get("verdict") or {}
    bound = [record.get("fingerprint"), verdict.get("state"), verdict.get("code")]
    return hashlib.sha256(json.dumps(bound, sort_keys=True).encode()).hexdigest()


def _known_path(record: Mapping[str, Any], lock_sha256: str) -> str | None:
    """Where the record says that this environment lies."""
    applied = (record.get("apply") or {}).get("environment") or {}
    for one in [applied, *(side(record).get("environments") or [])]:
        if one.get("lock_sha256") == lock_sha256 and one.get("path"):
            return str(one["path"])
    return None


def _arguments(given: Mapping[str, Any], windows: bool, *names: str) -> dict[str, Any]:
    """These options, the texts for students, and how they start the stack on this PC."""
    chosen = {name: given[name] for name in names if name in given}
    if str(chosen.get("start") or "").startswith("HOME"):
        chosen["start"] = "{home}" + chosen["start"].removeprefix("HOME")
    return {**chosen, "words": words(windows)}
