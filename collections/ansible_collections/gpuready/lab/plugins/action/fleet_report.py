# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All records of a run as one document and its renderings, written by the controller."""

from __future__ import annotations

import json
import platform
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.gpuready.lab.plugins.module_utils import report, verdict
from ansible_collections.gpuready.lab.plugins.plugin_utils import report_html, report_text
from ansible_collections.gpuready.lab.plugins.plugin_utils.files import write_whole
from ansible_collections.gpuready.lab.plugins.plugin_utils.remote import new_record, record_of

RENDERINGS = {
    "html": ("report.html", report_html.page),
    "md": ("report.md", report_text.markdown),
    "csv": ("report.csv", report_text.table),
    "junit": ("junit.xml", report_text.junit),
    "prom": ("metrics.prom", report_text.prometheus),
}


class ActionModule(ActionBase):
    """Collect the records of `hosts`, write report.json last."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Build, render, write; in check mode too, since a report is the controller's own output."""
        task_vars = task_vars or {}
        result = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            {
                "hosts": {"type": "list", "elements": "str", "required": True},
                "directory": {"type": "path", "required": True},
                "formats": {
                    "type": "list",
                    "elements": "str",
                    "choices": sorted(RENDERINGS),
                    "default": sorted(RENDERINGS),
                },
            }
        )
        document = self._document(arguments["hosts"], task_vars)
        directory = Path(arguments["directory"]).resolve()
        try:
            directory.mkdir(parents=True, exist_ok=True)
            for name in arguments["formats"]:
                file, render = RENDERINGS[name]
                write_whole(directory / file, render(document))
            text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
            write_whole(directory / "report.json", text + "\n")
        except OSError as error:
            raise AnsibleActionFail(
                f"{directory}: the report cannot be written: {error.strerror}. Free space or name another folder."
            ) from None
        return {
            **result,
            "changed": False,
            "report": str(directory / "report.json"),
            "summary": [*report.summary_lines(document), f"Report: {directory / 'report.html'}"],
            "counts": document["summary"],
            "bad_input": [
                f"{record['host']}: {record['verdict']['cause']}"
                for record in document["hosts"]
                if record["verdict"]["code"] == "BAD_INPUT"
            ],
        }

    def _document(self, hosts: list[str], task_vars: dict[str, Any]) -> dict[str, Any]:
        simulated = bool(task_vars.get("gpuready_simulated", False))
        policy = {"simulated_lab": simulated, "check_mode": self._task.check_mode}
        records = []
        for host in hosts:
            variables = {**task_vars["hostvars"].get(host, {}), "inventory_hostname": host}
            record = record_of(variables)
            if "verdict" not in record:  # the PC was lost on the way: what is not known is not ready
                record = {**new_record(variables), **record, "verdict": verdict.verdict(record, policy)}
            records.append(record)
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        looked = [str(record["looked_at"]) for record in records if record.get("looked_at")]
        run = {
            "id": str(task_vars.get("gpuready_run_id") or uuid.uuid4()),
            "started_at": str(task_vars.get("gpuready_started_at") or min(looked, default=now)),
            "finished_at": now,
            "controller": platform.node(),
            "gpuready_version": str(task_vars.get("gpuready_version") or ""),
            "playbook": str(task_vars.get("gpuready_playbook") or ""),
            "check": bool(self._task.check_mode),
        }
        run["seconds"] = report.seconds_of(run)
        return report.build(records, run, simulated)
