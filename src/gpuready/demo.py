"""`gpuready demo`: a whole run over a lab of simulated PCs, to see what gpuready does before it touches a real PC."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from gpuready import project, terminal
from gpuready.errors import GpureadyError, Interrupted, StoppedError
from gpuready.lab import Lab, OnEvent
from gpuready.progress import Progress
from gpuready.results import LabResult
from gpuready.simlab import SimulatedLab, background, scenario

PORT = 15985
_PORTS = 20  # how many are tried from the first on


@dataclass
class Demo:
    """What a demo gave: the result of its last run, and the PCs that did not end as the lab's YAML says."""

    result: LabResult
    surprises: list[str]


def command(
    report: Path | None = None,
    lab: Path | None = None,
    port: int = PORT,
    *,
    provision: bool = False,
    as_json: bool = False,
    verbose: bool = False,
) -> int:
    """The command: 0 when every simulated PC ended as it must, 1 otherwise. Raises GpureadyError and StoppedError."""
    console = Console(stderr=True)
    console.print("These PCs are SIMULATED: none of them exists, and no GPU is used.", style="bold", highlight=False)
    try:
        with Progress(console, verbose=verbose) as progress:
            done = demo(report, port, lab_file=lab, provision=provision, on_event=progress)
    except Interrupted as stop:
        where = f"its report: {stop.report}" if stop.report else "no report was written"
        raise StoppedError(f"the demo was stopped, and its PCs with it; {where}") from None
    for surprise in done.surprises:
        console.print(surprise, style="red", highlight=False)
    terminal.show(done.result, as_json=as_json, verbose=verbose)
    return 1 if done.surprises else 0


def demo(
    report_dir: Path | None = None,
    port: int = PORT,
    *,
    lab_file: Path | None = None,
    provision: bool = False,
    on_event: OnEvent | None = None,
) -> Demo:
    """Switch a simulated lab on, run `plan` (with `provision` the whole way) over it, switch it off again.

    The lab is switched off whatever happens. The report says of itself that it is of simulated PCs.
    """
    root = project.root()
    file = lab_file or root / "inventories/simulated/lab.yml"
    lab = scenario.load(file)
    action = "provision" if provision else "plan"
    with tempfile.TemporaryDirectory(prefix="gpuready-demo-") as folder:
        free = free_port(lab, port)
        with background.running(file, Path(folder), free) as inventory:
            run = Lab(inventory)
            method = run.provision if provision else run.plan
            result = method(on_event=on_event, report_dir=report_dir or project.reports(root) / "demo", lab_dir="")
    return Demo(result, surprises(lab, result, action))


def surprises(lab: scenario.Scenario, result: LabResult, action: str) -> list[str]:
    """A line for each PC that did not end as its YAML says it must."""
    ended = {str(host["host"]): host.get("verdict") or {} for host in result.document["hosts"]}
    lines = []
    for pc in lab.pcs:
        wanted, verdict = pc.expect.get(action), ended.get(pc.name, {})
        state, code = verdict.get("state"), verdict.get("code")
        if wanted and (state != wanted.state or (wanted.code is not None and code != wanted.code)):
            lines.append(
                f"{pc.name}: ended {state} {code}, and the lab says {wanted.state} {wanted.code or ''}".rstrip()
            )
    return lines


def free_port(lab: scenario.Scenario, port: int, base_address: str = "127.0.1.1") -> int:
    """The first port from `port` on that is free on all addresses of the lab. Raises GpureadyError."""
    if not 1 <= port <= 65535 - _PORTS:
        raise GpureadyError(f"demo: --port {port} is not between 1 and {65535 - _PORTS}")
    for candidate in range(port, port + _PORTS):
        try:
            with SimulatedLab(lab, port=candidate, base_address=base_address):
                return candidate
        except GpureadyError:
            if candidate == port + _PORTS - 1:
                raise
    raise AssertionError
