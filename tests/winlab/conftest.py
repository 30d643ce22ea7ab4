"""Machines for tests, booted once per session and shared; skipped with the reason where none can run.

    def test_it(winlab_machine, ansible):
        pc = winlab_machine("plain")
        assert ansible(pc, "ansible.windows.win_ping")["ping"] == "pong"

GPUREADY_REQUIRE_WINLAB=1 (CI) turns the skip into a failure.  Workers of pytest-xdist, and runs side by side, have
machines and addresses of their own.  GPUREADY_KEEP_WINLAB=1 leaves the machines' folders for a look.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import python_environment_winlab_help as environments
from winlab import Machine, csharp, testing, why_not
from winlab.tree import Lease, lease


def pytest_configure() -> None:
    """Under coverage (ps_coverage) all that this session starts uses the instrumented copy; C# is compiled once."""
    if work := os.environ.get("GPUREADY_PS_COVERAGE"):
        os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(Path(work) / "tree/collections")
        os.environ["GPUREADY_ROOT"] = str(Path(work) / "tree")
    if not why_not():
        os.environ["ANSIBLE_MODULE_UTILS"] = str(csharp.kept())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here that asks for a machine is marked winlab."""
    for item in items:
        if "winlab_machine" in getattr(item, "fixturenames", ()):
            item.add_marker("winlab")


class Machines:
    """The machines of this session, by key."""

    def __init__(self) -> None:
        self._machines: dict[str, tuple[str, Machine, Lease]] = {}

    def __call__(self, key: str, **arguments: Any) -> Machine:
        """The machine of `key`, booted at the first call; `arguments` go to Machine.

        Tests that give the same key share one machine, whatever an earlier test did to it; a key means one
        configuration, so other arguments under the same key are refused.  Key and name are the same unless
        `name` is given.
        """
        configuration = repr(sorted((k, v) for k, v in arguments.items() if not _has_code(v)))
        if key in self._machines:
            known, machine, _ = self._machines[key]
            if known != configuration:
                raise ValueError(f"winlab_machine({key!r}) with two configurations: {known} and {configuration}")
            return machine
        mine = lease()
        machine = Machine(**{"name": key, **arguments, "folder": mine.folder, "address": mine.address})
        self._machines[key] = (configuration, machine, mine)
        machine.create()
        machine.start()
        return machine

    def __contains__(self, key: str) -> bool:
        return key in self._machines

    def close(self) -> None:
        """Switch all machines off and take them away."""
        for _, machine, mine in self._machines.values():
            machine.stop()
            if os.environ.get("GPUREADY_KEEP_WINLAB") != "1":
                machine.remove()
            mine.release()


def _has_code(value: object) -> bool:
    """Whether it is, or holds, functions, which differ from call to call."""
    return callable(value) or (isinstance(value, dict) and any(callable(v) for v in value.values()))


@pytest.fixture(scope="session")
def winlab_machine() -> Iterator[Machines]:
    """winlab_machine(key, **arguments of winlab.Machine) -> Machine."""
    if reason := why_not():
        if os.environ.get("GPUREADY_REQUIRE_WINLAB") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    machines = Machines()
    yield machines
    machines.close()


@pytest.fixture(scope="session")
def ansible() -> Callable[..., dict[str, Any]]:
    """ansible(machine, module, args, check=False, playbook=None, ...) -> dict; see winlab.testing.ansible."""
    return testing.ansible


@pytest.fixture(scope="session")
def machine_from_scenario(winlab_machine: Machines) -> Callable[..., Machine]:
    """machine_from_scenario(pc) -> Machine: the PC of a simulated lab's YAML, as a machine that really runs."""
    documents = pytest.importorskip("gpuready.simlab.documents")

    def make(pc: Any, **arguments: Any) -> Machine:
        key = f"scenario-{pc.name}"
        new = key not in winlab_machine
        machine = winlab_machine(key, **{"name": pc.name, **documents.winlab_arguments(pc), **arguments})
        for node in documents.to_files(pc) if new else ():
            testing.write_node(machine, node)
        return machine

    return make


@pytest.fixture(scope="session")
def environment_machine(winlab_machine: Machines, tmp_path_factory: pytest.TempPathFactory) -> tuple[Machine, Path]:
    """A machine with archives, uv and wheels for python_environment, and the controller's folder of the same."""
    folder = tmp_path_factory.mktemp("files")
    return environments.prepare(winlab_machine("python-environment"), folder), folder


@pytest.fixture
def lab(environment_machine: tuple[Machine, Path], request: pytest.FixtureRequest) -> Iterator[environments.Lab]:
    """A home of the test's own on that machine."""
    pc, folder = environment_machine
    found = environments.Lab(pc, folder, request.node.name.replace("test_", "").split("[")[0][:20])
    yield found
    shutil.rmtree(found.home, ignore_errors=True)
