# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A distribution of WSL 2 for every user of a Windows PC: exported, listed and given a launcher, or no longer.

One call where nothing is to be exported. An export is a job on the PC.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..plugin_utils import inside, jobs, kept_pass, reading
from ..plugin_utils import record as records
from ..plugin_utils.action import BadInput, Spec
from ..plugin_utils.environment import outcome
from ..plugin_utils.guest import distributions, students

MODULE = "gpuready.lab.wsl_offer"


class ActionModule(jobs.JobAction):
    """Run gpuready.lab.wsl_offer, read what wsl.exe said."""

    SPEC: ClassVar[Spec] = {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "name": {"type": "str", "required": True},
        "version": {"type": "str", "default": ""},
        "list": {"type": "str", "choices": ["beside", "alone"], "default": "beside"},
        "logon": {"type": "bool", "default": False},
        "home": {"type": "str"},
        "time_limit": {"type": "int", "default": 3600},
        "wait": {"type": "bool", "default": True},
        "lock_wait": {"type": "int", "default": 30},
    }

    def act(self, asked: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Check what is asked, run, let the export go on as a job."""
        if not self.is_windows:
            raise BadInput("wsl_offer: the task must run on the Windows side of the PC, not in a guest or on Linux")
        if not distributions.is_name(asked["name"]):
            raise BadInput(f"wsl_offer: name: {asked['name']!r} is no name of a distribution (letters, digits, . _ -)")
        given = {key: value for key, value in asked.items() if key != "wait" and value is not None}
        if asked["state"] == "absent":
            given = {key: given[key] for key in ("state", "name", "home", "lock_wait") if key in given}
            return _told(self.run_remote(MODULE, {**given, "words": students.words()}, task_vars))
        given |= {"words": students.words()}
        return self._kept(self._offered(asked, given, task_vars), task_vars)

    def _offered(self, asked: dict[str, Any], given: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        answer = self.run_remote(MODULE, {**given, "prepare": True}, task_vars)
        if answer.get("ready"):
            what = [asked["name"], asked["version"], asked["list"], asked["logon"]]
            job = jobs.job("exporting", what, task_vars, asked["home"], asked["time_limit"])
            carried = self.carry(job, MODULE, given, task_vars, wait=asked["wait"])
            if carried is None:
                return {"msg": "the export is under way", "under_way": True, "changed": True}
            answer = carried
        return _told(answer)

    def _kept(self, answer: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Let the record name the launcher, and the pass what students get of it."""
        sha256, launcher = reading.section(answer, "offer").get("sha256"), answer.get("launcher")
        if answer.get("failed") or not (sha256 and launcher):
            return answer
        record = records.of(task_vars)
        if not inside.leads_in(record):
            return answer
        apply = record.get("apply") or {"changed": False}
        apply["changed"] = bool(apply["changed"] or answer.get("changed"))
        apply["offer"] = {"launcher": str(launcher), "sha256": str(sha256)}
        record["apply"] = apply
        verdict = record.get("verdict")
        if verdict and verdict["state"] in records.READY and verdict["fingerprint"]["export"] != sha256:
            record["facts"] = _with_export(record.get("facts") or {}, str(sha256))
            record["verdict"] = {**verdict, "fingerprint": {**verdict["fingerprint"], "export": str(sha256)}}
            if not self._task.check_mode:
                with inside.guest(self, inside.distribution(record), task_vars) as variables:
                    kept = kept_pass.keep(self, {"state": "current"}, record, variables)
                if kept.get("failed"):
                    return kept
        return {**answer, "ansible_facts": {"gpuready": record}}


def _with_export(facts: Mapping[str, Any], sha256: str) -> dict[str, Any]:
    wsl = reading.section(facts, "wsl")
    return {**facts, "wsl": {**wsl, "place": {**reading.section(wsl, "place"), "export": sha256}}}


def _told(answer: dict[str, Any]) -> dict[str, Any]:
    return outcome.failure(distributions.read(answer)) or answer
