# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The file of a lab's bundle that stands in for an archive, for roles that hand it to modules of others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ..plugin_utils import bundles
from ..plugin_utils.bundle.model import BundleError


def bundled(archive: Mapping[str, Any] | None, bundle: str | None = None, base: str = ".") -> dict[str, Any]:
    """{path or url, sha256} with the path in the bundle; empty where the bundle lacks what lies at an address."""
    try:
        found = bundles.of(bundle, base)
    except BundleError as error:
        raise AnsibleFilterError(str(error)) from None
    given = dict(archive or {})
    try:
        return found.instead(given) if found else given
    except BundleError:
        return {key: value for key, value in given.items() if key != "url"}


class FilterModule:
    """The filter as Ansible loads it."""

    def filters(self) -> dict[str, Callable[..., dict[str, Any]]]:
        """By name."""
        return {"bundled": bundled}
