"""`python -m gpuready.simlab LAB.yml`: run a simulated lab until it is stopped."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from gpuready.errors import GpureadyError
from gpuready.simlab import scenario
from gpuready.simlab.lab import SimulatedLab


def main(arguments: list[str] | None = None) -> int:
    """Run a lab; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m gpuready.simlab", description="Run a lab of simulated Windows PCs."
    )
    parser.add_argument("lab", metavar="LAB.yml", type=Path, help="the PCs")
    parser.add_argument("--inventory-out", metavar="FILE", type=Path, help="write the Ansible inventory of this lab")
    parser.add_argument("--base-address", default="127.0.1.1", help="the first loopback address (%(default)s)")
    parser.add_argument("--port", type=int, default=15985, help="the port of every PC without its own (%(default)s)")
    parser.add_argument("--state", metavar="DIR", type=Path, help="keep the PCs' disks here between runs")
    parser.add_argument("--ready-file", metavar="FILE", type=Path, help="written once every PC listens")
    parser.add_argument("--pid-file", metavar="FILE", type=Path, help="our process id; for --detach and --stop")
    parser.add_argument("--log-file", metavar="FILE", type=Path, help="where a detached lab says what it does")
    parser.add_argument(
        "--detach", action="store_true", help="return once every PC listens, and go on in the background"
    )
    parser.add_argument("--stop", action="store_true", help="stop the lab of --pid-file and return")
    parser.add_argument("--until-eof", action="store_true", help="end when standard input ends, as with a parent")
    parser.add_argument("--verbose", action="store_true", help="say what each PC is asked")
    options = parser.parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO if options.verbose else logging.WARNING, format="simlab: %(message)s", stream=sys.stderr
    )
    try:
        if options.stop:
            from gpuready.simlab.background import stop

            return stop(options.pid_file)
        if options.detach:
            from gpuready.simlab.background import detach

            return detach(options)
        return run(options)
    except GpureadyError as error:
        print(f"simlab: {error}", file=sys.stderr)
        return 1


def run(options: argparse.Namespace) -> int:
    """Run in the foreground until SIGTERM, SIGINT or SIGHUP."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    if options.until_eof:

        def wait_for_end() -> None:
            while os.read(0, 4096):  # not sys.stdin: a thread within it makes the interpreter's end fail
                pass
            stop.set()

        threading.Thread(target=wait_for_end, daemon=True).start()
    lab = SimulatedLab(
        scenario.load(options.lab), base_address=options.base_address, port=options.port, state=options.state
    )
    with lab:
        if options.inventory_out:
            lab.write_inventory(options.inventory_out)
        if options.pid_file:
            options.pid_file.write_text(f"{os.getpid()}\n")
        if options.ready_file:
            options.ready_file.write_text("ready\n")
        print(f"{len(lab.pcs)} simulated PCs are up; stop with Ctrl-C", flush=True)
        stop.wait()
    for file in (options.pid_file, options.ready_file):
        if file:
            file.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
