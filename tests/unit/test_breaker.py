"""The breaker: what trips it, what does not, and that the workers of a run agree."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils import breaker
from ansible_collections.gpuready.lab.plugins.plugin_utils.breaker import Breaker

A, B, WELL = "LOCK_MISMATCH", "NO_WHEEL", None


def ended(folder: Path, limit: int, *codes: str | None) -> str | None:
    for number, code in enumerate(codes):
        Breaker(limit, folder).take(f"pc{number}", code)
    return Breaker(limit, folder).why()


@pytest.mark.parametrize(
    ("codes", "why"),
    [
        ([], None),
        ([A], None),
        ([A, A], "LOCK_MISMATCH at 2 of the last 2 (pc0, pc1)"),
        ([A, WELL, A], "LOCK_MISMATCH at 2 of the last 3 (pc0, pc2)"),
        ([A, B], None),
        ([A, B, B], "NO_WHEEL at 2 of the last 3 (pc1, pc2)"),
        ([A, WELL, WELL, WELL, A], None),
        ([WELL] * 50, None),
        ([WELL, WELL, A, WELL, A], "LOCK_MISMATCH at 2 of the last 4 (pc2, pc4)"),
    ],
)
def test_two_of_the_last_four(tmp_path: Path, codes: list[str | None], why: str | None) -> None:
    assert ended(tmp_path, 2, *codes) == why


def test_what_is_open_stays_open(tmp_path: Path) -> None:
    assert ended(tmp_path, 2, A, A, WELL, WELL, WELL, WELL, B, B) == "LOCK_MISMATCH at 2 of the last 2 (pc0, pc1)"


def test_one_pc_that_fails_again_and_again_is_one(tmp_path: Path) -> None:
    for code in (A, A, A, A):
        Breaker(2, tmp_path).take("pc1", code)
    assert Breaker(2, tmp_path).why() is None
    Breaker(2, tmp_path).take("pc2", A)
    assert Breaker(2, tmp_path).why() == "LOCK_MISMATCH at 2 of the last 2 (pc1, pc2)"


def test_zero_is_never(tmp_path: Path) -> None:
    assert ended(tmp_path, 0, *[A] * 20) is None
    assert not list(tmp_path.iterdir())


def test_of_many_some_are_named(tmp_path: Path) -> None:
    why = ended(tmp_path, 8, *[A] * 8)
    assert why == "LOCK_MISMATCH at 8 of the last 8 (pc0, pc1, pc2, pc3, pc4, 3 more)"


def _work(folder: Path, number: int) -> None:
    for turn in range(25):
        Breaker(1000, folder).take(f"pc{number}-{turn}", A)


def test_workers_agree(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=_work, args=(tmp_path, number)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    lines = (tmp_path / "breaker").read_text().splitlines()
    assert len({json.loads(line)[0] for line in lines}) == 100


@pytest.mark.parametrize(
    ("given", "limit"), [({}, 5), ({"b": ""}, 5), ({"b": "0"}, 0), ({"b": 3}, 3), ({"b": "{{ n }}"}, 7)]
)
def test_its_number_is_the_labs(given: dict[str, Any], limit: int) -> None:
    variables = {"gpuready_breaker": given["b"]} if given else {}
    found = breaker.of(variables, lambda value: 7 if value == "{{ n }}" else value)
    assert found._limit == limit
