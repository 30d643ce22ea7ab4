"""`gpuready rehearse`: a run over simulated PCs that have the names and wishes of a lab's own.

Of the inventory nothing is taken but names and what is asked of each PC: no address, no account, no password. So no
real PC can be reached.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gpuready import contract, demo, inventory, newest, project
from gpuready.errors import GpureadyError
from gpuready.simlab import background, scenario
from gpuready.simlab.wsl.linux import Linux
from gpuready.wishes import PREFIX

# What may go wrong on a PC -> what that is, and how the simulated PC has it: `gpus` is of each of its GPUs.
FAULTS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "off": ("it is switched off", {"faults": [{"kind": "off"}]}),
    "password": ("it refuses the password", {"faults": [{"kind": "wrong_password"}]}),
    "hangs": ("it never answers the look", {"faults": [{"kind": "hang", "on": "gpu_facts"}]}),
    "used": ("a student is logged on", {"users": [r"LAB\student"]}),
    "basic": ("its GPU has no vendor's driver", {"gpus": {"driver": "basic"}}),
    "disk": ("its disk is full", {"disk": {"free": 2**30}}),
    "restart": ("it restarts while it trains", {"faults": [{"kind": "restart", "on": "training_facts", "times": 1}]}),
    "nan": ("its GPU computes nonsense", {"training": {"outcome": "nan"}}),
    "processor": ("it trains on the processor instead", {"training": {"outcome": "cpu_fallback"}}),
}
_REPORT = "fleet_report"  # the role whose variables say where a report goes, and nothing of a PC
_OWN = ("gpuready_simulated", "gpuready_lab_dir", "gpuready_report_dir", "gpuready_hosts", "gpuready_evidence_dir")
_PATHS = (
    "gpuready_drivers",
    "gpuready_stack_dirs",
    "gpuready_stack_locks",
)  # as Ansible has them: from the inventory's folder
_GPU = {
    "name": "AMD Radeon RX 6800", "vendor": "amd", "device": "73BF", "memory": 17163091968,
    "driver": {"version": "31.0.24027.1012", "radeon_software": "24.6.1"},
}  # fmt: skip
_ADDRESS = "127.0.20.1"


@dataclass(frozen=True)
class Rehearsed:
    """A lab of simulated PCs: the inventory that reaches them, and those whose GPUs are known from a run."""

    inventory: Path
    known: list[str]
    others: list[str]


@contextmanager
def lab(
    sources: Sequence[str],
    *,
    lab_dir: Path | None = None,
    limit: str | None = None,
    vault_password_file: Path | None = None,
    faults: Sequence[str] = (),
) -> Iterator[Rehearsed]:
    """Simulated PCs for those of an inventory, as long as the `with` lasts. Raises GpureadyError."""
    base = project.root()
    found = inventory.hosts(
        sources, base, limit=limit, vault_password_file=vault_password_file, stacks=project.stacks(base)
    )
    struck = _struck(faults, list(found))
    records = newest.records(lab_dir, sources) if lab_dir else {}
    gpus = {name: gpus for name in found if (gpus := _gpus(records.get(name)))}
    roles = [role.name for role in (project.collection(base) / "roles").iterdir() if role.name != _REPORT]
    ours, secret = (PREFIX, *(f"{role}_" for role in roles)), contract.load(base).secret_name
    pcs = []
    for name, variables in found.items():
        kept = {
            key: value
            for key, value in variables.items()
            if key.startswith(ours) and key not in _OWN and not secret.search(key)
        }
        kept |= {key: _absolute(kept[key], sources) for key in _PATHS if key in kept}
        pc: dict[str, Any] = {"name": name, "variables": kept, "gpus": deepcopy(gpus.get(name, [_GPU]))}
        for fault in struck.get(name, ()):
            more = deepcopy(dict(FAULTS[fault][1]))
            more["gpus"] = [{**gpu, **more.get("gpus", {})} for gpu in pc["gpus"]]
            pc |= more | {"faults": [*pc.get("faults", []), *more.get("faults", [])]}
        pcs.append(pc)
    content = {"defaults": {"uv": "0.9.2"}, "pcs": pcs}
    simulated = scenario.parse(content, "the rehearsal")
    with tempfile.TemporaryDirectory(prefix="gpuready-rehearsal-") as folder:
        for pc in pcs:
            pc["variables"] |= _small(pc["variables"], Path(folder))
        file = Path(folder) / "lab.yml"
        file.write_text(yaml.safe_dump(content), encoding="utf-8")
        port = demo.free_port(simulated, demo.PORT, _ADDRESS)
        with background.running(file, Path(folder), port, _ADDRESS) as reached:
            yield Rehearsed(reached, list(gpus), [name for name in found if name not in gpus])


def about(made: Rehearsed) -> Iterator[str]:
    """In words, what is taken for what."""
    if made.known:
        yield f"{len(made.known)} with the GPUs that they had when a run looked at them last."
    if made.others:
        yield f"{len(made.others)} that no run has looked at yet, each with one {_GPU['name']}."


def _small(variables: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """What a guest of WSL is made from, as small as a simulated PC takes it; what is not there stays as it is."""
    found = {}
    for name, data in (("wsl_archive", Linux.small().pack("tar.gz")), ("wsl_package", b"wsl %s")):
        given = variables.get(name)
        path = str(given.get("path") or "") if isinstance(given, Mapping) else "/"
        if not isinstance(given, Mapping) or not given or (path.startswith("/") and not Path(path).is_file()):
            continue
        more = {"version": given["version"]} if given.get("version") else {}
        data = data.replace(b"%s", str(more.get("version")).encode())
        sha256 = hashlib.sha256(data).hexdigest()
        (folder / f"{sha256[:12]}.{name}").write_bytes(data)
        found[name] = {"path": str(folder / f"{sha256[:12]}.{name}"), "sha256": sha256, **more}
    return found


def _absolute(value: object, sources: Sequence[str]) -> object:
    """A path, or paths, that the inventory gives from its own folder on."""
    if isinstance(value, list):
        return [_absolute(one, sources) for one in value]
    if isinstance(value, dict):
        return {key: _absolute(one, sources) for key, one in value.items()}
    for source in map(Path, sources):
        beside = (source if source.is_dir() else source.parent) / Path(str(value)).expanduser()
        if isinstance(value, str) and beside.exists():
            return str(beside.resolve())
    return value


def _struck(faults: Sequence[str], names: Sequence[str]) -> dict[str, list[str]]:
    """The faults of each PC, of PC=FAULT. Raises GpureadyError."""
    found: dict[str, list[str]] = {}
    for given in faults:
        name, _, fault = given.rpartition("=")
        if fault not in FAULTS or not name:
            words = "; ".join(f"{word} ({about})" for word, (about, _) in FAULTS.items())
            raise GpureadyError(f"--fault {given}: write it as PC=FAULT, where FAULT is one of {words}")
        if name not in names:
            raise GpureadyError(f"--fault {given}: there is no PC {name} in this inventory")
        found.setdefault(name, []).append(fault)
    return found


def _gpus(record: object) -> list[dict[str, Any]]:
    """The GPUs that a PC had when it was looked at last, as simlab has them; none where that is not known whole."""
    facts = record.get("facts") if isinstance(record, Mapping) else None
    adapters = facts.get("adapters") if isinstance(facts, Mapping) else None
    found = []
    for one in adapters if isinstance(adapters, list) else ():
        driver = one.get("driver") if isinstance(one, Mapping) else None
        if not isinstance(driver, Mapping) or not all(isinstance(one.get(key), str) for key in ("name", "device_id")):
            return []
        if one.get("vendor") not in ("amd", "intel", "nvidia"):
            continue
        version: Any = {"version": driver.get("version")}
        if one["vendor"] == "amd" and driver.get("vendor_version"):
            version["radeon_software"] = driver["vendor_version"]
        gpu = {"name": one["name"], "vendor": one["vendor"], "device": one["device_id"], "memory": one["memory_bytes"]}
        found.append({**gpu, "driver": "basic" if driver.get("basic") else version if driver.get("version") else None})
    return found
