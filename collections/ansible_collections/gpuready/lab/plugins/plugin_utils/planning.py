# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Planning a host from its record and its variables, for the actions that plan."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean

from . import bundles, contract, reading
from .action import BadInput
from .bundle.model import VARIABLE, Bundle, BundleError
from .environment.sources import RequestError, Sources
from .facts import typed
from .facts.model import Facts
from .guest import settings
from .installers import files as installers
from .installers.model import Catalogue
from .plan import choosing as plan
from .plan import guest, wishes
from .plan import steps as plan_steps
from .record import Record
from .stacks import files as stackfiles
from .stacks.model import DEFAULT_ROLE, Stack

# Ansible imports an action once, before it forks a worker for every PC and task: what is read here is read once a run.
stackfiles.preload()
typed.preload(Facts)

_LIBRARY = ("gpuready_stack_dirs", "gpuready_stack_locks")
_DRIVERS = "gpuready_drivers"
_ADAPTERS = "gpuready_driver_adapters"  # whose drivers are brought
_DOWNGRADE = "gpu_driver_downgrade"
_UPDATES = "gpuready_windows_update"  # whether Windows Update may be their source
_GUEST = ("wsl_archive", "wsl_package")
_ROLE = Path(__file__).resolve().parents[2] / "roles" / "wsl" / "defaults" / "main.yml"
_WISHED = {wishes.PREFIX + name for name in (*wishes.NAMES, *contract.COUNTS)}
_MEANT = frozenset(_WISHED | {*_LIBRARY, _DRIVERS, _ADAPTERS, _UPDATES, VARIABLE})


@dataclass(frozen=True)
class Preparation:
    """The wishes of a host, the stacks that it may have, the lab's installers of drivers (None: it names none).

    `for_guest`: what the lab gives for a guest of WSL 2. `all_drivers`: it asks for the drivers of all GPUs of its PCs.
    `downgrade`: a pinned driver may replace a newer one.
    """

    wishes: wishes.Wishes
    stacks: dict[str, Stack]
    installers: Catalogue | None
    for_guest: guest.Given = guest.NOTHING
    all_drivers: bool = False
    downgrade: bool = False


def prepare(
    task_vars: Mapping[str, Any], template: Callable[[Any], Any], given: Mapping[str, Any] | None = None
) -> Preparation:
    """What a host's variables ask for: wrong ones are wrong before its PC is looked at, or even switched on.

    `given` are wishes that come before the host's variables. Raises BadInput.
    """
    values = _variables(task_vars, template)
    directories, locks = values.pop(_LIBRARY[0], None), values.pop(_LIBRARY[1], None)
    base = task_vars.get("inventory_dir") or "."
    try:
        bundle = bundles.of(values.pop(VARIABLE, None), base)
    except BundleError as error:
        raise BadInput(str(error)) from None
    catalogue = _catalogue(values.pop(_DRIVERS, None), base, bundle)
    if catalogue is not None:
        catalogue = replace(catalogue, updates=_truth(_UPDATES, values.get(_UPDATES)))
    whose = values.pop(_ADAPTERS, None) or "planned"
    if whose not in ("planned", "all"):
        raise BadInput(f"{_ADAPTERS}: {reading.one_line(str(whose))} is not one of planned, all")
    for name, value in (given or {}).items():
        if name not in wishes.NAMES:
            raise BadInput(f"wishes: {name} is not one of {', '.join(wishes.NAMES)}")
        values[wishes.PREFIX + name] = value
    try:
        library = stackfiles.load(_list(directories), _mapping(locks), base)
        brought = {name for stack in library.values() for name in stack.libraries}
        preparation = Preparation(
            wishes.parse(values, library, brought),
            library,
            catalogue,
            _guest(task_vars, template, bundle),
            all_drivers=whose == "all",
            downgrade=_truth(_DOWNGRADE, template(task_vars.get(_DOWNGRADE))),
        )
    except (stackfiles.StackFilesError, wishes.WishError) as error:
        raise BadInput(str(error)) from None
    for role in sorted({role.rpartition(".")[2] for role in (DEFAULT_ROLE, *(s.role for s in library.values()))}):
        if task_vars.get(f"{role}_state", "present") != "present":
            raise BadInput(f"{role}_state: playbooks/remove.yml takes environments away; the others bring them")
    return preparation


