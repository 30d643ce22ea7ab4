"""What a PC's environment is asked for: by the plan and the verdict in its record, or by the options alone."""

from __future__ import annotations

import functools
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils import sending
from ansible_collections.gpuready.lab.plugins.plugin_utils.bundle.model import Bundle, File
from ansible_collections.gpuready.lab.plugins.plugin_utils.environment import request
from ansible_collections.gpuready.lab.plugins.plugin_utils.environment.sources import RequestError
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import runtime
from environment_help import sha256

LOCK = "numpy==1.26.4 --hash=sha256:" + "0" * 64 + "\n"
SHA = sha256(LOCK.encode())
READY = ("READY", "DEGRADED")


def place(windows: bool = True, uv: Path | None = None, bundle: Bundle | None = None) -> request.Place:
    return request.Place(
        windows, lambda path: Path(path) if Path(path).is_file() else None, Path, lambda system, processor: uv, bundle
    )


def record(tmp_path: Path, **environment: Any) -> dict[str, Any]:
    (tmp_path / "lock.txt").write_text(LOCK)
    planned = {
        "python": "3.10",
        "lock_path": str(tmp_path / "lock.txt"),
        "lock_sha256": SHA,
        "start": r"HOME\bin\x.cmd opens it",
        "needs_vc_runtime": True,
        "extra_index_urls": ["https://stack"],
        "gpu_variable": "DML_VISIBLE_DEVICES",
    }
    plan = {"stack": "torch-directml", "blockers": [], "environment": planned | environment}
    fingerprint = {"lock_sha256": SHA, "driver": "1"}
    verdict = {"state": "READY", "code": "TRAINED", "checks": [], "at": "t", "fingerprint": fingerprint}
    return {"plan": plan, "facts": {"os": {"architecture": "x86_64"}}, "verdict": verdict}


def asked(options: dict[str, Any], known: dict[str, Any], **more: Any) -> request.Request:
    found = request.building({"state": "present", **options}, known, place(**more))
    assert found
    return found


def test_what_the_plan_names_is_asked_for(tmp_path: Path) -> None:
    arguments = asked({}, record(tmp_path)).arguments
    assert (arguments["stack"], arguments["lock"], arguments["lock_sha256"]) == ("torch-directml", LOCK, SHA)
    assert arguments["start"] == r"{home}\bin\x.cmd opens it"
    assert arguments["needs_vc_runtime"] is True
    assert arguments["own_vc_runtime"] is False
    assert arguments["runtime_files"] == list(runtime.FILES)
    assert {"UV_PROJECT", "UV_BUILD_CONSTRAINT", "PYTHONPATH"} <= set(arguments["foreign_variables"])
    assert "ways" not in arguments


def test_nothing_is_asked_for_what_cannot_be_built(tmp_path: Path) -> None:
    for change in ({"stack": None}, {"blockers": [{"code": "NO_ADAPTER"}]}, {"environment": None}):
        known = record(tmp_path)
        known["plan"] |= change
        assert request.building({"state": "present"}, known, place()) is None
    assert request.building({"state": "present"}, {}, place()) is None


@pytest.mark.parametrize(
    ("lock", "brings"),
    [
        ("msvc-runtime==14.44.35112\n", True),
        ("a==1\nmsvc_runtime===14.44.35112 --hash=sha256:0\n", True),
        ("a==1\n# via msvc-runtime==14\n", False),
        ("not-msvc-runtime==1\n", False),
    ],
)
def test_whether_a_lock_brings_the_runtime(lock: str, brings: bool) -> None:
    arguments = asked(
        {"stack": "x", "lock": lock, "lock_sha256": sha256(lock.encode()), "python": "3.10"}, {}
    ).arguments
    assert arguments["own_vc_runtime"] is brings


def test_the_ways_are_added_when_the_pc_has_said_what_its_pip_is_told(tmp_path: Path) -> None:
    found = asked({"remote_wheelhouse": r"\\s\w", "extra_index_urls": ["https://more"]}, record(tmp_path))
    found.answer_pip({"files": ["[global]\nindex-url = https://mirror\n"], "variables": {}})
    first, second = found.arguments["ways"]
    assert first["find_links"] == [r"\\s\w"]
    assert first["indexes"] == {"UV_DEFAULT_INDEX": "https://mirror", "UV_INDEX": "https://more"}
    assert second["indexes"] == {"UV_DEFAULT_INDEX": "https://mirror", "UV_INDEX": "https://more https://stack"}


