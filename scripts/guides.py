"""Run the guides as they are written, over simulated PCs; `make pictures` writes what they print, and their pictures.

A block ```console of docs/guides/*.md has commands (`$ gpuready ...`) and what they print. They run in a folder of the
guide's own, with a gpuready that is installed from the wheel, as the reader's is. PCs that a command reaches are
simulated: their addresses stand in a second inventory, of which the guide says nothing.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import pty
import re
import shlex
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml
from uv import find_uv_bin

from gpuready.simlab import background

ROOT = Path(__file__).resolve().parents[1]
GUIDES = ROOT / "docs/guides"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)  # of a block, with what it prints
REACHES = ("facts", "plan", "provision", "verify", "report", "doctor")
ADDRESS, PORT = "127.0.21.1", 16085
COLUMNS = 100
USER = "gpuready"  # who logs on
LARGEST = 150_000  # bytes of a picture

_NVIDIA = {"version": "32.0.15.8097"}
GPUS: Mapping[str, dict[str, Any]] = {
    "RTX 3060": {"name": "NVIDIA GeForce RTX 3060", "vendor": "nvidia", "device": "2504", "memory": 12884901888}
    | {"driver": _NVIDIA},
    "RTX 4070": {"name": "NVIDIA GeForce RTX 4070", "vendor": "nvidia", "device": "2786", "memory": 12878610432}
    | {"driver": _NVIDIA},
    "RX 6600": {"name": "AMD Radeon RX 6600", "vendor": "amd", "device": "73FF", "memory": 8573157376}
    | {"driver": {"version": "31.0.24027.1012", "radeon_software": "24.6.1"}},
    "A770": {"name": "Intel(R) Arc(TM) A770 Graphics", "vendor": "intel", "device": "56A0", "memory": 17028874240}
    | {"driver": {"version": "32.0.101.6790"}},
}


def _pcs(room: str, start: str, gpu: str, count: int, **other: dict[str, Any]) -> list[dict[str, Any]]:
    """PCs of a room; `other` says by a PC's number (`n07`) what is different there."""
    digits = len(str(count))
    return [
        {"name": f"{start}{n:0{digits}}", "room": room, "gpus": [GPUS[gpu]], **other.get(f"n{n:02}", {})}
        for n in range(1, count + 1)
    ]


_OFF = {"faults": [{"kind": "off"}]}
_NAN = {"training": {"outcome": "nan"}}
LABS: Mapping[str, list[dict[str, Any]]] = {
    "technician": [
        *_pcs("Room 1", "lab1-pc", "RTX 3060", 15, n07=_OFF, n12={"gpus": [{**GPUS["RTX 3060"], "driver": "basic"}]}),
        *_pcs("Room 2", "lab2-pc", "RX 6600", 15, n09={"disk": {"free": 2**30}}),
    ],
    "teacher": _pcs("Room 214", "r214-", "RTX 3060", 12, n05=_OFF, n08=_NAN, n11={"training": {"outcome": "slow"}}),
    "engineer": [
        *_pcs("", "a", "RTX 4070", 100, n17=_OFF),
        *_pcs("", "b", "A770", 60),
        *_pcs("", "c", "RX 6600", 40, n01=_NAN, n02=_NAN, n03=_NAN),
    ],
}


def commands(guide: str) -> list[tuple[str, str]]:
    """A guide's commands, each with what it prints."""
    found = []
    for block in BLOCK.findall((GUIDES / f"{guide}.md").read_text("utf-8")):
        found += COMMAND.findall(block)
    return found


def reaches(command: str) -> bool:
    """Whether it asks PCs; one of `rehearse` and `demo` are simulated anyway, and as much work."""
    words = shlex.split(command)
    return words[:1] == ["gpuready"] and (
        words[1] in ("rehearse", "demo") or (words[1] in REACHES and "--offline" not in words and "-h" not in words)
    )


