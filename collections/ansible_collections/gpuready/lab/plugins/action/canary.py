# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Decide for all PCs of a run which are built first, and to which nothing is applied. Runs on the controller alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from ..plugin_utils import canaries, verdicts
from ..plugin_utils import record as records
from ..plugin_utils.action import Action, Spec
from ..plugin_utils.plan import wishes

_COUNT = wishes.PREFIX + "canary"


class ActionModule(Action):
    """Read the records of `hosts`, and give `first` and `shut` as the fact `canary`: once for all PCs of the play."""

    SPEC: ClassVar[Spec] = {
        "hosts": {"type": "list", "elements": "str", "required": True},
        "first": {"type": "list", "elements": "str"},
    }

    def act(self, asked: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Choose; with `first`, those that were chosen, judge their kinds."""
        pcs = [] if self._task.check_mode else list(self._pcs(asked["hosts"], task_vars))
        chosen = asked["first"] if asked["first"] is not None else canaries.first(pcs)
        shut = canaries.shut(pcs, chosen) if asked["first"] is not None else {}
        lines = [f"{host}: {why}" for host, why in shut.items()] if shut else canaries.plain(pcs, chosen)
        told = {"_ansible_verbose_always": True, "msg": lines} if lines else {}
        return {"ansible_facts": {"canary": {"first": chosen, "shut": shut}}, **told}

    def _pcs(self, hosts: list[str], task_vars: dict[str, Any]) -> Iterator[canaries.Pc]:
        """The PCs of this run; none where nobody asks for canaries, which costs no more than asking."""
        known = task_vars.get("hostvars") or {}
        every = {host: known[host] for host in hosts}
        counts = {host: wishes.count(given.get(_COUNT)) or 0 for host, given in every.items()}
        if not any(counts.values()):
            return
        for host, given in every.items():
            record = records.of(given)
            last = None if "verdict" in record or "plan" not in record else verdicts.judge(self, record, given)
            yield canaries.pc(record, counts[host], last)