def extend(record: Record, prepared: Preparation) -> list[str]:
    """Add the plan to a record that has facts; its lines for a reader, none where there are no facts."""
    if not isinstance(record.get("facts"), dict):
        return []
    facts = Facts.of(record["facts"])
    record["plan"] = plan.plan(
        facts,
        prepared.wishes,
        prepared.stacks,
        guest=prepared.for_guest,
        installers=prepared.installers,
        drivers_automated=True,
        all_drivers=prepared.all_drivers,
        downgrade=prepared.downgrade,
    )
    return plan_steps.summary(record["plan"])


def _variables(task_vars: Mapping[str, Any], template: Callable[[Any], Any]) -> dict[str, Any]:
    """The gpuready_ variables, templated where they have a meaning here."""
    names = [name for name in task_vars if isinstance(name, str) and name.startswith(wishes.PREFIX)]
    values: dict[str, Any] = {}
    for name in names:
        try:
            values[name] = template(task_vars[name]) if name in _MEANT else None
        except AnsibleError as error:
            raise BadInput(f"{name}: {' '.join(str(error).split())}") from None
    return values


def _truth(name: str, value: object) -> bool:
    """A plain yes or no; no where nothing is said."""
    try:
        return value not in (None, "") and boolean(value)
    except TypeError:
        raise BadInput(f"{name}: {reading.one_line(str(value))} is neither true nor false") from None


def _catalogue(value: object, base: str, bundle: Bundle | None) -> Catalogue | None:
    """The lab's drivers.yml; a relative path starts at the inventory's folder."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise BadInput(f"{_DRIVERS}: this is not the path of a drivers.yml")
    try:
        return installers.load(
            Path(base) / Path(value).expanduser(), {one.sha256 for one in bundle.files} if bundle else ()
        )
    except installers.CatalogueError as error:
        raise BadInput(f"{_DRIVERS}: {error}") from None
    except RuntimeError:  # ~nobody
        raise BadInput(f"{_DRIVERS}: {value[:100]}: there is no such user's home: write the path out") from None


def _guest(task_vars: Mapping[str, Any], template: Callable[[Any], Any], bundle: Bundle | None) -> guest.Given:
    """The archive and the package of the role wsl: what a guest is made from is known before anything is changed."""
    found = {}
    for name in _GUEST:
        try:
            value = template(task_vars.get(name))
        except AnsibleError as error:
            raise BadInput(f"{name}: {' '.join(str(error).split())}") from None
        if value and not isinstance(value, dict):
            raise BadInput(f"{name}: this is not a mapping with path or url, and sha256")
        found[name] = dict(value or {})
    version = found["wsl_package"].pop("version", None)
    try:
        for name, value in found.items():
            Sources().archive(name, value, None)
    except RequestError as error:
        raise BadInput(str(error)) from None
    if found["wsl_package"] and not version:
        raise BadInput("wsl_package: it needs the version of WSL that it brings")
    lost = dict.fromkeys(_GUEST, "")
    if bundle:
        for name in _GUEST:
            try:
                found[name] = bundle.instead(found[name])
            except BundleError as error:
                lost[name] = f"{name}: {error}"
    given = guest.Given(
        package=str(version) if version else None,
        conf=_conf(task_vars, template),
        archive_lost=lost["wsl_archive"],
        package_lost=lost["wsl_package"],
    )
    if not (archive := found["wsl_archive"]) or lost["wsl_archive"]:
        return given
    path = str(archive.get("path") or "")
    if path.startswith("/") and not Path(path).is_file():
        return replace(given, no_archive=f"wsl_archive: {path} is not there on the controller")
    return replace(given, archive=True)


def _conf(task_vars: Mapping[str, Any], template: Callable[[Any], Any]) -> str | None:
    """/etc/wsl.conf of a guest, by the lab's variables and the role's defaults."""
    conf, user = (template(task_vars.get(name, _of_wsl()[name])) for name in ("wsl_conf", "wsl_default_user"))
    if (conf is not None and not isinstance(conf, dict)) or not isinstance(user, str | None):
        raise BadInput("wsl_conf, wsl_default_user: these are not a mapping of sections and the name of a user")
    try:
        return settings.text(conf, user)
    except settings.SettingError as error:
        raise BadInput(f"wsl_conf: {error}") from None


@functools.cache
def _of_wsl() -> dict[str, Any]:
    return dict(yaml.safe_load(_ROLE.read_text(encoding="utf-8")))


def _list(value: object) -> list[str]:
    values = [value] if isinstance(value, str) else value or []
    if not isinstance(values, list) or not all(isinstance(item, str) and item for item in values):
        raise BadInput("gpuready_stack_dirs: this is not a list of folders")
    return values


def _mapping(value: object) -> dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise BadInput("gpuready_stack_locks: this is not a mapping of a stack to its lock")
    return value or {}
