# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Running a module on a PC that may be off, hang or answer nonsense.

A PC in trouble is a finding, not the end of the run: what goes wrong on the way to it comes back as a trouble, so that
the record of that PC says it and the other PCs go on.
"""

from __future__ import annotations

import contextlib
import errno
import time
from collections.abc import Callable
from typing import Any, ClassVar

from ansible._internal import _display_utils
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError

from . import accounts, apart, controller, hiding, inside, preload, reading
from . import record as records
from .action import Action, BadInput
from .evidence import limits
from .record import Record, Trouble
from .remedies import modules, troubles

preload.connections()
preload.answers()
preload.powershell()

_STEPS = {"gpu_facts": "look", "training_facts": "verify"}


class RemoteAction(Action):
    """Base of the actions that run their own module on the PC."""

    _requires_connection = True
    INSIDE: ClassVar[bool] = False  # whether it works in the guest, where a Windows PC's plan leads into one
    PAUSES: ClassVar[tuple[float, ...]] = (5.0, 20.0)  # seconds before what is often gone later is tried again
    _secrets: tuple[str, ...] = ()

    @property
    def is_windows(self) -> bool:
        """Whether the PC's side of the connection is Windows."""
        return bool(getattr(self._connection._shell, "_IS_WINDOWS", False))

    def call(self, asked: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Act apart from Ansible's worker: what becomes of the process is this PC's trouble alone."""
        here = self._connection.transport == "local"  # what is started here may take the memory that it needs
        try:
            result, warnings = apart.call(lambda: self._alone(asked, task_vars), limited=not here)
            for warning in warnings:
                self._display.warning(hiding.hidden(warning, self.secrets(task_vars)))
            return dict(result)
        except apart.TooMuchError as error:
            lost = {"code": "ANSWER_TOO_LARGE", "msg": f"the PC's answer: {error}"}
        except apart.LostError as error:
            lost = {"code": "WORKER_LOST", "msg": str(error)}
        except apart.FailedError as error:
            known = {one.__name__: one for one in (BadInput, AnsibleConnectionFailure)}
            said = str(error) if error.kind in known or error.kind.startswith("Ansible") else f"{error.kind}: {error}"
            raise known.get(error.kind, AnsibleActionFail)(said) from None
        return {"failed": True, "step": _STEPS.get(self._task.action.rpartition(".")[2], "apply"), **lost}

    def _alone(self, asked: dict[str, Any], task_vars: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """In the process of its own: the act, and the leave of the PC that Ansible takes of it otherwise.

        With the result come the warnings of modules: Ansible keeps them in the process, and this one ends.
        """
        try:
            record = records.of(task_vars)
            with _display_utils.DeferredWarningContext(variables=task_vars) as kept:
                if self.INSIDE and self.is_windows and inside.leads_in(record):
                    home = {"home": None} if "home" in asked else {}  # what a lab sets is that of Windows
                    with inside.guest(self, inside.distribution(record), task_vars) as variables:
                        result = self.act(asked | home, variables)
                else:
                    result = self.act(asked, task_vars)
            return result, [_display_utils.format_message(one, False) for one in kept.get_warnings()]
        finally:
            with contextlib.suppress(Exception):
                self.cleanup()
                self._connection.close()

    def run_remote(self, module_name: str, module_args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Run a module and give its result, or `{"trouble": {code, message}}` when the PC could not be had.

        What is transient (a file that a scanner holds) is tried again; `tried_again` of the result says why.
        """
        return self.again(lambda: self.run_once(module_name, module_args, task_vars))

    def again(self, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What work gives that is tried again as long as its answer is transient."""
        held: list[Trouble] = []
        for pause in (*self.PAUSES, None):
            answer = work()
            if pause is None or not modules.is_transient(answer):
                break
            held.append(self._told({**answer, "failed": True}, "NO_EVIDENCE"))
            self._display.vv(f"{held[-1]['code']}: {held[-1]['message']}: tried again in {pause:g} s")
            time.sleep(pause)
        return {**answer, "tried_again": held} if held else answer

    def run_once(
        self,
        module_name: str,
        module_args: dict[str, Any],
        task_vars: dict[str, Any],
        background: tuple[str, int] | None = None,
        brings: tuple[str, dict[str, Any]] | None = None,
    ) -> dict[str, Any]:
        """Run a module, once; `background`: by Ansible's async, with the folder of its result and its seconds.

        `brings`: a module and its arguments, which it is given as Ansible sends them, with what Ansible's async runs.
        """
        _refuse_redirects()
        self._secrets = self.secrets(task_vars)
        if not self.is_windows:
            # A .ps1 of the same name stands beside the .py and comes first in the alphabet.
            self._connection.module_implementation_preferences = (".py", "")
        try:
            if trouble := controller.fault(self._connection):
                return {"trouble": trouble}
            if trouble := accounts.admit(self._connection, str(task_vars.get("inventory_hostname") or "")):
                return {"trouble": trouble}
            if brings is not None:
                wrapper = self._as_sent("ansible.legacy.async_wrapper", {}, task_vars)
                module_args = {**module_args, "module": self._as_sent(*brings, task_vars), "wrapper": wrapper}
            if background is not None:
                self._connection._shell.set_option("async_dir", background[0])
                self._task.async_val = background[1]
            result: dict[str, Any] = self._execute_module(
                module_name=module_name,
                module_args=module_args,
                task_vars=task_vars,
                wrap_async=background is not None,
            )
        except AnsibleConnectionFailure as error:
            if apart.of_memory(error):
                raise
            return {"trouble": self._trouble(str(error), error)}
        except (AnsibleError, OSError) as error:  # requests' and ssl's exceptions are OSErrors
            if apart.of_memory(error):
                raise
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):  # nothing of the PC's has a number here
                return {"trouble": {"code": "CONTROLLER_DISK_FULL", "message": reading.one_line(str(error))}}
            return {"trouble": self._trouble(str(error), error)}
        except Exception as error:
            if apart.of_memory(error):
                raise
            if type(error).__module__.split(".")[0] not in (
                "winrm",
                "requests",
                "urllib3",
                "pypsrp",
                "psrpcore",
                "spnego",
            ):
                raise
            return {"trouble": self._trouble(str(error), error)}
        finally:
            if background is not None:
                self._task.async_val = 0
                self._cleanup_remote_tmp = True  # what was sent there is in its place by now
        if result.get("unreachable"):
            return {"trouble": self._trouble(str(result.get("msg", "")), None)}
        if "gpuready_evidence" not in reading.section(result, "ansible_facts"):  # of that it is said what was cut
            result, _ = limits.fit(result)
        if "module_stdout" in result and result.get("failed"):  # ansible could not read the module's answer
            text = "\n".join(str(result.get(key) or "") for key in ("msg", "module_stdout", "module_stderr"))
            return {"trouble": self._trouble(text, None, answered=True)}
        return result

    def _as_sent(self, name: str, arguments: dict[str, Any], task_vars: dict[str, Any]) -> str:
        """A Python module with its arguments, as Ansible sends it to be run."""
        given = dict(arguments)
        self._update_module_args(name, given, task_vars)
        given["_ansible_tmpdir"] = None  # what this task has there goes with it
        built, _ = self._configure_module(module_name=name, module_args=given, task_vars=task_vars)
        return str(built.b_module_data.decode())

    def evidence(
        self,
        fact: str,
        record: Record,
        step: str,
        module_name: str,
        module_args: dict[str, Any],
        task_vars: dict[str, Any],
        nothing: str = "NO_EVIDENCE",
    ) -> dict[str, Any] | None:
        """A fact that a module gives; without it None, and the record has a trouble of this step that says why.

        `nothing` is the code of an answer that says nothing.
        """
        answer = self.run_remote(module_name, module_args, task_vars)
        return self.fact(fact, record, step, answer, nothing)

    def fact(self, fact: str, record: Record, step: str, answer: dict[str, Any], nothing: str) -> dict[str, Any] | None:
        """The same of a module's answer that is there."""
        self.keep_tries(record, answer, step)
        evidence = reading.section(answer, "ansible_facts").get(fact)
        if isinstance(evidence, dict):
            return dict(evidence)
        trouble = self._told(answer, nothing)
        code = troubles.cut_off(trouble["code"]) if record.get("facts") else trouble["code"]
        record["troubles"].append(
            {"code": code, "message": trouble["message"], "step": step, "task": self._task.get_name()}
        )
        return None

    def keep_tries(self, record: Record, answer: dict[str, Any], step: str) -> None:
        """Let the record say what was tried again, and why."""
        tried: list[Trouble] = [
            {"code": one["code"], "message": one["message"], "step": step, "task": self._task.get_name()}
            for one in answer.get("tried_again") or []
        ]
        if tried:
            record["tried_again"] = [*(record.get("tried_again") or []), *tried]

    def _told(self, answer: dict[str, Any], nothing: str) -> Trouble:
        """Why an answer is none."""
        if "trouble" in answer:
            trouble: Trouble = answer["trouble"]
            return trouble
        if not answer.get("failed"):
            return {"code": reading.code(answer.get("code")) or nothing, "message": "the PC answered without evidence"}
        said = modules.explain(answer, nothing)
        return {"code": said.code, "message": reading.one_line(hiding.hidden(said.cause, self._secrets))}

    def _trouble(self, text: str, error: Exception | None, answered: bool = False) -> Trouble:
        text = hiding.hidden(text, self._secrets)  # before it is cut: half a password is one too
        trouble = troubles.classify(text, exception=error, connection=self._connection.transport)
        if answered and trouble["code"] == "UNREACHABLE":
            trouble["code"] = "OUTPUT_GARBAGE"
        return trouble


def _refuse_redirects() -> None:
    """A PC that sends the controller on to another one is refused: pywinrm and pypsrp would follow, with the password.

    Both make a session of requests of their own that takes this number, and send with it before anybody can reach it. A
    worker of Ansible serves one task on one PC, so that this is said for nothing else.
    """
    with contextlib.suppress(ImportError):  # only ssh is used
        import requests.sessions

        requests.sessions.DEFAULT_REDIRECT_LIMIT = 0  # type: ignore[attr-defined]
