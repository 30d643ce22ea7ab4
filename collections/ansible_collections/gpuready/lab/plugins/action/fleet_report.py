# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All records of a run as one document and its renderings, written by the controller."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ansible.module_utils.parsing.convert_bool import boolean

from ..plugin_utils import record as records
from ..plugin_utils import trainer
from ..plugin_utils.action import Action, BadInput, Spec
from ..plugin_utils.files import write_together
from ..plugin_utils.report import document as report
from ..plugin_utils.report import renderings
from ..plugin_utils.verdict import judging, machines

FORMATS = list(renderings.RENDERINGS)


class ActionModule(Action):
    """Collect the records of `hosts`, write report.json last."""

    SPEC: ClassVar[Spec] = {
        "hosts": {"type": "list", "elements": "str", "required": True},
        "directory": {"type": "path", "required": True},
        "formats": {"type": "list", "elements": "str", "choices": FORMATS, "default": FORMATS},
    }

    def act(self, asked: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Build, render, write; in check mode too, since a report is the controller's own output."""
        document = self._document(asked["hosts"], task_vars)
        directory = Path(asked["directory"]).resolve()
        texts = renderings.files(document, asked["formats"])
        try:
            write_together(directory, texts, renderings.not_among(texts))
        except OSError as error:
            reason = error.strerror or str(error)
            raise BadInput(
                f"{directory}: the report cannot be written: {reason}. Free space or name another folder."
            ) from None
        page = directory / ("report.html" if "report.html" in texts else renderings.DOCUMENT)
        return {
            "report": str(directory / renderings.DOCUMENT),
            "summary": [*report.summary_lines(document), f"Report: {page}"],
            "counts": document["summary"],
            "bad_input": report.bad_input(document),
        }

    def _document(self, hosts: list[str], task_vars: dict[str, Any]) -> dict[str, Any]:
        simulated = self._flag(task_vars.get("gpuready_simulated"))
        known = task_vars.get("hostvars") or {}
        found = []
        for host in dict.fromkeys(hosts):
            variables = known[host] if host in known else {}  # noqa: SIM401 its get() fails for a host that is not there
            left = _left(variables)
            if isinstance(left, Mapping) and left.get("run") != records.run_of(task_vars):
                left = None  # of an earlier run, out of a fact cache
            record = records.fit(left, host)
            if "verdict" not in record:  # the PC was lost on the way: what is not known is not ready
                lab = simulated or ("gpuready_simulated" in variables and self._flag(variables["gpuready_simulated"]))
                record["simulated"] = lab or record["simulated"]
                policy = {"simulated_lab": lab, "check_mode": self._task.check_mode, "trainer_sha256": trainer.sha256()}
                record["verdict"] = judging.verdict(record, policy)
            found.append(record)
        machines.tell_apart(found)
        run = report.run(task_vars, found, platform.node())
        return report.build(found, {**run, "check": bool(self._task.check_mode)}, simulated)

    def _flag(self, value: object) -> bool:
        return boolean(self._templar.template(value), strict=False) if value is not None else False


def _left(variables: Any) -> Any:
    """The record that a host left among its facts. Nothing else of its variables is looked at: they may be broken."""
    facts = variables["ansible_facts"] if "ansible_facts" in variables else {}  # noqa: SIM401 as above
    return facts.get("gpuready") if isinstance(facts, Mapping) else None
