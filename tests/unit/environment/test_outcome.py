"""How work on a PC's environment ended: the record's section, and failures in one line."""

from __future__ import annotations

from ansible_collections.gpuready.lab.plugins.plugin_utils.environment import outcome


def test_building_and_a_switch_after_it_are_one_piece_of_work() -> None:
    built = {"changed": True, "environment": {"path": "p", "built": True}, "home": "h"}
    first = outcome.section(None, built, 4.25)
    assert first == {
        "changed": True,
        "environment": {"path": "p", "built": True},
        "home": "h",
        "switched": False,
        "seconds": 4.2,
    }
    switched = {"changed": False, "switched": True, "environment": {"path": "p", "built": False}, "home": "h"}
    second = outcome.section({**first, "keep_old": 0, "offer": {"launcher": "l"}}, switched, 1.0)
    assert (second["changed"], second["switched"], second["environment"]["built"]) == (True, True, True)
    assert (second["seconds"], second["keep_old"], second["offer"]) == (5.2, 0, {"launcher": "l"})


def test_a_failure_is_one_line_without_passwords() -> None:
    assert outcome.failure({"changed": True}) is None
    trouble = outcome.failure({"trouble": {"code": "HOST_OFF", "message": "it is off"}})
    assert trouble == {"failed": True, "changed": False, "code": "HOST_OFF", "msg": "it is off"}
    words = ["error: Failed to fetch: `https://student:s3cret@mirror.lab/six/`"]
    failed = outcome.failure({"failed": True, "code": "UV_FAILED", "phase": "packages", "msg": "x", "details": words})
    assert failed
    assert failed["code"] == "INDEX_UNREACHABLE"
    assert "s3cret" not in str(failed)
    wordless = outcome.failure({"failed": True})
    assert wordless
    assert (wordless["code"], wordless["cause"]) == ("ENVIRONMENT_FAILED", "the module failed without a word")
    assert (wordless["msg"], wordless["details"]) == (
        f"{wordless['cause']}; {wordless['next_step'][0].lower()}{wordless['next_step'][1:]}",
        [],
    )


def test_of_two_ways_the_right_failure_is_told() -> None:
    answer = {
        "failed": True,
        "code": "UV_FAILED",
        "phase": "packages",
        "details": ["error: Failed to fetch: `https://stack/a/`"],
        "failures": [
            {"rc": 1, "details": ["error: x", "cause: Hash mismatch for `a==1`"]},
            {"rc": 1, "details": ["error: Failed to fetch: `https://stack/a/`"]},
        ],
    }
    failed = outcome.failure(answer, [{"own_index": False}, {"own_index": True}])
    assert failed
    assert failed["code"] == "HASH_MISMATCH"
    assert "a==1" in failed["msg"]
