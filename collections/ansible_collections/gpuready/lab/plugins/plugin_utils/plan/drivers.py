# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which installer of the lab's drivers.yml is for a GPU of a PC, or why none is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .. import reading
from ..facts.model import Adapter, Driver, Facts, System, at_least, version_key
from ..hardware import drivers
from ..hardware.families import FAMILIES, LEFT_OUT, family
from ..installers.model import Catalogue, Installer
from .problems import Problem, problem

# What another driver mends. Where the version is not known, nobody can say that another is no older one.
MENDED = ("BASIC_DRIVER", "GPU_NO_DRIVER", "DRIVER_TOO_OLD")
UNKNOWN = "DRIVER_UNKNOWN"
NAMED = ("DRIVER_LEFT_OUT", "DRIVER_OF_MAKER", "DRIVER_NOT_LISTED")

_CLIENTS = ((22000, "11"), (10240, "10"), (9600, "8.1"), (7600, "7"))  # the first build of each
_SERVERS = {14393: "server-2016", 17763: "server-2019", 20348: "server-2022", 26100: "server-2025"}
_VENDORS_OWN = re.compile(r"nvidia|advanced micro devices|\bamd\b|\bati\b|\bintel\b|microsoft", re.IGNORECASE)
_LAPTOP = re.compile(r"\b(laptop|notebook|mobile|max-q)\b|\bmx\d{3}\b|\d{3,4}mx?\b", re.IGNORECASE)
_DATA_CENTER = (
    r"\btesla\b|\bnvidia (a(2|10|16|30|40|100|800)|b\d{3}|gh200|h\d{2,3}|l(2|4|20|40s?)|p(4|40|100)|t4|v100)\b"
)
_PRODUCTS = (
    ("geforce", re.compile(r"\b(geforce|titan)\b", re.IGNORECASE)),
    ("data-center", re.compile(_DATA_CENTER, re.IGNORECASE)),
    ("professional", re.compile(r"\b(quadro|nvs|rtx|t\d{3,4})\b", re.IGNORECASE)),
)
_SHOWN = 3


@dataclass(frozen=True)
class Offer:
    """The installer that the lab would have for a GPU, or what stands against all of them."""

    installer: Installer | None
    refused: Problem | None = None


def offer(catalogue: Catalogue | None, adapter: Adapter | None, facts: Facts) -> Offer | None:
    """What the catalogue has for a GPU; None where no driver of it can be meant.

    Those are PCs without Windows, the inside of a WSL guest, a GPU that its host passes on, and one in TCC mode, which
    is no matter of the driver. Of those that fit the pinned comes first, then the newest, then what is no Windows
    Update.
    """
    if catalogue is None or adapter is None or facts.os.family != "windows":
        return None
    if adapter.vendor not in FAMILIES or adapter.paravirtual or adapter.driver_model == "TCC":
        return None
    there = [one for one in catalogue.installers if one.vendor == adapter.vendor]
    against = [(one, _against(one, adapter, facts, catalogue.updates)) for one in there]
    fitting = [one for one, reason in against if reason is None]
    if fitting:
        order = [(one.pinned, version_key(one.version) or (), not one.windows_update) for one in fitting]
        return Offer(fitting[order.index(max(order))])
    return Offer(None, _refused(catalogue, adapter, [(one, why) for one, why in against if why is not None]))


def with_installer(adapter: Adapter, installer: Installer) -> Adapter:
    """The GPU as it is once this driver runs."""
    version = installer.windows_version
    if version is None and adapter.vendor == "intel" and at_least(installer.version, "101") is True:
        version = f"30.0.{installer.version}"  # the least that Windows' number of this branch begins with
    driver = Driver(version=version, vendor_version=installer.version, basic=False)
    return replace(adapter, driver=driver, status="ok", problem_code=0)


def newer(installer: Installer, adapter: Adapter) -> bool | None:
    """Whether an installer is newer than the driver that the GPU runs on; None where that is not known."""
    if adapter.basic:
        return True
    driver = adapter.driver
    have = driver.vendor_version or (drivers.own_version(adapter.vendor, driver.version) if driver.version else None)
    reached = at_least(have, installer.version)
    return None if reached is None else not reached


def older(installer: Installer, adapter: Adapter) -> bool:
    """Whether an installer is known to be older than the driver that the GPU runs on."""
    driver = adapter.driver
    return not adapter.basic and at_least(installer.version, driver.vendor_version or driver.version or "") is False


def told(catalogue: Catalogue, installer: Installer) -> str:
    """An installer as a person is told of it."""
    least = " or newer" if installer.windows_update else ""
    return f"{installer.version}{least} of {catalogue.name} ({installer.id}, {installer.source})"


def by_hand(catalogue: Catalogue, installer: Installer, one: Problem, automated: bool) -> Problem:
    """The blocker with the installer that mends it, which this run does not start."""
    step = f"Install {told(catalogue, installer)} on the PC by hand, restart it and run again."
    why = "Whether it is newer than the driver there is not known" if automated else "This version installs no driver"
    return replace(one, next_step=f"{step} {why}.")


def not_enough(catalogue: Catalogue, installer: Installer, one: Problem, after: Problem) -> Problem:
    """The blocker where the best installer does not mend it."""
    if after.code == UNKNOWN:
        why = f"whether {told(catalogue, installer)} is new enough cannot be told from this number"
        step = f"Write the version of {installer.id} in {catalogue.name} as Windows has it, and run again."
    else:
        has = "pins it to" if installer.pinned else "has at best"
        why = f"the lab {has} {told(catalogue, installer)}, which is too old"
        step = f"Pin a newer driver in {catalogue.name} than {installer.id}, and run again." if installer.pinned else ""
    return problem("DRIVER_NOT_LISTED", f"{one.cause}; {why}", step)