class Guide:
    """A guide that is followed, in a folder of its own."""

    def __init__(self, name: str, folder: Path, programs: Path) -> None:
        self.folder, self._programs, self._beside = folder, programs, folder.parent / f"{folder.name}-simulated"
        (folder / "lab").parent.mkdir(parents=True, exist_ok=True)
        rows = [f"{one['name']};{one['room']}\n" for one in LABS[name]]
        (folder / "pcs.csv").write_text("name;room\n" + "".join(rows), "utf-8")
        self._reached: Path | None = None

    @contextmanager
    def switched_on(self, name: str) -> Iterator[None]:
        """The guide's PCs, while the `with` lasts."""
        self._beside.mkdir()
        pcs = [{key: value for key, value in pc.items() if key != "room"} for pc in LABS[name]]
        file = self._beside / "lab.yml"
        file.write_text(yaml.safe_dump({"user": USER, "defaults": {"uv": "0.9.2"}, "pcs": pcs}), "utf-8")
        with background.running(file, self._beside, PORT, ADDRESS) as inventory:
            content = yaml.safe_load(inventory.read_text("utf-8"))["all"]["children"]["simulated"]
            common = {**content["vars"], "ansible_winrm_message_encryption": "auto"}
            hosts = {name: {**common, **variables} for name, variables in content["hosts"].items()}
            self._reached = self._beside / "reached.yml"  # a PC's own line comes before all that the lab's groups say
            self._reached.write_text(yaml.safe_dump({"all": {"hosts": hosts}}), "utf-8")
            yield

    def run(self, command: str, shown: str = "") -> str:
        """What a command prints. `shown` becomes the file that `cat` shows, where there is none yet."""
        words = shlex.split(command)
        if words[0] == "cat" and not (self.folder / words[1]).exists():
            (self.folder / words[1]).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / words[1]).write_text(shown, "utf-8")
        second: list[str | Path] = []
        if words[0] == "gpuready" and words[1] in (*REACHES, "list") and self._reached:
            second = ["-i", self._reached] if "--offline" not in words else []
        more = [one for one in words[1:] if not (second and one == "--ask-pass")]
        left_out = re.compile(r"(ANSIBLE_|PYTHON|VIRTUAL|GPUREADY|.*_proxy$)", re.IGNORECASE)
        kept = {name: value for name, value in os.environ.items() if not left_out.match(name)}
        text = _printed(
            [words[0], *map(str, [*more, *second])],
            self.folder,
            {**kept, "PATH": f"{self._programs}:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "COLUMNS": str(COLUMNS)},
        )
        for there, here in ((f" -i {self._reached}", ""), (str(self._programs.parent), "/opt/gpuready-program")):
            text = text.replace(there, here)
        lines = text.replace(f"{self.folder}/", "").rstrip().splitlines()
        return "".join(f"{line.rstrip()}\n" for line in lines)


def _printed(command: list[str], folder: Path, variables: dict[str, str]) -> str:
    """What a program prints on a terminal and leaves there: not its progress, which goes to standard error."""
    ours, its = pty.openpty()
    with subprocess.Popen(command, cwd=folder, env=variables, stdout=its, stderr=subprocess.PIPE) as process:
        os.close(its)
        parts: list[bytes] = []
        reader = threading.Thread(target=lambda: parts.extend(_until_end(ours)))
        reader.start()
        assert process.stderr
        errors = process.stderr.read()
        reader.join()
    os.close(ours)
    text = b"".join(parts).decode() or errors.decode()
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).replace("\r\n", "\n").strip("\n")


def _until_end(terminal: int) -> Iterator[bytes]:
    with suppress(OSError):  # how Linux says that nobody writes any more
        while part := os.read(terminal, 1 << 16):
            yield part


def wheel(folder: Path) -> Path:
    """The wheel of this checkout, built into a folder."""
    subprocess.run([find_uv_bin(), "build", "--quiet", "--wheel", "--out-dir", folder, ROOT], check=True)
    (built,) = folder.glob("*.whl")
    return built


def install(built: Path, folder: Path) -> Path:
    """The programs of an environment that has a wheel and what it asks for, in the locked versions."""
    uv = find_uv_bin()
    export = ["export", "--quiet", "--frozen", "--no-dev", "--no-emit-project", "--no-hashes", "--no-header"]
    locked = subprocess.run([uv, *export], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    (folder / "locked.txt").write_text(locked)
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder / "venv"], check=True)
    options = ["--quiet", "--python", folder / "venv/bin/python", "--constraint", folder / "locked.txt"]
    subprocess.run([uv, "pip", "install", *options, built], check=True)
    return folder / "venv/bin"


def written(guide: str, run: Guide) -> str:
    """The guide's text with what its commands print now."""

    def block(found: re.Match[str]) -> str:
        lines = []
        for command, shown in COMMAND.findall(found[1]):
            print(f"{guide}: {command}", flush=True)
            lines.append(f"$ {command}\n{run.run(command, shown)}")
        return f"```console\n{''.join(lines)}```"

    return BLOCK.sub(block, (GUIDES / f"{guide}.md").read_text("utf-8"))


# File of a picture -> what it shows: the guide, the window, what stands at its top, and the address's end.
PICTURES: Mapping[str, tuple[str, tuple[int, int], str, str]] = {
    "technician.png": ("technician", (1000, 760), "", ""),
    "room.png": ("technician", (1000, 560), "#filter", "#room=Room%202&verdict=not-ready"),
    "teacher.png": ("teacher", (1000, 800), "", ""),
    "phone.png": ("teacher", (390, 760), "details[open]", "#pc=r214-08"),
    "engineer.png": ("engineer", (1000, 760), "", ""),
}


def pictures(guide: str, folder: Path) -> None:
    """The pictures of a guide's report, as Chromium shows it."""
    spec = importlib.util.spec_from_file_location("chromium", ROOT / "tests/browser/chromium.py")
    assert spec
    assert spec.loader
    chromium = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(chromium)
    browser = chromium.Chromium()
    try:
        browser.scripts(True)
        browser.media()
        for name, (of, size, top, end) in PICTURES.items():
            if of != guide:
                continue
            browser.width(*size)
            browser.open(folder / "reports/latest/report.html", end)
            ours = f"one => one.textContent = one.textContent.replaceAll({platform.node()!r}, 'controller')"
            browser.js(f"[...document.querySelectorAll('bdi')].forEach({ours})")
            if top:
                browser.js(f"document.querySelector({json.dumps(top)}).scrollIntoView()")
            browser.view(GUIDES / "pictures" / name)
            assert (GUIDES / "pictures" / name).stat().st_size < LARGEST, name
    finally:
        browser.close()


def main(names: list[str]) -> int:
    """Write the guides and their pictures anew."""
    with tempfile.TemporaryDirectory(prefix="gpuready-guides-") as made:
        programs = install(wheel(Path(made)), Path(made))
        for name in names or LABS:
            run = Guide(name, Path(made) / name, programs)
            with run.switched_on(name):
                text = written(name, run)
            (GUIDES / f"{name}.md").write_text(text, "utf-8")
            pictures(name, run.folder)
            print(json.dumps({name: "written"}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
