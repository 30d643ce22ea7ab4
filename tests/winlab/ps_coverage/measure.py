"""Which statements of our PowerShell the winlab tests ran: instrument, gather, compare with unreachable.yml."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[2]
UNREACHABLE = HERE.parent / "unreachable.yml"
TREES = ("collections/ansible_collections/gpuready", "scripts")
ENDINGS = (".ps1", ".psm1")
ON_A_COMMAND_LINE = "plugin_utils/guest/wsl.ps1"  # instrumented it would be longer than a command line may be


@dataclass(frozen=True)
class Statement:
    """A statement: where it begins, its function or '', its own first line, and the line it begins on."""

    file: str
    line: int
    column: int
    function: str
    text: str
    source: str


@dataclass
class Result:
    """What came out.  missed: neither run nor listed; stale: entries whose lines all ran; wrong: match nothing."""

    statements: list[Statement]
    missed: list[Statement]
    excused: list[Statement]
    stale: list[dict[str, Any]] = field(default_factory=list)
    wrong: list[dict[str, Any]] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether CI shall fail."""
        return bool(self.missed or self.wrong)


def prepare(work: Path, powershell: Path, checkout: Path = CHECKOUT) -> int:
    """Copy the trees to work/tree with every PowerShell file instrumented; return how many files that are."""
    shutil.rmtree(work, ignore_errors=True)
    (work / "hits").mkdir(parents=True)
    for tree in TREES:
        if (checkout / tree).is_dir():
            shutil.copytree(checkout / tree, work / "tree" / tree, ignore=shutil.ignore_patterns("__pycache__"))
    top = {tree.split("/")[0] for tree in TREES} | {".git"}
    for other in checkout.iterdir():  # the rest of the project, for what is started from its copy (GPUREADY_ROOT)
        if other.name not in top:
            (work / "tree" / other.name).symlink_to(other)
    files = sorted(
        str(f.relative_to(work / "tree"))
        for tree in TREES
        for f in (work / "tree" / tree).rglob("*")
        if f.suffix in ENDINGS
        and not (checkout / f.relative_to(work / "tree")).is_symlink()  # a link's file is itself here
        and not str(f).endswith(ON_A_COMMAND_LINE)
    )
    jobs = [
        {"id": i, "source": str(checkout / name), "target": str(work / "tree" / name)} for i, name in enumerate(files)
    ]
    command = [
        str(powershell),
        "-NoProfile",
        "-NonInteractive",
        "-File",
        str(HERE / "instrument.ps1"),
        str(work / "jobs.json"),
    ]
    (work / "jobs.json").write_text(json.dumps(jobs))
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode or not done.stdout.strip():
        raise RuntimeError(f"instrument.ps1 ended with {done.returncode}: {done.stderr.strip()}")
    index = []
    entries = json.loads(done.stdout)
    if len(entries) != len(jobs):
        raise RuntimeError(f"instrument.ps1 answered for {len(entries)} files of {len(jobs)}")
    for entry in entries:
        name = files[entry["id"]]
        lines = (checkout / name).read_text(encoding="utf-8-sig").splitlines()
        statements = [
            {**s, "source": lines[s["line"] - 1].strip()}
            for s in sorted(entry["statements"], key=lambda s: (s["line"], s["column"]))
        ]
        index.append({"file": name, "id": entry["id"], "statements": statements})
    (work / "index.json").write_text(json.dumps(index))
    return len(files)


def gather(work: Path) -> tuple[list[Statement], set[Statement]]:
    """All statements of the index, and those that have run."""
    statements: list[Statement] = []
    by_key: dict[str, Statement] = {}
    for entry in json.loads((work / "index.json").read_text()):
        for s in entry["statements"]:
            statement = Statement(entry["file"], s["line"], s["column"], s["function"], s["text"], s["source"])
            statements.append(statement)
            by_key[f"{entry['id']}:{s['line']}:{s['column']}"] = statement
    hits = {line for f in (work / "hits").glob("*.txt") for line in f.read_text(errors="replace").split()}
    return statements, {by_key[k] for k in hits if k in by_key}


def excuses(entry: dict[str, Any], statement: Statement) -> bool:
    """Whether an entry of unreachable.yml names this statement.

    `file` is the end of its path; `line` the text of the line it begins on, or from where it begins to the end of that
    line where it is a part; `lines`: several; `function`: the function it stands in; alone: all of that function.
    """
    if not ("/" + statement.file).endswith("/" + entry["file"]):
        return False
    if "function" in entry and entry["function"] != statement.function:
        return False
    lines = [entry["line"]] if "line" in entry else entry.get("lines")
    if lines is None:
        return "function" in entry
    return statement.text in lines or statement.source in lines


def judge(statements: Iterable[Statement], run: set[Statement], entries: list[dict[str, Any]]) -> Result:
    """Compare what ran with what may be missed."""
    statements = list(statements)
    not_run = [s for s in statements if s not in run]
    excused = [s for s in not_run if any(excuses(e, s) for e in entries)]
    result = Result(statements, [s for s in not_run if s not in set(excused)], excused)
    for entry in entries:
        named = [s for s in statements if excuses(entry, s)]
        if not named or not str(entry.get("reason") or "").strip():
            result.wrong.append(entry)
        elif all(s in run for s in named):
            result.stale.append(entry)
    return result


def read_unreachable(path: Path = UNREACHABLE) -> list[dict[str, Any]]:
    """The entries of unreachable.yml."""
    return list(yaml.safe_load(path.read_text()) or [])


def table(result: Result) -> str:
    """File, lines, run, listed and missed lines, and what is wrong with the list.

    A line counts as run when all statements that begin on it have run.
    """
    rows = [("file", "lines", "run", "listed", "missed")]
    for file in sorted({s.file for s in result.statements}):
        lines = {s.line for s in result.statements if s.file == file}
        missed = {s.line for s in result.missed if s.file == file}
        listed = {s.line for s in result.excused if s.file == file} - missed
        share = 100 * (len(lines) - len(missed) - len(listed)) / len(lines)
        rows.append((file, str(len(lines)), f"{share:.1f}%", str(len(listed)), str(len(missed))))
    widths = [max(len(r[i]) for r in rows) for i in range(5)]
    out = [
        "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(r, widths, strict=True)))
        for r in rows
    ]
    for (file, line), several in itertools.groupby(result.missed, lambda s: (s.file, s.line)):
        s = next(several)  # the others on the line begin later, so they are parts of it or come after it
        out.append(f"missed: {file}:{line}:{s.column}: {s.text}")
    out += [f"stale, it runs: {_name(e)}" for e in result.stale]
    out += [f"wrong, names no statement or has no reason: {_name(e)}" for e in result.wrong]
    return "\n".join(out)


def _name(entry: dict[str, Any]) -> str:
    return f"{entry['file']}: {entry.get('line') or entry.get('lines') or entry.get('function')}"
