# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Apply: bring a PC the environment that its plan names, make it the current one after a pass, or take it away.

The plan, the lock and the files that the controller gives are put together here; the module on the PC does the work. A
file of the controller is sent only when the module says that the PC lacks it.
"""

from __future__ import annotations

import ntpath
import posixpath
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ansible.errors import AnsibleError

from ..plugin_utils import controller_uv
from ..plugin_utils import record as records
from ..plugin_utils.action import Spec
from ..plugin_utils.environment.launcher import visible_devices
from ..plugin_utils.environment.sources import SourceError, Sources
from ..plugin_utils.reading import section
from ..plugin_utils.remedies import troubles
from ..plugin_utils.remedies import uv as uv_output
from ..plugin_utils.remote import RemoteAction
from ..plugin_utils.stacks import files as stackfiles

WINDOWS_HOME = r"C:\ProgramData\gpuready"
MODULE = "gpuready.lab.python_environment"
_READ = 2_000  # characters of a line that the PC says
# What the other states take; the rest says how to build and is passed over there.
ELSEWHERE = (
    "state",
    "home",
    "stack",
    "lock_sha256",
    "python",
    "start",
    "lock_wait",
    "keep_old",
    "visible_devices",
    "pass_record",
    "verified",
)
OPTIONS = (
    *("state", "home", "stack", "lock", "lock_sha256", "python", "start", "uv", "uv_archive", "interpreters"),
    *("interpreter_archive", "vc_archive", "needs_vc_runtime", "wheelhouse", "remote_wheelhouse", "index_url"),
    *(
        "extra_index_urls",
        "find_links",
        "no_index",
        "certificates",
        "time_limit",
        "lock_wait",
        "keep_old",
        "keep_cache",
    ),
    *("visible_devices", "pass_record", "verified"),
)


class ActionModule(RemoteAction):
    """Run gpuready.lab.python_environment and keep what it did in the host's record, as `apply`."""

    SPEC: ClassVar[Spec] = {
        **{name: {"type": "raw"} for name in OPTIONS},  # the module converts them
        "state": {"type": "str", "choices": ["present", "current", "unproven", "absent"], "default": "present"},
    }

    def act(self, asked: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Put together, run, send what is missing, run again."""
        result: dict[str, Any] = {}
        start = time.monotonic()
        record = records.of(task_vars)
        options = {key: value for key, value in asked.items() if value is not None}
        state = options["state"]
        sources = Sources()
        try:
            if state == "present" and not self._present(options, record, sources):
                return {
                    **result,
                    "changed": False,
                    "msg": "the plan names no stack that can be built: nothing was done",
                }
            if state == "current":
                self._current(options, record)
            if state == "unproven":
                options.setdefault("stack", section(record, "plan").get("stack"))
            if state != "present":
                options = {key: value for key, value in options.items() if key in ELSEWHERE}
        except SourceError as error:
            return self._failed(result, error.code, str(error))
        except stackfiles.StackFilesError as error:
            return self._failed(result, "LOCK_INVALID", str(error))
        answer = self._converse(options, sources, task_vars)
        if trouble := answer.get("trouble"):
            return self._failed(result, trouble["code"], trouble["message"])
        if answer.get("failed"):
            return self._explained(result, answer)
        if state in ("present", "current"):
            record["apply"] = self._section(record, answer, round(time.monotonic() - start, 1))
            if "keep_old" in options:  # said when it is built, meant when it is switched
                record["apply"]["keep_old"] = options["keep_old"]
        return {**result, **answer, "ansible_facts": {"gpuready": record}}

    # --- what is asked for --------------------------------------------------------------------------------------------
    def _windows(self) -> bool:
        return bool(getattr(self._connection._shell, "_IS_WINDOWS", False))

    def _present(self, options: dict[str, Any], record: Mapping[str, Any], sources: Sources) -> bool:
        """Fill in what the plan says; False when there is nothing to build."""
        plan = record.get("plan") or {}
        environment = plan.get("environment") or {}
        if "stack" not in options:
            if not plan.get("stack") or plan.get("blockers") or not environment.get("lock_sha256"):
                return False
            options["stack"] = plan["stack"]
        if options["stack"] == plan.get("stack") and "lock" not in options:
            if not environment.get("lock_path"):
                raise SourceError("LOCK_INVALID", "the plan names no lock; plan the PC again")
            options["lock"] = stackfiles.lock_text(environment["lock_path"], environment["lock_sha256"])
            options["lock_sha256"] = environment["lock_sha256"]
            options.setdefault("python", environment.get("python"))
            options.setdefault("start", environment.get("start"))
            options.setdefault("needs_vc_runtime", bool(environment.get("needs_vc_runtime")))
            if not options.get("no_index"):
                options["stack_index_urls"] = environment.get("extra_index_urls") or []
        if missing := [key for key in ("lock", "lock_sha256", "python") if not options.get(key)]:
            raise SourceError(
                "ARGUMENTS",
                f"{missing[0]} is missing: a stack that is not the plan's needs lock, lock_sha256 and python",
            )
        self._sources(options, record, sources)
        return True

    def _sources(self, options: dict[str, Any], record: Mapping[str, Any], sources: Sources) -> None:
        """Archives and wheels: what lies on the controller is offered, the rest is the PC's to fetch."""
        interpreters = options.pop("interpreters", None) or {}
        if not isinstance(interpreters, dict):
            raise SourceError("ARGUMENTS", "interpreters: this is not a mapping of a version to its archive")
        options.setdefault("interpreter_archive", interpreters.get(options["python"]))
        for name in ("uv_archive", "interpreter_archive", "vc_archive"):
            value = options.get(name)
            if value is not None and not isinstance(value, dict):
                raise SourceError("ARGUMENTS", f"{name}: this is not a mapping with path or url, and sha256")
            options[name] = sources.archive(name, value, self._here(value))
        target = "windows" if self._windows() else "linux"
        if not options.get("uv") and not options["uv_archive"]:
            facts = record.get("facts") or {}
            there = str((facts.get("uv") or {}).get("path") or "").lower()
            ours = str(options.get("home") or WINDOWS_HOME).lower() + r"\uv.exe"  # then none need be fetched for it
            uv = None if there == ours else controller_uv.for_pc(target, (facts.get("os") or {}).get("architecture"))
            options["uv_binary" if target == "linux" else "uv_archive"] = sources.offer(uv)
        folder = options.pop("wheelhouse", None)
        if "remote_wheelhouse" in options:
            options["wheelhouse"] = options.pop("remote_wheelhouse")
        if folder:
            options["offered_wheels"] = sources.wheelhouse(
                self._path(str(folder)), options["lock"], target, options["python"]
            )

    def _here(self, value: dict[str, Any] | None) -> Path | None:
        """The file of an archive's path on the controller; None for a share, a URL or a path that only the PC has."""
        path = str((value or {}).get("path") or "")
        if not path or path.startswith("\\\\") or (len(path) > 1 and path[1] == ":"):
            return None
        found = self._path(path)
        return found if found.is_file() else None

    def _path(self, path: str) -> Path:
        """A path on the controller, relative ones found as Ansible's other actions find files."""
        try:
            return Path(self._find_needle("files", path))
        except AnsibleError:
            return Path(self._loader.path_dwim(path))

    def _current(self, options: dict[str, Any], record: Mapping[str, Any]) -> None:
        """Fill in the verdict and where the environment is."""
        plan, verdict = record.get("plan") or {}, record.get("verdict") or {}
        environment = plan.get("environment") or {}
        if "stack" not in options:
            if not plan.get("stack") or not environment.get("lock_sha256"):
                raise SourceError(
                    "ARGUMENTS", "there is no plan and no stack: nothing can become the current environment"
                )
            options["stack"], options["lock_sha256"] = plan["stack"], environment["lock_sha256"]
            options.setdefault("start", environment.get("start"))
            options.setdefault("visible_devices", visible_devices(record))
            fingerprint = verdict.get("fingerprint") or {}
            same = fingerprint.get("lock_sha256") == environment["lock_sha256"]
            options.setdefault("verified", verdict.get("state") in records.READY and same)
            if options["verified"] and "pass_record" not in options:
                kept = {key: verdict.get(key) for key in ("state", "code", "cause", "next_step", "checks", "at")}
                options["pass_record"] = {"fingerprint": fingerprint, "verdict": kept, "at": verdict.get("at")}
        kept_old = (record.get("apply") or {}).get("keep_old")
        if kept_old is not None:
            options.setdefault("keep_old", kept_old)
        if "home" not in options and (path := self._known_path(options, record)):
            split = ntpath if self._windows() else posixpath
            options["home"] = split.dirname(split.dirname(path))

    def _known_path(self, options: dict[str, Any], record: Mapping[str, Any]) -> str | None:
        """Where the record says that this environment lies."""
        applied = (record.get("apply") or {}).get("environment") or {}
        for one in [applied, *((record.get("facts") or {}).get("environments") or [])]:
            if one.get("lock_sha256") == options["lock_sha256"] and one.get("path"):
                return str(one["path"])
        return None

    # --- the PC ---------------------------------------------------------------------------------------------------
    def _converse(self, options: dict[str, Any], sources: Sources, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Run the module; while it needs files of the controller, send them and run it again."""
        arguments = {key: value for key, value in options.items() if value is not None}
        uploaded: dict[str, str] = {}
        for _ in range(4):  # uv, interpreter, wheels and the runtime may each be asked for by themselves
            answer = self.run_remote(MODULE, {**arguments, "uploaded": uploaded}, task_vars)
            needs = answer.get("needs")
            if not needs:
                return answer
            try:
                for file in needs:
                    uploaded[file["sha256"]] = self._send(sources.files[file["sha256"]], file["sha256"])
            except (AnsibleError, OSError) as error:
                text = str(error)
                return {"trouble": troubles.classify(text, exception=error, connection=self._connection.transport)}
        return {
            "failed": True,
            "code": "UPLOAD_FAILED",
            "msg": "the PC asks again for files that were sent; check its disk and its virus scanner",
        }

    def _send(self, local: Path, sha256: str) -> str:
        """Put a file of the controller into the PC's temporary folder; its path there."""
        shell = self._connection._shell
        if shell.tmpdir is None:
            self._make_tmp_path()
        remote = shell.join_path(shell.tmpdir, f"{sha256[:12]}-{local.name}")
        self._transfer_file(str(local), remote)
        if not self._windows():
            self._fixup_perms2((shell.tmpdir, remote))
        return str(remote)

    # --- the answer ---------------------------------------------------------------------------------------------------
    def _section(self, record: Mapping[str, Any], answer: dict[str, Any], seconds: float) -> records.Apply:
        """The record's `apply`: a switch after a building is one piece of work."""
        before = record.get("apply") or {}
        built = bool((before.get("environment") or {}).get("built"))
        environment = dict(answer.get("environment") or {})
        environment["built"] = bool(environment.get("built")) or built
        return {
            "changed": bool(answer.get("changed")) or bool(before.get("changed")),
            "environment": environment,
            "home": answer.get("home"),
            "switched": bool(answer.get("switched")) or bool(before.get("switched")),
            "seconds": round(seconds + float(before.get("seconds") or 0), 1),
        }

    def _explained(self, result: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        """A failure on the PC as one line; uv's words are read here."""
        code, details = answer.get("code"), [uv_output.scrub(str(line)[:_READ]) for line in answer.get("details") or []]
        message = uv_output.scrub(str(answer.get("msg") or "the module failed without a word")[:_READ])
        if code in ("UV_FAILED", "ENVIRONMENT_TIME_LIMIT") or (code == "INTERPRETER_MISSING" and details):
            found = uv_output.explain(str(answer.get("phase") or ""), "\n".join(details), known=code)
            result = {**result, "cause": found.cause, "next_step": found.next_step}
            code, message = found.code, found.line
        failed = self._failed(result, str(code or "ENVIRONMENT_FAILED"), message)
        return {**failed, "details": details[-15:], "notes": answer.get("notes") or []}

    def _failed(self, result: dict[str, Any], code: str, message: str) -> dict[str, Any]:
        return {**result, "failed": True, "changed": False, "code": code, "msg": message}
