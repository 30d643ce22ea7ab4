"""Which PCs each play of a run is for."""

from __future__ import annotations

from ansible_collections.gpuready.lab.plugins.plugin_utils.waves import Pc, Wave, gets_driver, waves


def test_each_play_has_the_pcs_on_which_it_has_something_to_do() -> None:
    pcs = [
        Pc("bare", True),
        Pc("built", False),
        Pc("turn", True, in_turn=True),
        Pc("few", False, waited=True, trains_in_turn=True),
    ]
    assert waves(pcs, []) == (
        Wave(),
        Wave(
            build=["bare", "turn"],
            together=["bare"],
            in_turn=["turn"],
            train=["built"],
            collect=["bare", "built", "turn"],
            collect_in_turn=["few"],
        ),
    )


def test_what_gets_a_driver_is_looked_at_again_as_if_nothing_were_built() -> None:
    (_, rest) = waves([Pc("new", False, driver=True), Pc("turn", False, in_turn=True, driver=True)], [])
    assert (rest.drivers, rest.together, rest.in_turn, rest.train) == (["new", "turn"], ["new"], ["turn"], [])


def test_a_driver_of_another_gpu_is_one_too() -> None:
    given = [{"driver": {"id": "new"}}, {"driver": None, "other_drivers": [{"id": "new"}]}, {"driver": None}, {}]
    assert [gets_driver(plan) for plan in given] == [True, True, False, False]


def test_who_goes_first_is_in_the_first_wave_alone() -> None:
    first, rest = waves([Pc("a", True), Pc("b", True)], ["a"])
    assert (first.collect, first.together, rest.collect, rest.together) == (["a"], ["a"], ["b"], ["b"])


def test_a_guest_comes_before_what_is_built_in_it_and_is_offered_after_it_is_proven() -> None:
    pcs = [Pc("new", False, guest=True, offer=True), Pc("turn", False, in_turn=True, guest=True), Pc("native", True)]
    (_, rest) = waves(pcs, [])
    assert (rest.guests, rest.guests_in_turn, rest.offer) == (["new"], ["turn"], ["new"])
    assert (rest.build, rest.train) == (["new", "turn", "native"], [])