def test_the_controllers_files_are_offered_where_they_are_missing(tmp_path: Path) -> None:
    uv, python = tmp_path / "uv.zip", tmp_path / "python.zip"
    uv.write_bytes(b"uv")
    python.write_bytes(b"python")
    archive = {"path": str(python), "sha256": sha256(b"python")}
    found = asked({"interpreters": {"3.10": archive}}, record(tmp_path), uv=uv)
    assert found.arguments["uv_archive"] == {"name": "uv.zip", "sha256": sha256(b"uv")}
    assert found.arguments["interpreter_archive"] == {"name": "python.zip", "sha256": sha256(b"python")}
    assert set(found.files.values()) == {uv, python}
    linux = asked({}, record(tmp_path), uv=uv, windows=False).arguments
    assert linux["uv_binary"]["name"] == "uv.zip"
    assert not {"vc_archive", "runtime_files", "needs_vc_runtime"} & set(linux)
    there = record(tmp_path)
    there["facts"]["uv"] = {"path": r"C:\ProgramData\gpuready\UV.exe"}
    assert "uv_archive" not in asked({}, there, uv=uv).arguments
    share = {"path": r"\\server\share\python.zip", "sha256": "a" * 64}
    assert asked({"interpreter_archive": share}, record(tmp_path)).arguments["interpreter_archive"] == share


@pytest.mark.parametrize(
    ("options", "code", "word"),
    [
        ({"stack": "other"}, "ARGUMENTS", "lock is missing"),
        ({"interpreters": {"3.10": "x.zip"}}, "ARGUMENTS", "not a mapping"),
        ({"uv_archive": {"path": "uv.zip"}}, "ARGUMENTS", "sha256"),
        ({"wheelhouse": "/nowhere"}, "WHEELHOUSE_MISSING", "not a folder"),
        ({"python": "ten"}, "ARGUMENTS", "python"),
        ({"lock_sha256": "../x"}, "ARGUMENTS", "lock_sha256"),
        ({"time_limit": 0}, "ARGUMENTS", "time_limit"),
        ({"home": r"relative\folder"}, "ARGUMENTS", "home"),
        ({"home": r"C:\lab\..\.*"}, "ARGUMENTS", "home"),
        *(({"stack": name}, "ARGUMENTS", "stack") for name in ["..", "a/b", r"a\b", "", "-a", "a b", "ä", "a-"]),
    ],
)
def test_what_is_refused(tmp_path: Path, options: dict[str, Any], code: str, word: str) -> None:
    with pytest.raises(RequestError, match=word) as caught:
        asked(options, record(tmp_path))
    assert caught.value.code == code


def test_a_lock_that_has_changed_since_it_was_planned(tmp_path: Path) -> None:
    with pytest.raises(RequestError) as caught:
        asked({}, record(tmp_path, lock_sha256="0" * 64))
    assert caught.value.code == "LOCK_INVALID"
    with pytest.raises(RequestError, match="plan the PC again"):
        asked({}, record(tmp_path, lock_path=None))


def test_taking_away_asks_for_little() -> None:
    found = request.building({"state": "absent", "stack": "x", "time_limit": 5}, {}, place())
    assert found
    assert set(found.arguments) == {"state", "stack", "words"}


