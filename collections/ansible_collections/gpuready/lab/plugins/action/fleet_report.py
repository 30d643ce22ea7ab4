# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All records of a run as one document and its renderings, written by the controller."""

from __future__ import annotations

import json
import platform
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ..plugin_utils import record as records
from ..plugin_utils import trainer
from ..plugin_utils.files import write_together
from ..plugin_utils.reading import items, shown
from ..plugin_utils.remedies import catalogue
from ..plugin_utils.report import document as report
from ..plugin_utils.report import html as report_html
from ..plugin_utils.report import text as report_text
from ..plugin_utils.verdict import judging as verdict

catalogue.preload()  # before Ansible forks

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
        texts = {RENDERINGS[name][0]: RENDERINGS[name][1](document) for name in arguments["formats"]}
        texts["report.json"] = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        obsolete = tuple(file for file, _ in RENDERINGS.values() if file not in texts)
        try:
            write_together(directory, texts, obsolete)
        except OSError as error:
            reason = error.strerror or str(error)
            raise AnsibleActionFail(
                f"{directory}: the report cannot be written: {reason}. Free space or name another folder."
            ) from None
        page = directory / ("report.html" if "report.html" in texts else "report.json")
        return {
            **result,
            "changed": False,
            "report": str(directory / "report.json"),
            "summary": [*report.summary_lines(document), f"Report: {page}"],
            "counts": document["summary"],
            "bad_input": [
                f"{shown(record['host'])}: {found}" for record in document["hosts"] for found in _bad_input(record)
            ],
        }

    def _document(self, hosts: list[str], task_vars: dict[str, Any]) -> dict[str, Any]:
        simulated = self._flag(task_vars.get("gpuready_simulated"))
        known = task_vars.get("hostvars") or {}
        found = []
        for host in dict.fromkeys(hosts):
            variables = known[host] if host in known else {}  # noqa: SIM401 its get() fails for a host that is not there
            record = records.fit(_left(variables), host)
            if "verdict" not in record:  # the PC was lost on the way: what is not known is not ready
                lab = simulated or ("gpuready_simulated" in variables and self._flag(variables["gpuready_simulated"]))
                record["simulated"] = record["simulated"] or lab
                policy = {"simulated_lab": lab, "check_mode": self._task.check_mode, "trainer_sha256": trainer.sha256()}
                record["verdict"] = verdict.verdict(record, policy)
            found.append(record)
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        looked = [record["looked_at"] for record in found if record.get("looked_at")]
        run = {
            "id": shown(task_vars.get("gpuready_run_id")) or str(uuid.uuid4()),
            "started_at": shown(task_vars.get("gpuready_started_at")) or min(looked, default=now),
            "finished_at": now,
            "controller": shown(platform.node()),
            "gpuready_version": shown(task_vars.get("gpuready_version")),
            "playbook": shown(task_vars.get("gpuready_playbook")),
            "check": bool(self._task.check_mode),
        }
        run["seconds"] = report.seconds_of(run)
        return report.build(found, run, simulated)

    def _flag(self, value: object) -> bool:
        return boolean(self._templar.template(value), strict=False) if value is not None else False


def _bad_input(record: Mapping[str, Any]) -> list[str]:
    """What is wrong with a host's variables: a wrong one is the lab's mistake even where the PC is in trouble too."""
    if record["verdict"]["code"] == "BAD_INPUT":
        return [shown(record["verdict"]["cause"])]
    return [shown(one.get("message")) for one in items(record["troubles"]) if one.get("code") == "BAD_INPUT"]


def _left(variables: Any) -> Any:
    """The record that a host left among its facts. Nothing else of its variables is looked at: they may be broken."""
    facts = variables["ansible_facts"] if "ansible_facts" in variables else {}  # noqa: SIM401 as above
    return facts.get("gpuready") if isinstance(facts, Mapping) else None
