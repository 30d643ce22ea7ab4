# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of the controller for a PC: found as Ansible finds files, sent when the PC's module asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError

from . import bundles
from .action import BadInput
from .bundle.model import VARIABLE, Bundle, BundleError
from .environment.sources import RequestError, Sources
from .remedies import troubles
from .remote import RemoteAction

ASKS_AGAIN = {
    "failed": True,
    "code": "UPLOAD_FAILED",
    "msg": "the PC asks again for files that were sent; check its disk and its virus scanner",
}


class SendingAction(RemoteAction):
    """Base of the actions that give a PC files of the controller."""

    def give(self, needs: Iterable[Mapping[str, str]], files: Mapping[str, Path]) -> dict[str, Any]:
        """Send what a module says that it needs: `{"uploaded": {sha256: its path there}}`, or `{"trouble"}`.

        A file that has changed since is not sent.
        """
        wanted = {one["sha256"]: files[one["sha256"]] for one in needs}
        try:
            for sha256, file in wanted.items():
                Sources().checked(file.name, file, sha256)
            return {"uploaded": {sha256: self.send(file, sha256) for sha256, file in wanted.items()}}
        except RequestError as error:
            return {"trouble": {"code": error.code, "message": str(error)}}
        except (AnsibleError, OSError) as error:
            return {"trouble": troubles.classify(str(error), exception=error, connection=self._connection.transport)}

    def send(self, local: Path, sha256: str) -> str:
        """Put a file of the controller into the PC's temporary folder; its path there."""
        shell = self._connection._shell
        if shell.tmpdir is None:
            self._make_tmp_path()
        remote = shell.join_path(shell.tmpdir, f"{sha256[:12]}-{local.name}")
        self._transfer_file(str(local), remote)
        if not self.is_windows:
            self._fixup_perms2((shell.tmpdir, remote))
        return str(remote)

    def bundle(self, task_vars: Mapping[str, Any]) -> Bundle | None:
        """The lab's bundle, where it has one. Raises BadInput for one that cannot be read."""
        if not task_vars.get(VARIABLE):
            return None
        try:
            value = self._templar.template(task_vars.get(VARIABLE))
            return bundles.of(value, str(task_vars.get("inventory_dir") or "."))
        except (AnsibleError, BundleError) as error:
            raise BadInput(" ".join(str(error).split())) from None

    def archive(self, path: str) -> Path | None:
        """The file of a path on the controller, None where none is: then the path is one of the PC."""
        file = self.path(path)
        return file if file.is_file() else None

    def path(self, path: str) -> Path:
        """A path on the controller, relative ones found as Ansible's other actions find files."""
        try:
            return Path(self._find_needle("files", path))
        except AnsibleError:
            return Path(self._loader.path_dwim(path))