def refused(one: Problem, why: Problem) -> Problem:
    """The blocker where no installer fits: its cause, with why."""
    return replace(why, cause=f"{one.cause}; {why.cause}")


def pinned(catalogue: Catalogue, installer: Installer, adapter: Adapter) -> str:
    """What a person should know of a pinned driver that this run does not bring; empty where the GPU has it."""
    have = adapter.driver.vendor_version or adapter.driver.version
    if newer(installer, adapter):
        return f"{adapter.name} has {have} and is pinned to {told(catalogue, installer)}: install that by hand"
    if at_least(installer.version, have or "") is not False:
        return ""
    return f"{adapter.name} has {have}, newer than {told(catalogue, installer)}, to which it is pinned: it stays"


@dataclass(frozen=True)
class _Reason:
    """Why an installer is not for a GPU: the code of it, and the words that follow the entry's name."""

    words: str
    code: str = "DRIVER_NOT_LISTED"


def _against(one: Installer, adapter: Adapter, facts: Facts, updates: bool) -> _Reason | None:
    """Why an installer is not for this GPU; None where it is. `updates`: Windows Update is allowed."""
    if one.windows_update and not updates:
        return _Reason("comes from Windows Update, which gpuready_windows_update does not allow here")
    if words := _machine(one, facts) or _gpu(one, adapter):
        return _Reason(words)
    if one.makers and not any(_same(name, facts.machine.manufacturer) for name in one.makers):
        return _Reason(f"is for PCs of {', '.join(one.makers)} alone")
    if not one.makers and _makers_own(adapter):
        return _Reason("would replace the driver of the PC's maker", code="DRIVER_OF_MAKER")
    chip = _family(adapter)
    first = None if _named(one, adapter) else LEFT_OUT.get(chip or "")
    if first is not None and at_least(one.version, first) is not False:
        return _Reason(f"is of {first} or later, and these leave {chip} out", code="DRIVER_LEFT_OUT")
    return None


def _machine(one: Installer, facts: Facts) -> str:
    """Why it is not for this Windows; empty where it is."""
    if facts.os.architecture != one.architecture:
        return f"is for {one.architecture}, and the PC is {facts.os.architecture or 'of no known architecture'}"
    edition = _edition(facts.os)
    if edition not in one.windows:
        has = _windows(edition) if edition else facts.os.name or "a Windows that is not known"
        return f"is for {_windows(*one.windows)}, and the PC has {has}"
    return ""


def _gpu(one: Installer, adapter: Adapter) -> str:
    """Why it is not for a GPU of this vendor; empty where it is."""
    if _named(one, adapter):
        return ""
    chip = _family(adapter)
    if chip is None or (one.pci and not one.families):
        return f"names neither this GPU ({adapter.vendor_id}:{adapter.device_id}) nor its family"
    if one.families and chip not in one.families:
        return f"is for {', '.join(one.families)}, and the GPU is of {chip}"
    laptop = _LAPTOP.search(adapter.name) is not None
    if one.computers and ("laptop" if laptop else "desktop") not in one.computers:
        return f"is for {one.computers[0]}s, and the GPU's name is {'' if laptop else 'not '}that of a laptop's"
    product = next((name for name, pattern in _PRODUCTS if pattern.search(adapter.name)), None)
    if one.products and product is not None and product not in one.products:
        return f"is for {', '.join(one.products)}, and the GPU is {product}"
    return ""


def _named(one: Installer, adapter: Adapter) -> bool:
    """Whether the entry names this very GPU."""
    return f"{adapter.vendor_id}:{adapter.device_id}" in one.pci


def _family(adapter: Adapter) -> str | None:
    return family(adapter.vendor, adapter.device_id, adapter.compute_capability)


def _edition(system: System) -> str | None:
    """Which Windows it is, in the words of drivers.yml."""
    if system.build is None:
        return None
    if system.kind == "server":
        return _SERVERS.get(system.build)
    if system.kind != "workstation":
        return None
    return next((name for first, name in _CLIENTS if system.build >= first), None)


def _windows(*editions: str) -> str:
    return "Windows " + ", ".join(one.replace("server-", "Server ") for one in editions)


def _makers_own(adapter: Adapter) -> bool:
    provider = adapter.driver.provider
    return not adapter.basic and provider is not None and not _VENDORS_OWN.search(provider)


def _same(name: str, other: str | None) -> bool:
    return reading.line(name.casefold()) == reading.line((other or "").casefold())


def _refused(catalogue: Catalogue, adapter: Adapter, against: Sequence[tuple[Installer, _Reason]]) -> Problem:
    """What stands against all of them; the reason that leaves the fewest others comes first."""
    code = next((code for code in NAMED if any(why.code == code for _, why in against)), NAMED[-1])
    if not against:
        return problem(code, f"{catalogue.name} has no driver of {adapter.vendor}")
    nearest = sorted(against, key=lambda pair: pair[1].code != code)
    shown = "; ".join(f"{one.id} {why.words}" for one, why in nearest[:_SHOWN])
    more = f"; and {len(against) - _SHOWN} more" if len(against) > _SHOWN else ""
    step = ""
    if code == "DRIVER_LEFT_OUT":
        first = LEFT_OUT.get(_family(adapter) or "", "")
        step = f"Add a driver of NVIDIA before {first} to {catalogue.name} (gpuready drivers FOLDER), and run again."
    return problem(code, f"{catalogue.name} has none for this GPU: {shown}{more}", step)
