"""What a run's events say of its PCs."""

from __future__ import annotations

from typing import Any

from gpuready.watch import Watch


def event(kind: str, host: str, task: str, role: str, **result: Any) -> dict[str, Any]:
    return {"event": kind, "event_data": {"host": host, "task": task, "role": role, "res": result}}


def test_who_has_a_verdict_is_not_finished_while_a_task_goes_on() -> None:
    watch = Watch()
    record = {"gpuready": {"verdict": {"state": "READY"}}}
    watch.take(event("runner_on_ok", "pc1", "Judge", "gpuready.lab.gpu_verify", ansible_facts=record))
    assert watch.finished("pc1")
    watch.take(event("runner_on_start", "pc1", "Make it the current one", "gpuready.lab.gpu_verify"))
    assert not watch.finished("pc1")


def test_the_report_is_no_work_of_the_pc_that_its_task_goes_by() -> None:
    watch = Watch()
    record = {"gpuready": {"verdict": {"state": "READY"}}}
    watch.take(event("runner_on_ok", "pc1", "Judge", "gpuready.lab.gpu_verify", ansible_facts=record))
    watch.take(event("runner_on_start", "pc1", "Write the report", "gpuready.lab.fleet_report"))
    assert watch.finished("pc1")
    assert not watch.finished("pc2")
    assert watch.working  # a process that is lost there is missed all the same
