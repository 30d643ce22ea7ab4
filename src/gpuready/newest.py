"""The lab's state: each PC's newest verdict, the PCs that failed, or those that a run was stopped before."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpuready.errors import GpureadyError, NothingToDoError

STATE = "state.json"
# What --only takes -> the states of a PC's newest verdict; none: no run has judged it yet.
WORDS: Mapping[str, str | None] = {
    "failed": "NOT_READY",
    "unknown": "UNKNOWN",
    "unreachable": "UNREACHABLE",
    "stale": "STALE",
    "degraded": "DEGRADED",
    "ready": "READY",
    "new": None,
}
_NOT_DONE = ("INTERRUPTED", "WORKER_LOST")


def only(lab_dir: Path | None, sources: Sequence[str], names: Sequence[str], words: Sequence[str]) -> list[str]:
    """Those of some PCs whose newest verdict is one of `words`.

    Raises NothingToDoError where there are none, GpureadyError for a word that is none, or a lab without a state.
    """
    wanted = _states(words)
    hosts = _lab(lab_dir, sources, "--only")["hosts"]
    found = [name for name in names if _state(hosts.get(name)) in wanted]
    if not found:
        raise NothingToDoError(f"no PC is {' or '.join(words)}: nothing is to be done")
    return found


def rest(lab_dir: Path | None, sources: Sequence[str], names: Sequence[str]) -> list[str]:
    """Those of some PCs that the last run was to judge and did not, because it was stopped or lost them.

    Raises NothingToDoError where it came to its end, GpureadyError where there is no such run.
    """
    lab = _lab(lab_dir, sources, "--resume")
    run = lab.get("run")
    if not isinstance(run, dict) or not run.get("interrupted"):
        raise NothingToDoError(
            "the last run came to its end: nothing is to be resumed (--only failed takes what failed)"
        )
    open_ = {name for name, code in _report(Path(str(lab_dir)), lab, run).items() if code in _NOT_DONE}
    found = [name for name in names if name in open_]
    if not found:
        raise NothingToDoError("the last run was stopped after its last PC: nothing is to be resumed")
    return found


@dataclass(frozen=True)
class Newest:
    """The newest verdict of a PC; `at` is when its run ended. Without a run that judged it, the state is empty."""

    host: str
    state: str = ""
    code: str = ""
    stack: str = ""
    cause: str = ""
    next_step: str = ""
    at: str = ""
    simulated: bool = False


def verdicts(lab_dir: Path, sources: Sequence[str], words: Sequence[str] | None = None) -> list[Newest]:
    """The newest verdicts of a lab, of all its PCs or those that are one of `words`. No sources: the lab judged last.

    Raises GpureadyError as `only`.
    """
    lab = _lab(lab_dir, sources or None, "list")
    wanted = None if words is None else _states(words)
    known = {str(name): _newest(str(name), entry) for name, entry in lab["hosts"].items()}
    pcs = lab.get("pcs")
    names = [*map(str, pcs if isinstance(pcs, list) else ()), *known]
    found = [known.get(name, Newest(name)) for name in dict.fromkeys(names)]
    return [one for one in found if wanted is None or (one.state or None) in wanted]


def records(lab_dir: Path, sources: Sequence[str]) -> dict[str, Any]:
    """The newest record of each PC of a lab; none where no run has judged one yet, or the state cannot be read."""
    try:
        hosts = _lab(lab_dir, sources, "list")["hosts"]
    except GpureadyError:
        return {}
    return {str(name): entry["record"] for name, entry in hosts.items() if _state(entry) is not None}


def _states(words: Sequence[str]) -> set[str | None]:
    """The states that `--only` means by these words. Raises GpureadyError."""
    wrong = [word for word in words if word not in WORDS]
    if wrong or not words:
        raise GpureadyError(f"--only {','.join(wrong)}: give one or more of {', '.join(WORDS)}, with commas")
    return {WORDS[word] for word in words}


def _newest(name: str, entry: object) -> Newest:
    state = _state(entry)
    if not isinstance(entry, Mapping) or state is None or state not in WORDS.values():
        return Newest(name)
    record, run = entry["record"], entry.get("run")
    verdict, plan = record["verdict"], record.get("plan")
    texts = {key: str(verdict.get(key) or "") for key in ("code", "cause", "next_step")}
    stack = str((plan.get("stack") if isinstance(plan, Mapping) else None) or "")
    at = str((run.get("finished_at") if isinstance(run, Mapping) else None) or "")
    return Newest(name, str(state), stack=stack, at=at, simulated=record.get("simulated") is True, **texts)


def _lab(lab_dir: Path | None, sources: Sequence[str] | None, option: str) -> dict[str, Any]:
    """The state of a lab by its inventory; None: of the one that was judged last."""
    if lab_dir is None:
        raise GpureadyError(f"{option}: this run keeps no state of the lab: name its folder (--lab-dir)")
    path = lab_dir / STATE
    try:
        state = json.loads(path.read_text("utf-8"))
        lab = next((one for one in state["labs"] if sources is None or list(one["inventory"]) == list(sources)), None)
        if lab is not None and not isinstance(lab["hosts"], dict):
            raise TypeError
    except FileNotFoundError:
        lab = None
    except OSError as error:
        raise GpureadyError(
            f"{option}: {path}: cannot be read: {error.strerror}: --lab-dir names the folder of the lab's runs"
        ) from None
    except (ValueError, LookupError, TypeError, AttributeError):
        raise GpureadyError(
            f"{option}: {path}: no state of a lab that this version reads: the next run that judges puts it aside"
        ) from None
    if lab is None:
        if option == "list":
            which = f"of {', '.join(sources)} " if sources else ""
            raise GpureadyError(f"list: {path}: no PC {which}was judged yet: provision, verify or report does it")
        what = ", ".join(sources or ())
        raise GpureadyError(f"{option}: {path}: no run has judged the PCs of {what} yet: run once without {option}")
    return dict(lab)


def _state(entry: object) -> str | None:
    try:
        return str(entry["record"]["verdict"]["state"])  # type: ignore[index]
    except (LookupError, TypeError):
        return None


def _report(lab_dir: Path, lab: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, str]:
    """The codes of all PCs that a run was to judge, by its own report."""
    number = str(run.get("id"))
    folders = [
        lab_dir / str(entry["run"].get("folder"))
        for entry in lab["hosts"].values()
        if isinstance(entry, dict) and isinstance(entry.get("run"), dict) and entry["run"].get("id") == number
    ]
    for folder in dict.fromkeys([*folders, *lab_dir.glob(f"runs/*-{number[:8]}")]):
        try:
            document = json.loads((folder / "report.json").read_text("utf-8"))
            if document["run"]["id"] == number:
                return {str(one["host"]): str(one["verdict"]["code"]) for one in document["hosts"]}
        except (OSError, ValueError, LookupError, TypeError):
            continue
    raise GpureadyError("--resume: the report of the run that was stopped is gone: use --only, or run without both")
