"""Which PCs each play of a run is for."""

from __future__ import annotations

from ansible_collections.gpuready.lab.plugins.plugin_utils.waves import Pc, Wave, waves


def test_each_play_has_the_pcs_on_which_it_has_something_to_do() -> None:
    pcs = [Pc("bare", True), Pc("built", False), Pc("turn", True, in_turn=True), Pc("few", False, waited=True)]
    assert waves(pcs, []) == (
        Wave(),
        Wave(
            all=["bare", "built", "turn", "few"],
            build=["bare", "turn"],
            together=["bare"],
            in_turn=["turn"],
            train=["built"],
        ),
    )


def test_who_goes_first_is_in_the_first_wave_alone() -> None:
    first, rest = waves([Pc("a", True), Pc("b", True)], ["a"])
    assert (first.all, first.together, rest.all, rest.together) == (["a"], ["a"], ["b"], ["b"])
