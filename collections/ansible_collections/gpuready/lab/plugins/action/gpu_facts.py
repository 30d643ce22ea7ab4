# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at a PC: its module collects raw evidence there, the interpretation is done here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean

from ..plugin_utils import facts, planning, reading
from ..plugin_utils import record as records
from ..plugin_utils.evidence import files as evidence
from ..plugin_utils.files import write_whole
from ..plugin_utils.remote import RemoteAction


class ActionModule(RemoteAction):
    """Run gpuready.lab.gpu_facts and give the host's record with its facts."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Collect, interpret, keep, plan."""
        task_vars = task_vars or {}
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        file, save = arguments.pop("evidence_file", None), arguments.pop("save_evidence", None)
        prepared = None
        if boolean(arguments.pop("plan", False)):
            try:
                prepared = planning.prepare(task_vars, self._templar.template)
            except planning.PlanningError as error:
                return {**result, "failed": True, "code": "BAD_INPUT", "msg": str(error)}
        record = records.new(task_vars)
        found = self._from_file(file, record) if file else self._from_pc(arguments, task_vars, record)
        if found is not None:
            record["facts"] = facts.interpret(found).as_dict()
            marker = (found.get("pieces", {}).get("marker") or {}).get("value")
            record["simulated"] = record["simulated"] or bool(isinstance(marker, dict) and marker.get("simulated"))
            if save:
                try:
                    self._save(Path(save), record["host"], found)
                except OSError as error:  # the controller's disk, not the PC's
                    reason = f"the evidence cannot be saved on the controller: {error.strerror or error}"
                    return {
                        **result,
                        "failed": True,
                        "code": "BAD_INPUT",
                        "msg": f"gpuready_evidence_dir: {save}: {reason}",
                    }
        result |= {"changed": False, "ansible_facts": {"gpuready": record}, "troubles": record["troubles"]}
        if prepared:
            result["summary"] = planning.extend(record, prepared)
        return result

    def _from_pc(
        self, arguments: dict[str, Any], task_vars: dict[str, Any], record: records.Record
    ) -> dict[str, Any] | None:
        answer = self.run_remote("gpuready.lab.gpu_facts", arguments, task_vars)
        found = (answer.get("ansible_facts") or {}).get("gpuready_evidence")
        if isinstance(found, dict):
            return dict(found)
        trouble = answer.get("trouble") or {
            "code": reading.code(answer.get("code")) or "NO_EVIDENCE",
            "message": str(answer.get("msg") or "the PC answered without evidence"),
        }
        record["troubles"].append(
            {"code": trouble["code"], "message": trouble["message"], "step": "look", "task": self._task.get_name()}
        )
        return None

    def _from_file(self, file: str, record: records.Record) -> dict[str, Any]:
        path = Path(file)
        try:
            host, found = evidence.load(path.read_bytes())
        except OSError as error:
            raise AnsibleActionFail(f"{path}: cannot be read: {error.strerror}") from None
        except evidence.EvidenceError as error:
            raise AnsibleActionFail(f"{path}: {error}") from None
        record["host"] = host or path.stem  # not the controller, on which the file lies
        return found

    def _save(self, directory: Path, host: str, found: dict[str, Any]) -> None:
        name = "".join(c if c.isalnum() or c in "-_." else "_" for c in host) or "pc"
        directory.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"host": host, "gpuready_evidence": found}, indent=1, ensure_ascii=False)
        write_whole(directory / f"{name}.json", text + "\n")
