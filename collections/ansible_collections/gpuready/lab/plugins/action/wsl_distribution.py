# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A distribution of WSL 2 on a Windows PC: imported, set, or taken away.

One call where nothing is to be done. An import is a job on the PC, and what it needs of the controller is there before.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

from ..plugin_utils import jobs
from ..plugin_utils.action import BadInput, Spec
from ..plugin_utils.bundle.model import Bundle, BundleError
from ..plugin_utils.environment import outcome
from ..plugin_utils.environment.sources import RequestError, Sources
from ..plugin_utils.guest import distributions, settings
from ..plugin_utils.sending import ASKS_AGAIN, SendingAction

MODULE = "gpuready.lab.wsl_distribution"
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


class ActionModule(SendingAction, jobs.JobAction):
    """Run gpuready.lab.wsl_distribution, send what it lacks, read what wsl.exe said."""

    SPEC: ClassVar[Spec] = {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "name": {"type": "str", "required": True},
        "confirm": {"type": "str"},
        "archive": {"type": "dict"},
        "location": {"type": "str"},
        "default_user": {"type": "str"},
        "wsl_conf": {"type": "dict"},
        "home": {"type": "str"},
        "time_limit": {"type": "int", "default": 1800},
        "wait": {"type": "bool", "default": True},
        "lock_wait": {"type": "int", "default": 30},
    }

    def act(self, asked: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Check what is asked, run, send, run again."""
        if not self.is_windows:
            raise BadInput(
                "wsl_distribution: the task must run on the Windows side of the PC, not in a guest or on Linux"
            )
        sources = Sources()
        try:
            given = self._request(asked, sources, self.bundle(task_vars))
        except RequestError as error:
            return outcome.refused(error)
        if asked["state"] == "absent":
            answer = self.run_remote(MODULE, given, task_vars)
        else:
            answer = self._prepared({**given, "prepare": True}, sources, task_vars)
        if answer.get("ready"):
            what = [given.get(name) for name in ("name", "archive", "location", "default_user", "wsl_conf")]
            # Getting the archive and importing it may each take the time that is given.
            job = jobs.job("importing", what, task_vars, asked["home"], 2 * asked["time_limit"])
            carried = self.carry(job, MODULE, given, task_vars, wait=asked["wait"])
            if carried is None:
                return {"msg": "the import is under way", "under_way": True, "changed": True}
            answer = carried
        if "needs" in answer:
            answer = ASKS_AGAIN
        return outcome.failure(distributions.read(answer)) or answer

    def _prepared(self, given: dict[str, Any], sources: Sources, task_vars: dict[str, Any]) -> dict[str, Any]:
        """The module's answer; what it needs of the controller is sent."""
        answer = self.run_remote(MODULE, given, task_vars)
        if "needs" not in answer:
            return answer
        sent = self.give(answer["needs"], sources.files)
        return sent if "trouble" in sent else self.run_remote(MODULE, {**given, **sent}, task_vars)

    def _request(self, asked: dict[str, Any], sources: Sources, bundle: Bundle | None = None) -> dict[str, Any]:
        """What the PC's module is given. Raises BadInput and RequestError."""
        name, user = asked["name"], asked["default_user"]
        if not distributions.is_name(name):
            raise BadInput(f"wsl_distribution: name: {name!r} is no name of a distribution (letters, digits, . _ -)")
        if user is not None and not _USER.fullmatch(user):
            raise BadInput(f"wsl_distribution: default_user: {user!r} is no name of a Linux user")
        common = {"name": name, "state": asked["state"], "home": asked["home"], "lock_wait": asked["lock_wait"]}
        if asked["state"] == "absent":
            if asked["confirm"] != name:
                raise BadInput(f"wsl_distribution: confirm: its files are lost with {name}: repeat its name here")
            return {key: value for key, value in common.items() if value is not None}
        given = asked["archive"] or {}
        try:
            given = bundle.instead(given) if bundle and given else given
        except BundleError as error:
            raise RequestError("BUNDLE_INCOMPLETE", f"archive: {error}") from None
        file = self.archive(str(given["path"])) if given.get("path") else None
        archive = sources.archive("archive", given, file)
        if archive is None:
            raise BadInput("wsl_distribution: archive: state present needs one (path or url, and sha256)")
        try:
            text = settings.text(asked["wsl_conf"], user)
        except settings.SettingError as error:
            raise BadInput(f"wsl_distribution: wsl_conf: {error}") from None
        common |= {
            "archive": archive | ({"size": Path(file).stat().st_size} if file else {}),
            "location": asked["location"],
            "default_user": user,
            "wsl_conf": text,
            "time_limit": asked["time_limit"],
        }
        return {key: value for key, value in common.items() if value is not None}
