# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The driver of a GPU of a Windows PC, brought to a version: what the device says decides, before and after.

Two calls where the driver is there: is an installation under way, and what does the device say.
An installation is a job on the PC: it outlives the network, which it may cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from ..module_utils.home.archives import shown
from ..plugin_utils import jobs, reading, windows_of_time
from ..plugin_utils import record as records
from ..plugin_utils.action import BadInput, Spec
from ..plugin_utils.driver import applied, endings, outcome
from ..plugin_utils.driver.outcome import Failure, Wanted
from ..plugin_utils.environment import outcome as failing
from ..plugin_utils.environment.sources import RequestError, Sources
from ..plugin_utils.hardware import drivers
from ..plugin_utils.installers.model import SOURCES
from ..plugin_utils.sending import ASKS_AGAIN, SendingAction

MODULE = "gpuready.lab.gpu_driver"
LIMIT = 1800  # seconds
_MOST_LINES = 15


class ActionModule(SendingAction, jobs.JobAction):
    """Run gpuready.lab.gpu_driver, send it the installer, read what the device says."""

    SPEC: ClassVar[Spec] = {
        "state": {"type": "str", "choices": ["present", "staged"], "default": "present"},
        "id": {"type": "str", "required": True},
        "vendor": {"type": "str", "choices": ["nvidia", "amd", "intel"], "required": True},
        "version": {"type": "str", "required": True},
        "file": {"type": "str"},
        "share": {"type": "str"},
        "url": {"type": "str"},
        "windows_update": {"type": "bool", "default": False},
        "accept_licence": {"type": "bool", "default": False},
        "sha256": {"type": "str"},
        "inf": {"type": "str"},
        "arguments": {"type": "list", "elements": "str"},
        "packages": {"type": "list", "elements": "str", "default": []},
        "downgrade": {"type": "bool", "default": False},
        "deferred": {"type": "str", "default": ""},
        "window": {"type": "str", "default": ""},
        "home": {"type": "str"},
        "time_limit": {"type": "int", "default": LIMIT},
        "wait": {"type": "bool", "default": True},
        "lock_wait": {"type": "int", "default": 30},
    }

    def act(self, asked: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Collect what is under way; else look, decide, send, start."""
        if not self.is_windows:
            raise BadInput("gpu_driver: the task must run on the Windows side of the PC, not in a guest or on Linux")
        try:
            wanted, given, sources = self._request(asked, task_vars)
        except RequestError as error:
            return failing.refused(error)
        if asked["state"] == "staged" and asked["windows_update"]:
            return {"msg": f"{wanted.name} comes from Windows Update: there is no file to put on the PC"}
        what = [given.get(name) for name in ("id", "source", "inf", "arguments", "windows_update")] + [
            wanted.version,
            wanted.exact,
        ]
        job = jobs.job("installing", what, task_vars, asked["home"], asked["time_limit"])
        found = self.found(job, task_vars)
        if failed := failing.failure(found):
            return failed
        begun = found.get("job") is not None
        other = jobs.busy(found["job"], job) if begun else None
        if asked["state"] == "staged":
            if begun and other is None:
                return {"msg": f"{wanted.name} is being installed", "under_way": True}
            begun, other = False, None  # a file disturbs no installation
        if other is not None:
            return failing.failure(other) or other
        if not begun:
            seen = self._on_pc({**given, "state": "looked"}, task_vars)
            if (known := self._decided(seen, wanted, asked)) is not None:
                return _timed(known, asked["window"])
            brought = self._brought(given, sources, asked["state"], task_vars)
            if failed := failing.failure(brought):
                return failed
            if asked["state"] == "staged":
                return {"msg": f"the installer of {wanted.name} is on the PC", "changed": bool(brought["changed"])}
            given["expected"] = str(seen.get("number") or "")
        answer = self.carry(job, MODULE, given, task_vars, wait=asked["wait"], begun=begun)
        if answer is None:
            return {"msg": f"{wanted.name} is being installed", "under_way": True, "changed": True}
        ended = _timed(self._ended(answer, wanted, asked), asked["window"])
        return self._kept({**ended, "gpu": asked["id"]}, task_vars)

    def _kept(self, result: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """The result, with what was done in the record of a PC that was looked at; who meets a failure keeps that."""
        if not result.get("changed") or "gpuready" not in reading.section(task_vars, "ansible_facts"):
            return result
        record = records.of(task_vars)
        applied.keep(record, result)
        return {**result, "ansible_facts": {"gpuready": record}}

    def _on_pc(self, given: Mapping[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        return self.run_remote(MODULE, dict(given), task_vars)

    def _decided(self, seen: dict[str, Any], wanted: Wanted, asked: Mapping[str, Any]) -> dict[str, Any] | None:
        """The result where nothing is run now; None where the installer is to be run."""
        if failed := failing.failure(seen):
            return failed
        gpu = outcome.adapter(seen.get("before"), wanted)
        if isinstance(gpu, Failure):
            return _failed(gpu)
        have, there = outcome.version(gpu), outcome.is_there(gpu, wanted)
        said: dict[str, Any] = {"version_before": have, "version_after": have, "others_changed": []}
        said["reboot_required"] = False
        if there:
            return {**said, "msg": outcome.stays(gpu, wanted), "reboot_required": gpu.status == "restart_needed"}
        if there is None:
            return _failed(Failure("DRIVER_UNKNOWN", f"which driver {gpu.name} has is not known: no other replaces it"))
        if seen.get("restart_pending"):
            waits = f"{wanted.name} is installed for {gpu.name} and waits for a restart of Windows"
            return {**said, "msg": waits, "reboot_required": True}
        if gpu.status == "restart_needed":
            waits = f"{gpu.name} waits for a restart of Windows before it gets {wanted.name}"
            return {**said, "msg": waits, "reboot_required": True}
        if self._task.check_mode:
            diff = {"before": {"driver": have}, "after": {"driver": wanted.version}}
            return {**said, "changed": True, "msg": f"{gpu.name} would get {wanted.name}", "diff": diff}
        if asked["state"] == "present" and (why := _closed(asked["window"])):
            step = "Run again in that time (no consent opens it), or change gpu_driver_window."
            return _failed(Failure("DRIVER_DEFERRED", f"{why}: {gpu.name} waits for {wanted.name}", step))
        if asked["state"] == "present" and asked["deferred"]:
            return _failed(Failure("DRIVER_DEFERRED", f"{asked['deferred']}: {gpu.name} waits for {wanted.name}"))
        return None

    def _brought(
        self, given: dict[str, Any], sources: Sources, state: str, task_vars: dict[str, Any]
    ) -> dict[str, Any]:
        """Put the installer on the PC: a file of the controller always, any other where no more is asked."""
        if state == "present" and not sources.files:
            return {}
        answer = self._on_pc({**given, "state": "staged"}, task_vars)
        if answer.get("needs"):
            sent = self.give(answer["needs"], sources.files)
            answer = sent if "trouble" in sent else self._on_pc({**given, "state": "staged", **sent}, task_vars)
        return ASKS_AGAIN if answer.get("needs") else answer

    def _ended(self, answer: dict[str, Any], wanted: Wanted, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The result of an installer that was run."""
        if failed := failing.failure(ASKS_AGAIN if answer.get("needs") else answer):
            if failed["code"] in ("PROGRAM_NOT_STARTED", "ENVIRONMENT_FAILED"):
                cause = f"the installer of {wanted.name} could not be run: {failed['msg']}"
                return _failed(Failure("DRIVER_FAILED", cause))
            return failed
        if not answer.get("ran"):
            cause = f"another driver came to the PC while the installer of {wanted.name} was fetched; it was not run"
            return _failed(Failure("DRIVER_BUSY", cause))
        said, failure = outcome.ended(answer, wanted, asked["time_limit"])
        shown = {key: answer.get(key) for key in ("installer_rc", "seconds")}
        if wanted.way == outcome.UPDATE:
            title = reading.one_line(str(reading.section(answer, "update").get("title") or ""))
            shown = {"update": title, "seconds": answer.get("seconds")}
        if failure is not None:
            changed = said["version_after"] not in (None, said["version_before"])
            return {**_failed(failure, answer.get("tail")), **said, **shown, "changed": changed}
        diff = {"before": {"driver": said["version_before"]}, "after": {"driver": said["version_after"]}}
        words = shown.get("update") or wanted.name
        words = f"{words} is installed" + ("; Windows must be restarted" if said["reboot_required"] else "")
        return {**said, **shown, "changed": True, "msg": words, "diff": diff}

    def _request(
        self, asked: Mapping[str, Any], task_vars: Mapping[str, Any]
    ) -> tuple[Wanted, dict[str, Any], Sources]:
        """What is wanted, what the PC's module is given, the file of the controller. Raises BadInput.

        Raises RequestError where the lab's bundle lacks the installer.
        """
        vendor, sources = asked["vendor"], Sources()
        version = drivers.own_version(vendor, asked["version"])
        if version is None:
            example = drivers.example(vendor)
            raise BadInput(f"gpu_driver: version: {asked['version']!r} is none of {vendor}: write it as {example}")
        there = [name for name in (*SOURCES, outcome.UPDATE) if asked[name]]
        if len(there) != 1:
            raise BadInput(
                "gpu_driver: give one of file, share, url and windows_update, from where the driver is taken"
            )
        try:
            windows_of_time.parse(asked["window"])
        except ValueError as error:
            raise BadInput(f"gpu_driver: window: {error}") from None
        given = {name: asked[name] for name in ("id", "home", "time_limit", "lock_wait")}
        if asked["windows_update"]:
            if beside := [name for name in ("sha256", "inf", "arguments", "packages", "downgrade") if asked[name]]:
                raise BadInput(f"gpu_driver: {beside[0]}: Windows Update brings what it has: take the option out")
            given |= {"windows_update": True, "accept_licence": asked["accept_licence"]}
            wanted = Wanted(asked["id"], vendor, version, way=outcome.UPDATE)
            return wanted, {key: value for key, value in given.items() if value is not None}, sources
        place = {"url" if there[0] == "url" else "path": asked[there[0]], "sha256": asked["sha256"]}
        bundle = self.bundle(task_vars)
        file = bundle.file(str(asked["sha256"])) if bundle else None
        if bundle and file is None and asked["url"]:
            raise RequestError("BUNDLE_INCOMPLETE", f"gpu_driver: {bundle.folder} has no file of {shown(asked['url'])}")
        if file:
            place = {"path": str(file), "sha256": asked["sha256"]}
        elif asked["file"]:
            file = self._file(asked["file"], task_vars)
        try:
            source = sources.archive("gpu_driver", place, file)
        except RequestError as error:
            raise BadInput(str(error)) from None
        wanted = Wanted(asked["id"], vendor, version, asked["downgrade"], endings.PNPUTIL if asked["inf"] else vendor)
        given |= {
            "source": source,
            "inf": asked["inf"],
            "arguments": ""
            if asked["inf"]
            else endings.command_line(vendor, asked["arguments"], asked["packages"], asked["downgrade"]),
            "restart_codes": endings.restart_codes(wanted.way),
        }
        return wanted, {key: value for key, value in given.items() if value is not None}, sources

    def _file(self, given: str, task_vars: Mapping[str, Any]) -> Path:
        """A file of the controller: of the folder of the lab's drivers.yml, else as Ansible finds files."""
        catalogue = self._templar.template(task_vars.get("gpuready_drivers") or "")
        base = Path(str(task_vars.get("inventory_dir") or "."))
        beside = (base / Path(str(catalogue)).expanduser()).parent / given if catalogue else None
        found = beside if beside is not None and beside.is_file() else self.path(given)
        if not found.is_file():
            raise BadInput(f"gpu_driver: file: {given} is not there: correct the path, or put the installer there")
        return found


def _closed(window: str) -> str:
    """Why nothing is installed at this time of the day; empty where it may be."""
    now = datetime.now().astimezone()
    return "" if windows_of_time.is_open(window, now) else f"it is {now:%a %H:%M}, and drivers are installed {window}"


def _timed(result: dict[str, Any], window: str) -> dict[str, Any]:
    """The result; where a restart is needed, with why there is no time for it now."""
    return {**result, "closed": _closed(window)} if result.get("reboot_required") else result


def _failed(failure: Failure, tail: object = None) -> dict[str, Any]:
    """The result of a failure, with the installer's last lines."""
    lines = [tail] if isinstance(tail, str) else [str(line) for line in tail] if isinstance(tail, list) else []
    failed = failing.refused(RequestError(failure.code, failure.cause, failure.next_step))
    return {**failed, "details": lines[-_MOST_LINES:]}
