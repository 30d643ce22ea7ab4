# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Decide for all PCs of a run which are built first, and to which nothing is applied. Runs on the controller alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, ClassVar

from ..plugin_utils import canaries, inside, others, reading, verdicts, waves
from ..plugin_utils import record as records
from ..plugin_utils.action import Action, Spec
from ..plugin_utils.plan import wishes
from ..plugin_utils.verdict import passes

_COUNT = wishes.PREFIX + "canary"
_AT_ONCE = ("at_once", "train_at_once")


class ActionModule(Action):
    """Read the records of `hosts`, give who goes first and to whom nothing is applied: once for all PCs of the play."""

    SPEC: ClassVar[Spec] = {
        "hosts": {"type": "list", "elements": "str", "required": True},
        "first": {"type": "list", "elements": "str"},
    }

    def act(self, asked: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Choose; with `first`, those that were chosen, judge their kinds."""
        every = {host: others.Variables(task_vars, host) for host in asked["hosts"]}
        pcs = [] if self._task.check_mode else list(self._pcs(every))
        facts: dict[str, Any] = {}
        if asked["first"] is None:
            chosen, shut = canaries.first(pcs), dict[str, str]()
            facts["waves"] = [asdict(wave) for wave in waves.waves(self._open(every), chosen)]
        else:
            chosen, shut = asked["first"], canaries.shut(pcs, asked["first"])
        facts["canary"] = {"first": chosen, "shut": shut}
        lines = [f"{host}: {why}" for host, why in shut.items()] if shut else canaries.plain(pcs, chosen)
        told = {"_ansible_verbose_always": True, "msg": lines} if lines else {}
        return {"ansible_facts": facts, **told}

    def _open(self, every: Mapping[str, Mapping[str, Any]]) -> Iterator[waves.Pc]:
        """The PCs that have no verdict yet."""
        for host, given in every.items():
            record = records.of(given)
            if "verdict" not in record:
                to_build = passes.environment_is_there(record.get("plan") or {}) is False
                builds, trains = (bool(wishes.count(given.get(wishes.PREFIX + name))) for name in _AT_ONCE)
                look = reading.section(given, "ansible_facts", "gpuready_look")
                under_way = look.get("under_way") is True and look.get("run") == record.get("run")
                waited = trains or under_way or bool(self._task.check_mode)
                plan = reading.section(record, "plan")
                driver, guest = waves.gets_driver(plan), passes.guest_is_there(plan) is False
                offer = inside.leads_in(record) and given.get("wsl_students") in ("present", "absent")
                yield waves.Pc(host, to_build, builds, waited, trains, driver, guest, offer)

    def _pcs(self, every: Mapping[str, Mapping[str, Any]]) -> Iterator[canaries.Pc]:
        """The PCs of this run; none where nobody asks for canaries, which costs no more than asking."""
        counts = {host: wishes.count(given.get(_COUNT)) or 0 for host, given in every.items()}
        if not any(counts.values()):
            return
        for host, given in every.items():
            record = records.of(given)
            last = None if "verdict" in record or "plan" not in record else verdicts.judge(self, record, given)
            yield canaries.pc(record, counts[host], last)
