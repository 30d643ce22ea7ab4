"""gpuready's folder on a simulated PC, for the models that read it and work in it."""

from __future__ import annotations

import hashlib
import json
import ntpath
import re
import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from gpuready.simlab import documents
from gpuready.simlab.models.model import ModuleFailed
from gpuready.simlab.pc import SimulatedPc

_SMALL = 65536
LIST = "gpuready.files"
_SAYING = ("RECORD", "pyvenv.cfg")  # they stand in the list with their sha256
_VARIABLES = rf"{documents.CONTROL}\Session Manager\Environment"
OWN_RUNTIME = r"Lib\site-packages\gpuready_vc_runtime.pth"  # with it an environment's Python looks for its own files


def fail(code: str, message: str) -> ModuleFailed:
    """A failure as the module gives it."""
    return ModuleFailed(message, code=code, phase="", program_rc=None, details=[])


class Home:
    """gpuready's folder on a simulated PC."""

    def __init__(self, pc: SimulatedPc, path: str) -> None:
        self.pc, self.disk, self.path = pc, pc.disk, path

    def refusal(self) -> str | None:
        """Why nothing of it is run or believed: somebody made the folder before gpuready did."""
        owner = self.pc.scenario.home_owner
        if owner is None or not self.disk.is_folder(self.path):
            return None
        return f"{self.path} belongs to {owner}: what lies in {self.path} is neither run nor believed"

    def check(self) -> None:
        """Refuse a home that is not the administrators'."""
        if why := self.refusal():
            raise fail("HOME_NOT_OURS", why)

    def passes(self, stack: str) -> tuple[str, str]:
        """Where the last pass lies, and where while a training is under way."""
        return rf"{self.path}\passes\{stack}.json", rf"{self.path}\passes\{stack}.trying"

    def lay_aside(self, stack: str) -> None:
        """Take the stack's pass out of its place, before a training."""
        kept, tried = self.passes(stack)
        if (text := self.disk.text(kept)) is not None:
            self.write(tried, text)
            self.disk.remove(kept)

    def claim_job(self, name: str, claim: Mapping[str, Any]) -> bool:
        """Claim a job, and lay the pass aside that the claim names; whether nobody had done so."""
        asked = rf"{self.path}\jobs\{name}\asked.json"
        if self.disk.is_file(asked):
            return False
        mark = uuid.uuid4().hex
        self.pc.boot_marks.add(mark)
        kept = {key: claim.get(key) for key in ("asked", "run", "place")}
        self.write(asked, json.dumps({**kept, "boot": mark, "at": time.time()}))
        if claim.get("lay_aside"):
            self.lay_aside(str(claim["lay_aside"]))
        return True

    def job_place(self, name: str) -> str:
        """The folder of a claimed job's result."""
        place = self.json(rf"{self.path}\jobs\{name}\asked.json").get("place") or name
        return rf"{self.path}\jobs\{place}"

    def job_starts(self, name: str) -> list[str]:
        """The folders of processes that claim, or claimed, a job themselves."""
        every = self.disk.children(rf"{self.path}\jobs")
        return [node.path for node in every if ntpath.basename(node.path).startswith(f"{name}-")]

    def works(self, place: str) -> bool:
        """Whether the process runs whose result is to come there."""
        return any(self.pc.has_process(int(node.path.rpartition(".")[2])) for node in self.disk.children(place))

    def remove_job(self, name: str) -> None:
        """Take the folders of a job away, and what would be empty without them."""
        place = self.job_place(name)
        self.disk.remove(rf"{self.path}\jobs\{name}")
        for start in self.job_starts(name):
            if start == place or not self.works(start):
                self.disk.remove(start)
        if not any(self.disk.children(rf"{self.path}\jobs")):
            self.disk.remove(rf"{self.path}\jobs")

    def environment(self, stack: str, lock_sha256: str) -> str:
        """Where the environment of a lock lives."""
        return rf"{self.path}\environments\{stack}-{lock_sha256[:12]}"

    def json(self, path: str) -> dict[str, Any]:
        """A JSON object; empty when there is none."""
        try:
            parsed = json.loads(self.disk.text(path) or "")
        except ValueError:
            return {}
        return parsed if isinstance(parsed, dict) else {}

    def complete(self, environment: str, lock_sha256: str) -> dict[str, Any]:
        """The marker of an environment that is whole; empty when it must be built (again)."""
        marker = self.json(rf"{environment}\gpuready.json")
        lost = self.damage(environment) if marker.get("lock_sha256") == lock_sha256 else None
        whole = lost is not None and not lost["count"]
        return marker if whole and self.disk.is_file(rf"{environment}\Scripts\python.exe") else {}

    def list_text(self, environment: str) -> str:
        """The list of an environment's files as they are now."""
        return "".join(f"{line}\n" for line in sorted(self._lines(environment)))

    def _lines(self, environment: str) -> list[str]:
        start = len(environment) + 1
        files = [(node.path[start:], node) for node in self.disk.below(environment) if not node.is_folder]
        return [
            f"{hashlib.sha256(node.data or b'').hexdigest() if ntpath.basename(path) in _SAYING else node.bytes} {path}"
            for path, node in files
            if path not in ("gpuready.json", LIST) and not path.endswith(".pyc") and "\\__pycache__\\" not in path
        ]

    def damage(self, environment: str, hashes: bool = False) -> dict[str, Any] | None:
        """What of a whole environment is missing or changed; None of one that was never whole."""
        marker = self.json(rf"{environment}\gpuready.json")
        if marker.get("complete") is not True:
            return None
        text = self.disk.text(rf"{environment}\{LIST}") or ""
        whole = hashlib.sha256(text.encode()).hexdigest() == marker.get("files_sha256")
        listed = text.splitlines() if whole else [f"0 {LIST}"]
        lost = sorted(line.partition(" ")[2] for line in set(listed).difference(self._lines(environment)))
        changed = [path for path in lost if self.disk.is_file(rf"{environment}\{path}")]
        missing = [path for path in lost if path not in changed]
        if not self.disk.is_file(str(marker.get("interpreter"))):
            missing.append(str(marker.get("interpreter")))
        count = len(missing) + len(changed)
        return {"count": count, "missing": missing[:5], "changed": changed[:5], "hashes": hashes}

    def environments(self) -> list[str]:
        """The folders of the environments, whole or not."""
        return [node.path for node in self.disk.children(rf"{self.path}\environments") if node.is_folder]

    def environments_of(self, stack: str) -> list[str]:
        """Those of a stack."""
        return [path for path in self.environments() if ntpath.basename(path).rpartition("-")[0] == stack]

    def take(self) -> None:
        """What working here leaves beside the work: the file of its lock."""
        self.write(rf"{self.path}\.lock", "")

    def release(self) -> None:
        """Take the folder away when all that was in it is gone."""
        self.disk.remove(rf"{self.path}\.lock")
        if not any(self.disk.children(self.path)):
            self.disk.remove(self.path)

    def write(self, path: str, text: str) -> bool:
        """A text file; whether that changed anything."""
        if self.disk.text(path) == text:
            return False
        self.disk.write(path, text.encode())
        return True

    def text(self, path: str) -> str | None:
        """A small file as it is; empty for one that is too large to be ours."""
        node = self.disk.get(path)
        if node is None or node.data is None:
            return None
        return "" if len(node.data) > _SMALL else self.disk.text(path)

    def texts(self, folder: str) -> list[dict[str, Any]]:
        """{name, text} of the .json files of a folder."""
        paths = [node.path for node in self.disk.children(rf"{self.path}\{folder}") if not node.is_folder]
        json_paths = [path for path in paths if path.lower().endswith(".json")]
        return [{"name": ntpath.basename(path), "text": self.text(path)} for path in json_paths]

    def contents(self, runtime_files: list[str], hashes: bool = False) -> dict[str, Any] | None:
        """The piece `environments` of the evidence; None when there is no home."""
        if not self.disk.is_folder(self.path):
            return None
        return {
            "home": self.path,
            "directories": [
                {
                    "name": ntpath.basename(path),
                    "path": path,
                    "text": self.text(rf"{path}\gpuready.json"),
                    "runtime": self.own_runtime(path, runtime_files),
                    "damage": self.damage(path, hashes),
                }
                for path in self.environments()
            ],
            "current": self.texts("current"),
            "kernels": [
                {"name": ntpath.basename(path), "text": self.text(rf"{path}\kernel.json")} for path in self.kernels()
            ],
        }

    def kernels(self) -> list[str]:
        """The folders of the kernels that Jupyter is led to."""
        found = [node.path for node in self.disk.children(rf"{self.path}\jupyter\kernels") if node.is_folder]
        return [path for path in found if ntpath.basename(path).startswith("gpuready-")]

    def kernel(self, stack: str) -> str:
        """The folder of the kernel of a stack."""
        return rf"{self.path}\jupyter\kernels\gpuready-{stack}"

    def _jupyter_path(self) -> list[str]:
        value = str(self.pc.registry.value(_VARIABLES, "JUPYTER_PATH") or "")
        return [place for place in value.split(";") if place]

    def shown(self) -> bool:
        """Whether the PC's variable leads Jupyter to the kernels."""
        return rf"{self.path}\jupyter".lower() in [place.lower() for place in self._jupyter_path()]

    def show(self, shown: bool) -> None:
        """Lead every user's Jupyter to the kernels, or no more."""
        ours = rf"{self.path}\jupyter"
        places = [place for place in self._jupyter_path() if place.lower() != ours.lower()] + [ours] * shown
        self.pc.registry.set(_VARIABLES, {"JUPYTER_PATH": ";".join(places)})

    def remove_kernel(self) -> None:
        """With the last kernel their folder goes, and what leads there."""
        if not self.kernels():
            self.disk.remove(rf"{self.path}\jupyter")
            if self.shown():
                self.show(False)

    def own_runtime(self, environment: str, names: list[str]) -> list[str]:
        """Those files of the C++ runtime that an environment brings, where its Python looks for them."""
        if not self.disk.is_file(rf"{environment}\{OWN_RUNTIME}"):
            return []
        return [name for name in names if self.disk.is_file(rf"{environment}\Scripts\{name}")]

    def guests(self) -> list[str]:
        """The launchers of distributions of WSL."""
        found = [node.path for node in self.disk.children(rf"{self.path}\bin")]
        return [path for path in found if re.fullmatch(r"wsl-.*\.cmd", ntpath.basename(path), re.I)]

    def pointers(self) -> dict[str, dict[str, Any]]:
        """What is current, by stack."""
        pointers = {
            one["name"][: -len(".json")]: self.json(rf"{self.path}\current\{one['name']}")
            for one in self.texts("current")
        }
        return {stack: pointer for stack, pointer in pointers.items() if pointer}


