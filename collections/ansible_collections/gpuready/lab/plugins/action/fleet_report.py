# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All records of a run as one document and its renderings, written by the controller."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from ansible.module_utils.parsing.convert_bool import boolean

from ..plugin_utils import hiding, labfolder, others, trainer
from ..plugin_utils import record as records
from ..plugin_utils.action import Action, BadInput, Spec
from ..plugin_utils.files import write_together
from ..plugin_utils.reading import shown
from ..plugin_utils.report import document as report
from ..plugin_utils.report import lab as labs
from ..plugin_utils.report import places, renderings
from ..plugin_utils.verdict import equals, judging, machines

FORMATS = list(renderings.RENDERINGS)


class ActionModule(Action):
    """Collect the records of `hosts`, write report.json last, then take the verdicts into the lab's state."""

    SPEC: ClassVar[Spec] = {
        "hosts": {"type": "list", "elements": "str", "required": True},
        "records": {"type": "path"},
        "directory": {"type": "path"},
        "lab": {"type": "path"},
        "pcs": {"type": "list", "elements": "str"},
        "verdicts": {"type": "bool", "default": True},
        "keep_runs": {"type": "int", "default": 30},
        "redact": {"type": "bool", "default": False},
        "formats": {"type": "list", "elements": "str", "choices": FORMATS, "default": FORMATS},
    }

    def act(self, asked: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Build, render, write; in check mode too, since a report is the controller's own output."""
        if asked["keep_runs"] < 1:
            raise BadInput(f"fleet_report: keep_runs: {asked['keep_runs']} is not a number from 1")
        if not asked["directory"] and not asked["lab"]:
            raise BadInput("fleet_report: directory or lab must name a folder for the report")
        document = self._document(asked["hosts"], asked["verdicts"], task_vars, _kept(asked["records"]))
        lab = Path(asked["lab"]).resolve() if asked["lab"] else None
        directory = _directory(asked["directory"], lab, document["run"])
        inventory = [str(one) for one in task_vars.get("ansible_inventory_sources") or ()]
        before = labfolder.known(lab) if lab and labs.judges(document) else labfolder.Known()
        if since := labs.since(before.state, document, inventory, asked["pcs"]):
            document["since"] = since
        told = hiding.redacted(document) if asked["redact"] else document
        texts = renderings.files(told, asked["formats"])
        try:
            write_together(directory, texts, renderings.not_among(texts))
        except OSError as error:
            reason = f"{directory}: the report cannot be written: {error.strerror or error}"
            return _elsewhere(directory, texts, document["run"]["id"], reason)
        page = "report.html" if "report.html" in texts else renderings.DOCUMENT
        said = self._lab(lab, document, directory, page, asked, inventory, before) if lab else []
        return {
            "report": str(directory / renderings.DOCUMENT),
            "summary": report.summary_lines(told, [f"Report: {directory / page}", *said]),
            "counts": document["summary"],
            "bad_input": report.bad_input(told),
            "not_ready": report.not_ready(told),
        }

    def _lab(
        self,
        lab: Path,
        document: dict[str, Any],
        directory: Path,
        page: str,
        asked: dict[str, Any],
        inventory: list[str],
        before: labfolder.Known,
    ) -> list[str]:
        """Take the run into the lab's state; what is to be said of that. That it failed ends no run."""
        labfolder.prune(lab, asked["keep_runs"])
        if not labs.judges(document):
            what = "check" if document["run"]["check"] else "look or a plan"
            return [f"A {what} gives no verdict: the lab's state is as it was."]
        try:
            kept = labfolder.keep(lab, document, inventory, asked["pcs"], directory, asked["formats"], before)
        except OSError as error:
            reason = f"{error.filename or lab}: {error.strerror or error}"
            return [f"The lab's state could not be kept: {reason}: mend it, or name another folder (gpuready_lab_dir)."]
        lost = (
            [f"The lab's state could not be read, and begins anew with this run: what was there lies in {kept.aside}"]
            if kept.aside
            else []
        )
        return [*lost, f"The lab: {report.headline(kept.document)} {lab / labfolder.LATEST / page}"]

    def _document(
        self, hosts: list[str], verdicts: bool, task_vars: dict[str, Any], kept: dict[str, Any] | None
    ) -> dict[str, Any]:
        """Of the records that the hosts left among their facts, or of those `kept` of an earlier Ansible."""
        simulated = self._flag(task_vars.get("gpuready_simulated"))
        collected = []
        for host in dict.fromkeys(kept["hosts"] if kept else hosts):
            variables = others.Variables(task_vars, host)
            left = kept["hosts"][host].get("record") if kept else _left(variables)
            if isinstance(left, Mapping) and left.get("run") != records.run_of(task_vars):
                left = None  # of an earlier run, out of a fact cache
            record = records.fit(left, host)
            if kept and kept["hosts"][host].get("code"):
                _end(record, kept["hosts"][host])
            if "verdict" not in record:  # the PC was lost on the way: what is not known is not ready
                lab = simulated or ("gpuready_simulated" in variables and self._flag(variables["gpuready_simulated"]))
                record["simulated"] = lab or record["simulated"]
                policy = {"simulated_lab": lab, "check_mode": self._task.check_mode, "trainer_sha256": trainer.sha256()}
                record["verdict"] = judging.verdict(record, policy)
            if where := places.place(variables.written):
                record["place"] = where
            collected.append(record)
        machines.tell_apart(collected)
        equals.compare(collected)
        run = report.run(task_vars, collected, platform.node())
        if kept and "interrupted" in kept:
            run["interrupted"] = shown(kept["interrupted"]) or "it was stopped"
        return report.build(collected, {**run, "check": bool(self._task.check_mode), "verdicts": verdicts}, simulated)

    def _flag(self, value: object) -> bool:
        return boolean(self._templar.template(value), strict=False) if value is not None else False


def _elsewhere(wanted: Path, texts: Mapping[str, str], run: str, reason: str) -> dict[str, Any]:
    """The result where the folder cannot be written: what was found out in hours is kept where there is room."""
    name = "gpuready-report-" + "".join(c for c in run if c.isalnum() or c == "-")[:40]
    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "gpuready"
    for place in (wanted.parent, home, Path(tempfile.gettempdir()), Path("/var/tmp"), Path("/dev/shm")):  # noqa: S108
        try:
            (place / name).mkdir(mode=0o700, parents=True)  # a new one, so that nobody has laid it ready
            write_together(place / name, texts)
        except OSError:
            with suppress(OSError):
                (place / name).rmdir()
            continue
        there = f"it lies in {place / name} instead: free space or name another folder"
        return {"failed": True, "msg": f"{reason}: {there}", "report": str(place / name / renderings.DOCUMENT)}
    return {"failed": True, "msg": f"{reason}, and nowhere else is room: free space and run again"}


def _kept(path: str | None) -> dict[str, Any] | None:
    """The records of a run that was interrupted, or came from several controllers, as gpuready kept them.

    `{interrupted, hosts: {name: {record, code, message, task}}}`, without a code for a PC that was done, and without
    `interrupted` where the run came to its end.
    """
    if path is None:
        return None
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{path}: the records cannot be read: {error}") from None
    hosts = content.get("hosts") if isinstance(content, dict) else None
    if not isinstance(hosts, dict) or not all(isinstance(one, dict) for one in hosts.values()):
        raise BadInput(f"{path}: this is no file of records")
    return dict(content)


def _end(record: dict[str, Any], kept: Mapping[str, Any]) -> None:
    """A PC that was not done when the run ended: a trouble in place of a verdict."""
    record.pop("verdict", None)
    trouble = {key: shown(kept.get(key)) for key in ("code", "message", "task")}
    record["troubles"] = [*record["troubles"], {**trouble, "step": "run"}]


def _left(variables: Any) -> Any:
    """The record that a host left among its facts. Nothing else of its variables is looked at: they may be broken."""
    facts = variables.get("ansible_facts")
    return facts.get("gpuready") if isinstance(facts, Mapping) else None


def _directory(asked: str | None, lab: Path | None, run: Mapping[str, Any]) -> Path:
    """The folder of this run's report: what is asked for, else one of its own among the lab's runs."""
    if asked:
        return Path(asked).resolve()
    return (lab or Path()) / labfolder.RUNS / labs.run_name(run)