# --- what has trained ---
def switched(options: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    return request.switching({"state": "current", **options}, known, READY, windows=True).arguments


def test_the_verdict_makes_an_environment_the_current_one(tmp_path: Path) -> None:
    known = record(tmp_path)
    known["apply"] = {"keep_old": 3, "environment": {"lock_sha256": SHA, "path": r"D:\lab\environments\x-1"}}
    known["training"] = {"device": {"visible": 1}}
    arguments = switched({}, known)
    assert (arguments["stack"], arguments["lock_sha256"], arguments["keep_old"]) == ("torch-directml", SHA, 3)
    assert arguments["home"] == r"D:\lab"
    assert arguments["launcher_variable"] == "DML_VISIBLE_DEVICES=1"
    assert "display_name" not in arguments
    known["plan"]["environment"] |= {"framework": "PyTorch 2.4.1"}
    assert switched({}, known)["display_name"] == "PyTorch 2.4.1 (torch-directml) - gpuready"
    assert switched({"display_name": "Ours"}, known)["display_name"] == "Ours"
    kept = arguments["pass_record"]
    assert kept["fingerprint"] == known["verdict"]["fingerprint"]
    assert kept["verdict"]["state"] == "READY"
    assert set(kept["verdict"]) == {"state", "code", "cause", "next_step", "checks", "at"}


def test_two_passes_are_one_when_they_are_bound_to_the_same(tmp_path: Path) -> None:
    known = record(tmp_path)
    first = switched({}, known)["pass_record"]["digest"]
    known["verdict"] |= {"at": "later", "checks": [{"name": "loss"}], "cause": "x"}
    assert switched({}, known)["pass_record"]["digest"] == first
    known["verdict"]["state"] = "DEGRADED"
    assert switched({}, known)["pass_record"]["digest"] != first
    known["verdict"] |= {"state": "READY", "fingerprint": {"lock_sha256": SHA, "driver": "2"}}
    assert switched({}, known)["pass_record"]["digest"] != first


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"state": "NOT_READY"}, "NOT_VERIFIED"),
        ({"fingerprint": {"lock_sha256": "0" * 64}}, "NOT_VERIFIED"),
    ],
)
def test_what_did_not_pass_is_refused(tmp_path: Path, change: dict[str, Any], code: str) -> None:
    known = record(tmp_path)
    known["verdict"] |= change
    with pytest.raises(RequestError) as caught:
        switched({}, known)
    assert caught.value.code == code


def test_options_alone_must_say_that_it_has_trained() -> None:
    given = {"stack": "x", "lock_sha256": SHA}
    with pytest.raises(RequestError, match="has not trained"):
        switched(given, {})
    assert "pass_record" not in switched({**given, "verified": True}, {})
    for lacking in (
        {},
        {"stack": "x", "verified": True},
        {**given, "verified": True, "launcher_variable": "PATH=/evil"},
        {**given, "verified": True, "display_name": "two\nlines"},
    ):
        with pytest.raises(RequestError) as caught:
            switched(lacking, {})
        assert caught.value.code == "ARGUMENTS"


def test_taking_a_pass_back_needs_a_stack(tmp_path: Path) -> None:
    found = request.switching({"state": "unproven"}, record(tmp_path), READY, windows=True).arguments
    assert set(found) == {"state", "stack", "words"}
    with pytest.raises(RequestError, match="nothing can be taken back"):
        request.switching({"state": "unproven"}, {}, READY, windows=True)


# --- a bundle as the one source


NUMPY = "wheels/numpy-1.26.4-cp310-cp310-win_amd64.whl"


def bundled(folder: Path, *left_out: str) -> tuple[Bundle, str]:
    """A bundle with a file of each kind, and a lock whose package is in it."""
    files = []
    for path, kind, system, python in (
        (NUMPY, "wheel", "", ""),
        ("uv/uv-1-py3-none-win_amd64.whl", "uv", "windows", ""),
        ("interpreters/python.tar.gz", "interpreter", "windows", "3.10"),
        ("runtime/vc.exe", "archive", "", ""),
    ):
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_bytes(path.encode())
        if path not in left_out:
            files.append(File(path, sha256(path.encode()), len(path), kind, system=system, python=python))
    return Bundle(folder, tuple(files)), f"numpy==1.26.4 --hash=sha256:{sha256(NUMPY.encode())}\n"


def of_bundle(folder: Path, *left_out: str, **more: Any) -> request.Request:
    bundle, lock = bundled(folder, *left_out)
    own = {"stack": "x", "lock": lock, "lock_sha256": sha256(lock.encode()), "python": "3.10", **more}
    return asked(own, {"facts": {"os": {"architecture": "x86_64"}}}, bundle=bundle)