def fill(text: str, **values: object) -> str:
    """One of the controller's texts with each {name} that there is a value of."""
    return re.sub(r"\{(\w+)\}", lambda match: str(values.get(match[1], match[0])), text)


def note(pointers: Mapping[str, Mapping[str, Any]], words: Mapping[str, str], guests: Iterable[str] = ()) -> str | None:
    """What README.txt must say, None when there is nothing to speak of. `guests`: their launchers."""
    launchers = sorted(set(guests))
    if not (pointers or launchers):
        return None
    text = words["note"]
    for stack, pointer in sorted(pointers.items()):
        shown = pointer.get("launcher_variable")
        visible = fill(words["note_visible"], visible=shown) if shown else ""
        told = {"start": pointer.get("start"), "python": pointer.get("python"), "visible": visible}
        text += fill(words["note_stack"], stack=stack, **told)
    for path in launchers:
        text += fill(words["note_guest"], name=ntpath.splitext(ntpath.basename(path))[0], launcher=path)
    return text + words["note_end"]


def launcher(stack: str, environment: str, launcher_variable: str, words: Mapping[str, str]) -> str:
    """The batch file that a student starts."""
    name, _, value = launcher_variable.partition("=")
    visible = fill(words["launcher_visible"], name=name, value=value) if name else ""
    return fill(words["launcher"], stack=stack, environment=ntpath.basename(environment), visible=visible)


def kernel(pointer: Mapping[str, Any], name: str, words: Mapping[str, str]) -> str:
    """What Jupyter reads of a stack's kernel."""

    def told(value: object) -> str:
        return json.dumps(value, ensure_ascii=False)

    variable, _, value = str(pointer["launcher_variable"]).partition("=")
    visible = fill(words["kernel_visible"], name=told(variable), value=told(value)) if variable else ""
    given = {key: told(pointer[key]) for key in ("python", "environment", "stack")}
    path = told(rf"{pointer['environment']}\Scripts;${{PATH}}")
    return fill(words["kernel"], name=told(name), path=path, visible=visible, **given)
