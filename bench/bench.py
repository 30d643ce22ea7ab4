"""`make bench`: what look, plan and verify cost, each as a multiple of what it is held against.

Medians of runs in turn.

bench.py [words] [local] [lab] [guest] [jobs] [thousand] [report] [cluster] [winlab] [winlab-verify] [runs=N] [pcs=N]

Without a section: all but `thousand`, which takes half an hour.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml
from measure import PLAYBOOK, ROOT, Cost, Ratio, cost, ratio

from gpuready.simlab import background

PCS = 200
FORKS = 25
JOBS, WORK = 50, 10  # PCs, and the seconds that each builds and trains
TRAINER = ROOT / "collections/ansible_collections/gpuready/lab/trainer/trainer.py"
BARE = ROOT / "bench/bare.py"


RADEON = {
    "name": "AMD Radeon RX 6800",
    "vendor": "amd",
    "device": "73BF",
    "memory": 17163091968,
    "driver": {"version": "31.0.24027.1012", "radeon_software": "24.6.1"},
}


def asked(name: str, otherwise: int) -> int:
    """The number that stands after `name=` on the command line."""
    given = (word.partition("=") for word in sys.argv[1:])
    return next((int(number) for word, _, number in given if word == name), otherwise)


def play(file: str, inventory: Path | str, *options: str) -> list[str]:
    return [PLAYBOOK, "-i", str(inventory), *options, f"bench/{file}"]


def words(runs: int) -> None:
    """Texts that are made to be slow."""
    read = [sys.executable, "bench/words.py"]
    ratio("reading hostile texts / plain ones as long", [*read, "hostile"], [*read, "plain"], 2, runs)


def local(runs: int) -> None:
    """This machine: look, plan, verify."""
    inventory = "inventories/local"
    ratio("look on this machine / an empty play", play("look.yml", inventory), play("empty.yml", inventory), runs=runs)
    ratio("look and plan / an empty play", play("look_plan.yml", inventory), play("empty.yml", inventory), runs=runs)
    python = environment_python()
    if python is None:
        print("verify: skipped, no environment here: run make provision first")
        return
    options = json.dumps({"backend": "torch-cpu", "speed_seconds": 0})
    ratio(
        "verify / bare import and the same two trainings",
        [python, str(TRAINER), options],
        [python, str(BARE), "torch-cpu"],
        1.5,
        runs,
    )


def environment_python() -> str | None:
    homes = [os.environ.get("GPUREADY_HOME", ""), "/opt/gpuready", str(Path("~/.local/share/gpuready").expanduser())]
    found = [path for home in homes if home for path in sorted(Path(home).glob("environments/cpu-*/bin/python"))]
    return str(found[0]) if found else None


def lab(runs: int) -> None:
    """Two hundred simulated PCs in one process, over real WinRM."""
    with tempfile.TemporaryDirectory(prefix="gpuready-bench-") as folder:
        scenario, inventory, pid = (Path(folder) / name for name in ("lab.yml", "inventory.yml", "pid"))
        scenario.write_text(
            yaml.safe_dump(
                {"defaults": {"gpus": [RADEON]}, "pcs": [{"name": f"pc{number:03}"} for number in range(PCS)]}
            )
        )
        simlab = [sys.executable, "-m", "gpuready.simlab", str(scenario), f"--pid-file={pid}"]
        base = ["--base-address=127.0.8.1", "--port=17985"]
        subprocess.run(
            [*simlab, *base, "--detach", f"--inventory-out={inventory}", f"--log-file={folder}/log"], check=True
        )
        try:
            kilobytes = int(
                next(
                    line.split()[1]
                    for line in Path(f"/proc/{pid.read_text().strip()}/status").read_text().splitlines()
                    if line.startswith("VmRSS")
                )
            )
            print(f"{'200 simulated PCs in one process':64} {kilobytes / 1024:8.0f} MB (target under 150 MB)")
            forks = f"--forks={FORKS}"
            ratio(
                f"facts and plan of {PCS} simulated PCs / win_ping of the same",
                play("look_plan.yml", inventory, forks),
                play("ping.yml", inventory, forks),
                1.25,
                runs,
            )
        finally:
            subprocess.run([*simlab, "--stop"], check=True)


def guest(runs: int) -> None:
    """Modules in a WSL guest of simulated PCs against the same on their Windows side."""
    pc = {
        "wsl": {"version": "2.6.1.0", "distributions": [{"name": "g"}]},
        "features": {"VirtualMachinePlatform": "Enabled", "Microsoft-Windows-Subsystem-Linux": "Disabled"},
    }
    with tempfile.TemporaryDirectory(prefix="gpuready-bench-") as folder:
        scenario = Path(folder) / "lab.yml"
        scenario.write_text(yaml.safe_dump({"defaults": pc, "pcs": [{"name": f"pc{n:02}"} for n in range(FORKS)]}))
        with background.running(scenario, Path(folder), 17989, "127.0.11.1") as inventory:
            ours, base = (play(f"modules_{side}.yml", inventory, f"--forks={FORKS}") for side in ("guest", "windows"))
            ratio(f"modules in the guest of {FORKS} simulated PCs / the same on Windows", ours, base, 1.5, runs)


def jobs(runs: int) -> None:
    """A lab whose PCs build and then train for a while, beyond these times, against the same lab that needs none."""
    pcs = asked("pcs", JOBS)
    slow, fast = [], []
    for _ in range(min(runs, 3)):
        fast.append(provisioned(pcs, 0))
        slow.append(provisioned(pcs, WORK) - 2 * WORK)
    ours, base = statistics.median(slow), statistics.median(fast)
    what = f"{pcs} simulated PCs, beyond {WORK} s + {WORK} s of work / without work"
    print(Ratio(what, ours, base, 1.5), flush=True)


def provisioned(pcs: int, work: float) -> float:
    """Seconds of a first provision of a new lab, each PC of which builds and trains for `work` seconds."""
    with simulated(pcs, work) as run:
        return run("playbooks/provision.yml").seconds


@contextmanager
def simulated(pcs: int, work: float = 0, built: Sequence[dict[str, str]] = ()) -> Iterator[Callable[..., Cost]]:
    """A new lab of such PCs, with the environments `built`; gives what runs a playbook over it."""
    waits = [
        {"kind": "slow", "on": "python_environment", "after": 1, "times": 1, "seconds": work},
        {"kind": "slow", "on": "training_facts", "times": 1, "seconds": work},
    ]
    pc = {"uv": "0.9.2", "gpus": [RADEON], "faults": waits if work else [], "environments": list(built)}
    with tempfile.TemporaryDirectory(prefix="gpuready-bench-") as folder:
        scenario = Path(folder) / "lab.yml"
        scenario.write_text(yaml.safe_dump({"defaults": pc, "pcs": [{"name": f"pc{n:04}"} for n in range(pcs)]}))
        with background.running(scenario, Path(folder), 17987, "127.0.9.1") as inventory:

            def run(playbook: str, *options: str) -> Cost:
                command = [
                    PLAYBOOK,
                    "-i",
                    str(inventory),
                    f"--forks={FORKS}",
                    "-e",
                    f"gpuready_lab_dir={folder}/reports",
                ]
                return cost([*command, playbook, *options])

            yield run


def thousand(runs: int) -> None:
    """A lab of a thousand PCs in which all is done: what a whole run costs, a PC and in all."""
    pcs = asked("pcs", 1000)
    built, a_pc = [what_is_built()], {}
    for many in (max(1, pcs // 10), pcs):
        with simulated(many, built=built) as run:
            run("playbooks/provision.yml")  # each trains, and has its pass
            look, again = run("bench/look_plan.yml"), run("playbooks/provision.yml")
            trusting = run("playbooks/provision.yml", "-e", "gpu_verify_train=when_changed")
        a_pc[many] = again.cpu / many
        print(Ratio(f"{many} PCs in which all is done, provision / look and plan", again.seconds, look.seconds, 3))
        what = f"{many} PCs, provision that trusts passes / look and plan"
        print(Ratio(what, trusting.seconds, look.seconds, None))
        memory = f"{again.memory / 1e6:.0f} MB (target 1000)"
        print(f"{'the controller: CPU a PC, peak memory':64} {a_pc[many]:8.2f} s (target 0.35), {memory}", flush=True)
    few, all_ = a_pc.values()
    print(Ratio(f"CPU a PC at {pcs} / at {max(1, pcs // 10)}", all_, few, 1.15), flush=True)


def what_is_built() -> dict[str, str]:
    """The environment that such a PC gets."""
    with tempfile.TemporaryDirectory(prefix="gpuready-bench-") as folder, simulated(1) as run:
        run("playbooks/provision.yml", "-e", f"gpuready_lab_dir={folder}")
        document = json.loads(next(Path(folder).rglob("report.json")).read_text())
    plan = document["hosts"][0]["plan"]
    return {"stack": plan["stack"], "lock_sha256": plan["environment"]["lock_sha256"]}


def report(runs: int) -> None:
    """The report of a thousand PCs, and of ten thousand, by the records of a few simulated ones."""
    with tempfile.TemporaryDirectory(prefix="gpuready-bench-") as folder, simulated(3) as run:
        run("playbooks/provision.yml")
        # The second run's records are larger: they have the pass of the first one.
        run("playbooks/provision.yml", "-e", f"gpuready_lab_dir={folder}")
        known = next(Path(folder).rglob("report.json"))
        write = [sys.executable, "bench/report.py", str(known)]
        what = "the report of 10,000 PCs / ten times that of 1,000"
        ratio(what, [*write, "10000"], [*write, "1000", "10"], 1.15, min(runs, 3))
        said = subprocess.run([*write, "1000"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        print(said, end="", flush=True)


def cluster(runs: int) -> None:
    """The same converged lab, looked at, trained and judged by two Dask workers and by one, on this machine."""
    sys.path.insert(0, str(ROOT / "tests/integration"))
    import cluster_help

    pcs = asked("pcs", 2 * JOBS)
    with tempfile.TemporaryDirectory(prefix="gpuready-bench-") as name:
        folder = Path(name)
        named = [{"name": f"pc{number:03}"} for number in range(pcs)]
        (folder / "lab.yml").write_text(yaml.safe_dump({"defaults": {"uv": "0.9.2", "gpus": [RADEON]}, "pcs": named}))
        for one in ("one", "two"):
            (folder / one).mkdir()
        with (
            background.running(folder / "lab.yml", folder, 17988, "127.0.10.1") as inventory,
            cluster_help.running(folder / "one", 1) as one,
            cluster_help.running(folder / "two", 2) as two,
        ):
            program = str(Path(sys.executable).with_name("gpuready"))
            run = [program, "provision", "-i", str(inventory), "--lab-dir", str(folder / "lab"), "--cluster"]
            what = f"{pcs} converged simulated PCs, provision: two Dask workers / one"
            ratio(what, [*run, two.address], [*run, one.address], runs=min(runs, 3))


def winlab(runs: int) -> None:
    """A Wine machine with the real PowerShell engine."""
    sys.path.insert(0, str(ROOT / "tests/winlab"))
    from winlab import Machine, testing, why_not

    if reason := why_not():
        print(f"gpu_facts on Windows: skipped, {reason}")
        return
    documents = json.loads((ROOT / "tests/data/winlab_full_pc.json").read_text())

    def smi(call: object) -> int:
        call.out("<nvidia_smi_log></nvidia_smi_log>\r\n")  # type: ignore[attr-defined]
        return 0

    with (
        Machine(
            "bench",
            address="127.0.1.95",
            cim=documents["cim"],
            registry=documents["registry"],
            programs={"nvidia-smi.exe": smi},
        ) as pc,
        tempfile.TemporaryDirectory(prefix="gpuready-bench-") as folder,
    ):
        hosts = testing.inventory(pc, Path(folder) / "hosts.yml")
        ratio(
            "gpu_facts on Windows / setup and a task for each piece",
            play("look.yml", hosts),
            play("separate.yml", hosts),
            0.5,
            runs,
        )


def winlab_verify(runs: int) -> None:
    """TensorFlow through Microsoft's DirectML on a Wine machine that is provisioned for it first."""
    sys.path.insert(0, str(ROOT / "tests/winlab"))
    from winlab import Machine, why_not

    if reason := why_not():
        print(f"verify on Windows: skipped, {reason}")
        return
    from provision_help import AMD, PLUGIN, play, sources

    with (
        tempfile.TemporaryDirectory(prefix="gpuready-bench-") as folder,
        Machine("bench-verify", address="127.0.1.96", **AMD.arguments()) as pc,
    ):
        record = play(pc, "provision", sources(pc, Path(folder))).record
        python = record["apply"]["environment"]["python"]
        for file in (TRAINER, BARE):
            pc.path(rf"C:\ProgramData\{file.name}").write_bytes(file.read_bytes())
        backend = record["plan"]["environment"]["backend"]
        options = json.dumps({"backend": backend, "speed_seconds": 0})
        ratio(
            f"verify on Windows ({PLUGIN}) / bare import and the same two trainings",
            pc.command(["wine", python, r"C:\ProgramData\trainer.py", options]),
            pc.command(["wine", python, r"C:\ProgramData\bare.py", backend]),
            1.5,
            min(runs, 3),
        )


SECTIONS = {
    "words": words, "local": local, "lab": lab, "guest": guest, "jobs": jobs, "report": report, "thousand": thousand,
    "cluster": cluster, "winlab": winlab, "winlab-verify": winlab_verify,
}  # fmt: skip

if __name__ == "__main__":
    given = sys.argv[1:]
    runs = asked("runs", 5)
    for name in [word for word in given if word in SECTIONS] or [name for name in SECTIONS if name != "thousand"]:
        SECTIONS[name](runs)
