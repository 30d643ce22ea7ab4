# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every action is: options by one argument_spec, one call, the result. A wrong option is refused in one way."""

from __future__ import annotations

import gc
import multiprocessing
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

from . import hiding
from .remedies import catalogue

# Ansible imports an action once, before it forks a worker for every PC and task: what is read here is read once a run.
catalogue.preload()

Spec = Mapping[str, Mapping[str, Any]]


class BadInput(Exception):  # noqa: N818 - the task's answer, no error of ours
    """What is asked for cannot be: one line for its author, with the option or variable that is wrong."""


def options(name: str, given: Mapping[str, Any], spec: Spec) -> dict[str, Any]:
    """The options of the task `name` by an argument_spec, converted; None for one that is not given.

    Raises BadInput for the first that is wrong, with what would be right.
    """
    for unknown in sorted(str(option) for option in given if option not in spec):
        raise BadInput(f"{name}: {unknown} is not one of {', '.join(spec)}")
    result = ArgumentSpecValidator({key: dict(value) for key, value in spec.items()}).validate(dict(given))
    if result.error_messages:
        raise BadInput(f"{name}: {' '.join(result.error_messages[0].split())}")
    return dict(result.validated_parameters)


class Action(ActionBase):
    """Base of all actions. `SPEC` is what the task may say; a path of the PC is a `str` there, for the PC to expand."""

    SPEC: ClassVar[Spec]
    # Options that a task need not say: by which variable the lab does. An expression at the task says the same, and
    # costs each PC more than all else that Ansible does before it calls the action.
    OF_LAB: ClassVar[Mapping[str, str]] = {}
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask, and give what came of it; `failed` with the code BAD_INPUT for what cannot be asked."""
        if multiprocessing.parent_process() is not None:
            # Ansible's process for this task of this PC. It ends with it, and looking for garbage among all that the
            # run knows of other PCs would copy their pages.
            gc.disable()
        result: dict[str, Any] = super().run(tmp, task_vars)
        try:
            asked = self._options(task_vars or {})
            result |= {"changed": False, **self.call(asked, task_vars or {})}
        except BadInput as error:
            result |= {"failed": True, "changed": False, "code": "BAD_INPUT", "msg": str(error)}
        return dict(hiding.without_secrets(result, self.secrets(task_vars or {})))

    def _options(self, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        of_lab = self._of_lab(task_vars)
        try:
            return options(self._task.action.rpartition(".")[2], {**of_lab, **self._task.args}, self.SPEC)
        except BadInput as error:
            by = next((f" (so says {self.OF_LAB[option]})" for option in of_lab if f"'{option}'" in str(error)), "")
            raise BadInput(f"{error}{by}") from None

    def _of_lab(self, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """What the lab's variables say of the options that the task leaves out; an empty one says nothing."""
        found = {}
        for option, variable in self.OF_LAB.items():
            if option in self._task.args or task_vars.get(variable) is None:
                continue
            try:
                value = self._templar.template(task_vars[variable])
            except AnsibleError as error:
                raise BadInput(f"{variable}: {' '.join(str(error).split())}") from None
            if value is not None and value != "":
                found[option] = value
        return found

    def secrets(self, task_vars: Mapping[str, Any]) -> tuple[str, ...]:
        """The passwords of this PC: what it says may hold them, and no record, file or line of ours does."""
        typed = {"typed_password": getattr(self._play_context, "password", None)}
        return hiding.secrets_of({**task_vars, **typed}, self._templar.template)

    def call(self, asked: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """How `act` is called: here."""
        return self.act(asked, task_vars)

    @abstractmethod
    def act(self, asked: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """What the task does, with its options; the result beyond `changed: false`. Raises BadInput."""
