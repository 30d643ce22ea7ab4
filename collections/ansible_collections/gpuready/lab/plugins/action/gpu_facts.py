# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at a PC: its module collects raw evidence there, the interpretation is done here."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, cast

from ansible.errors import AnsibleError

from ..plugin_utils import facts, hiding, inside, jobs, planning, reading, trainings, verdicts
from ..plugin_utils import record as records
from ..plugin_utils.action import BadInput, Spec
from ..plugin_utils.evidence import files as evidence
from ..plugin_utils.files import write_whole
from ..plugin_utils.remedies import catalogue
from ..plugin_utils.stacks import runtime

MODULE = "gpuready.lab.gpu_facts"
AT_ONCE = 30.0  # seconds of a look after which the training is left to a task of its own
ON_THE_PC = {
    "home": {"type": "str"},
    "time_limit": {"type": "int"},
    "sysfs": {"type": "str"},
    "check_hashes": {"type": "bool"},
    "distribution": {"type": "str"},
    "location": {"type": "str"},
}
IN_THE_GUEST = ("time_limit", "check_hashes")
# What the role wsl calls the guest, and where it puts it.
OF_THE_GUEST = {"distribution": "wsl_distribution", "location": "wsl_location"}


class ActionModule(jobs.JobAction):
    """Run gpuready.lab.gpu_facts and give the host's record with its facts."""

    SPEC: ClassVar[Spec] = {
        **ON_THE_PC,
        "evidence_file": {"type": "path"},
        "save_evidence": {"type": "path"},
        "redact": {"type": "bool", "default": False},
        "plan": {"type": "bool", "default": False},
        "judge": {"type": "str", "choices": verdicts.WHENS, "default": "never"},
        "train": {"type": "bool", "default": False},
        "changed": {"type": "bool", "default": False},
    }
    OF_LAB: ClassVar[Mapping[str, str]] = {
        "home": "python_environment_home",
        "check_hashes": "python_environment_check_hashes",
        "save_evidence": "gpuready_evidence_dir",
        "redact": "gpuready_redact",
        "judge": "look_judge",
        "train": "look_train",
        "changed": "something_changed",
        **OF_THE_GUEST,
    }

    def act(self, asked: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Collect, interpret, keep, plan, judge, start what can train at once."""
        since = time.monotonic()
        judge = verdicts.when(asked["judge"], self, task_vars)
        prepared = planning.prepare(task_vars, self._templar.template) if asked["plan"] else None
        record = records.new(task_vars)
        done = records.of(task_vars).get("apply")
        if done is not None and ("driver" in done or "other_drivers" in done):  # that is why it is looked at again
            kept = ("changed", "driver", "other_drivers")
            record["apply"] = cast(records.Apply, {name: value for name, value in done.items() if name in kept})
        if asked["changed"]:
            records.changed(record)
        collected: dict[str, Any] | None
        if asked["evidence_file"]:
            record["host"], collected = self._read(Path(asked["evidence_file"]))
        else:
            mine = [name for name in ON_THE_PC if self.is_windows or name not in OF_THE_GUEST]
            arguments = {name: asked[name] for name in mine if asked[name] is not None}
            if self.is_windows:
                arguments["runtime_files"] = list(runtime.FILES)
            collected = self.evidence("gpuready_evidence", record, "look", MODULE, arguments, task_vars)
        if collected is not None:
            record["facts"] = facts.interpret(collected).as_dict()
            if self._leads_in(record, prepared) and (guest := self._inside(record, asked, task_vars)):
                collected = {**collected, "guest": guest}
                record["facts"] = facts.interpret(collected).as_dict()
            record["simulated"] = record["simulated"] or facts.simulated(collected)
            if asked["save_evidence"]:
                kept = hiding.without_secrets(collected, self.secrets(task_vars))
                kept = hiding.redacted(kept) if asked["redact"] else kept
                self._save(Path(asked["save_evidence"]), record["host"], kept)
        result: dict[str, Any] = {"ansible_facts": {"gpuready": record}, "troubles": record["troubles"]}
        if prepared:
            result["summary"] = planning.extend(record, prepared)
        verdicts.conclude(self, record, task_vars, judge)
        quick = time.monotonic() - since < AT_ONCE  # the task's limit is that of the look
        if asked["train"] and quick and not self._task.check_mode and trainings.can_start(record, task_vars):
            if inside.leads_in(record):
                with inside.guest(self, inside.distribution(record), task_vars) as variables:
                    result["under_way"] = self._train(None, record, variables)
            else:
                result["under_way"] = self._train(asked["home"], record, task_vars)
            if result["under_way"]:  # a fact and not the task's result: registered, that is the whole record once more
                result["ansible_facts"]["gpuready_look"] = {"run": record["run"], "under_way": True}
        return result

    def _leads_in(self, record: records.Record, prepared: planning.Preparation | None) -> bool:
        """Whether the lab's guest is on the PC and looked into: where nothing is planned, or the plan leads there."""
        if not self.is_windows or inside.distribution(record) is None:
            return False
        if prepared:
            planning.extend(record, prepared)
        return prepared is None or inside.leads_in(record)

    def _inside(
        self, record: records.Record, asked: Mapping[str, Any], task_vars: dict[str, Any]
    ) -> dict[str, Any] | None:
        """{value, error} of the guest's evidence; None where it was the way there that failed, which is a trouble."""
        arguments = {name: asked[name] for name in IN_THE_GUEST if asked[name] is not None}
        with inside.guest(self, inside.distribution(record), task_vars) as variables:
            answer = self.run_remote(MODULE, arguments, variables)
        if isinstance(found := reading.section(answer, "ansible_facts").get("gpuready_evidence"), dict):
            self.keep_tries(record, answer, "look")
            return {"value": found, "error": None}
        told = self._told(answer, "NO_EVIDENCE")
        if catalogue.remedy(told["code"]).category == "wsl":
            return {"value": None, "error": {"code": told["code"], "message": told["message"]}}
        self.fact("gpuready_evidence", record, "look", answer, "NO_EVIDENCE")
        return None

    def _train(self, home: str | None, record: records.Record, task_vars: dict[str, Any]) -> bool:
        """Whether the training is under way; where it is not, who collects it starts it, and says what is wrong."""
        try:
            given = trainings.of_lab(task_vars, self._templar.template)
        except (BadInput, AnsibleError):
            return False
        wanted = trainings.asked(given, record, task_vars, home, aside=True)
        if isinstance(wanted, str):
            return False
        arguments, job = wanted
        if self.is_windows and (there := arguments.get("home")):
            return self.start_unclaimed(job, trainings.MODULE, arguments, str(there), task_vars)
        return self.start(job, trainings.MODULE, arguments, task_vars) is None

    def _read(self, path: Path) -> tuple[str, dict[str, Any]]:
        """Name and evidence of the PC that a file is of: not of the controller, on which it lies."""
        try:
            host, collected = evidence.load(path.read_bytes())
        except OSError as error:
            raise BadInput(f"{path}: cannot be read: {error.strerror}") from None
        except evidence.EvidenceError as error:
            raise BadInput(f"{path}: {error}") from None
        return host or path.stem, collected

    def _save(self, directory: Path, host: str, collected: dict[str, Any]) -> None:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            write_whole(directory / evidence.name_of(host), evidence.dump(host, collected))
        except OSError as error:  # the controller's disk, not the PC's
            reason = f"the evidence cannot be saved on the controller: {error.strerror or error}"
            raise BadInput(f"gpuready_evidence_dir: {directory}: {reason}") from None