def test_a_bundle_is_the_one_source(tmp_path: Path) -> None:
    vc = {"url": "https://lab/vc.exe", "sha256": sha256(b"runtime/vc.exe").upper()}
    elsewhere = {"index_url": "https://index", "find_links": ["https://x"], "remote_wheelhouse": r"\\s\w"}
    found = of_bundle(tmp_path, vc_archive=vc, wheelhouse="/nowhere", extra_index_urls=["https://y"], **elsewhere)
    sent = found.arguments
    assert sent["offered_wheels"] == [{"name": Path(NUMPY).name, "sha256": sha256(NUMPY.encode())}]
    assert sent["uv_archive"]["name"] == "uv-1-py3-none-win_amd64.whl"
    assert sent["interpreter_archive"]["name"] == "python.tar.gz"
    assert sent["vc_archive"] == {"name": "vc.exe", "sha256": sha256(b"runtime/vc.exe")}
    assert len(found.files) == 4
    found.answer_pip({"files": ["[global]\nextra-index-url = https://z\nfind-links = https://w\n"], "variables": {}})
    (way,) = sent["ways"]
    assert (way["options"], way["indexes"], way["links"]) == (["--no-index"], {}, [])
    assert way["find_links"] == ["{home}\\wheelhouse"]


def test_what_the_lab_lays_ready_itself_stays(tmp_path: Path) -> None:
    share = {"path": r"\\server\share\python.zip", "sha256": "a" * 64}
    found = of_bundle(tmp_path, interpreters={"3.10": share}, uv=r"C:\uv.exe").arguments
    assert found["interpreter_archive"] == share
    assert "uv_archive" not in found


@pytest.mark.parametrize(
    ("left_out", "more", "says"),
    [
        (NUMPY, {}, "lacks numpy 1.26.4 for Python 3.10 on windows"),
        ("uv/uv-1-py3-none-win_amd64.whl", {}, "has no uv for windows"),
        ("interpreters/python.tar.gz", {}, "has no Python 3.10 for windows"),
        ("", {"vc_archive": {"url": "https://lab/vc.exe", "sha256": "a" * 64}}, "has no file of https://lab/vc.exe"),
    ],
)
def test_what_a_bundle_lacks_is_fetched_from_nowhere_else(
    tmp_path: Path, left_out: str, more: dict[str, Any], says: str
) -> None:
    with pytest.raises(RequestError, match=says) as refused:
        of_bundle(tmp_path, left_out, **more)
    assert refused.value.code == "BUNDLE_INCOMPLETE"


def test_a_file_of_a_bundle_that_has_changed_is_not_sent(tmp_path: Path) -> None:
    bundle, lock = bundled(tmp_path)
    (tmp_path / NUMPY).write_bytes(b"half")
    own = {"stack": "x", "lock": lock, "lock_sha256": sha256(lock.encode()), "python": "3.10"}
    with pytest.raises(RequestError, match="it was not sent") as refused:
        request.building({"state": "present", **own}, {}, place(bundle=bundle))
    assert refused.value.code == "HASH_MISMATCH"


def test_a_wheel_of_a_bundle_is_read_when_a_pc_asks_for_it(tmp_path: Path) -> None:
    bundle, lock = bundled(tmp_path)
    other = b"x" * len(NUMPY)
    (tmp_path / NUMPY).write_bytes(other)  # of the right size
    own = {"stack": "x", "lock": lock, "lock_sha256": sha256(lock.encode()), "python": "3.10"}
    found = request.building({"state": "present", **own}, {}, place(bundle=bundle))
    assert found is not None
    (wheel,) = found.arguments["offered_wheels"]
    action = SimpleNamespace(send=lambda local, sha256: f"there/{local.name}")
    give = functools.partial(sending.SendingAction.give, cast(Any, action))
    trouble = give([wheel], found.files)["trouble"]
    assert trouble["code"] == "HASH_MISMATCH"
    assert f"is {sha256(other)}" in trouble["message"]
    (tmp_path / NUMPY).unlink()
    assert give([wheel], found.files)["trouble"]["code"] == "ARCHIVE_MISSING"
    (tmp_path / NUMPY).write_text(NUMPY)
    assert give([wheel], found.files) == {"uploaded": {wheel["sha256"]: f"there/{Path(NUMPY).name}"}}
