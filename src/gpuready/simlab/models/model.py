"""What a model is: a function of one run of a module, entered under the module's whole name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gpuready.simlab.pc import SimulatedPc
from gpuready.simlab.winrm.shells import Command


class ModuleFailed(Exception):  # noqa: N818 - an answer, not an error of ours
    """The module fails with this result."""

    def __init__(self, msg: str, **result: Any) -> None:
        super().__init__(msg)
        self.result = {"msg": msg, **result}


@dataclass
class Task:
    """One run of a module: the PC, its arguments without those of Ansible itself, whether it is a check.

    `become`: the user that it runs as, where that is not the one who logs on.
    """

    pc: SimulatedPc
    arguments: dict[str, Any]
    check: bool
    command: Command
    become: str = ""

    def need(self, name: str) -> Any:
        """An argument that must be there."""
        value = self.arguments.get(name)
        if value is None:
            raise ModuleFailed(f"missing required arguments: {name}")
        return value

    def only(self, *names: str) -> None:
        """Fail for an argument that the model does not know: nothing is passed over in silence."""
        for name, value in self.arguments.items():
            if name not in names and value is not None:
                raise ModuleFailed(f"simlab: the argument {name} is not modelled (modelled are {', '.join(names)})")


Model = Callable[[Task], dict[str, Any]]
MODELS: dict[str, Model] = {}
WAITS: set[str] = set()  # those that hold the PC by themselves, when they look at it


def model(*names: str, waits: bool = False) -> Callable[[Model], Model]:
    """Enter a model under the whole names of its module."""

    def enter(function: Model) -> Model:
        for name in names:
            MODELS[name] = function
            WAITS.update(names if waits else ())
        return function

    return enter
