# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Windows' display devices: Win32_VideoController, Plug and Play and the registry's class keys brought together.

A device is found by its PnP id.  Its key in the display class is the one that the device itself names (Driver); where
that is not known, the one whose MatchingDeviceId fits, if only one can be meant.  Keys of removed cards stay in the
registry for ever, so a key without a device is nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .. import reading
from ..evidence.pieces import Row
from ..hardware import pci

_PCI_ID = re.compile(r"^PCI\\VEN_([0-9A-F]{4})&DEV_([0-9A-F]{4})", re.IGNORECASE)
_CLASS_KEY = re.compile(r"^\{4d36e968-e325-11ce-bfc1-08002be10318\}\\(\d{4})$", re.IGNORECASE)
_BINARY = re.compile(r"^(?:hex(?:\([0-9a-f]+\))?:)((?:[0-9a-f]{2},?)*)$", re.IGNORECASE)
_DWORD = re.compile(r"^dword:([0-9a-f]{1,8})$", re.IGNORECASE)
_INTEL_GRAPHICS = re.compile(r"^3&[0-9A-F]+&[0-9A-F]+&10$", re.IGNORECASE)

# Memory of 64 bits and the 32 bits that old interfaces give, which stop just below 4 GB.
_LEAST, _MOST, _CAP = 16 * 1024**2, 16 * 1024**4, 4 * 1024**3 - 16 * 1024**2


@dataclass
class Device:
    """One display device as Windows knows it; None for what it does not say."""

    id: str | None = None
    name: str | None = None
    manufacturer: str | None = None
    problem_code: int | None = None
    present: bool | None = None
    service: str | None = None
    driver_version: str | None = None
    driver_date: str | None = None
    inf: str | None = None
    adapter_ram: int | None = None
    location: tuple[int, int, int] | None = None  # bus, device, function
    class_key: str | None = None  # "0001"
    hardware_ids: list[str] = field(default_factory=list)
    registry: Row | None = None

    @property
    def pci_ids(self) -> tuple[str | None, str | None]:
        """Vendor and device id in lower case, None each when this is no PCI device."""
        match = _PCI_ID.match(self.id or "")
        return (match[1].lower(), match[2].lower()) if match else (None, None)

    @property
    def bus(self) -> str | None:
        """The enumerator in upper case: PCI, ACPI, ROOT, SWD, USB ..."""
        return self.id.split("\\", 1)[0].upper() if self.id else None

    @property
    def integrated(self) -> bool | None:
        """Whether the GPU is part of the processor, or None.

        Intel's are device 2 on the root bus, which Windows writes as the instance 3&...&10, whatever the chip's number.
        """
        vendor_id, device_id = self.pci_ids
        if self.bus == "ACPI":
            return True
        by_chip = pci.integrated(vendor_id, device_id)
        if pci.vendor(vendor_id) == "intel" and by_chip:
            instance = (self.id or "").rsplit("\\", 1)[-1] if (self.id or "").count("\\") > 1 else ""
            bus, device = (self.location or (None, None, None))[:2]
            if bus is not None:
                return bus == 0 and device == 2
            return bool(_INTEL_GRAPHICS.match(instance)) if instance else None
        return by_chip


def gather(controllers: list[Row], entities: list[Row], keys: list[Row]) -> list[Device]:
    """Every display device once, in the order of Windows: controllers, then what Plug and Play alone knows."""
    devices: list[Device] = []
    by_id: dict[str, Device] = {}
    for row in controllers:
        device = Device(
            id=row.text("PNPDeviceID"),
            name=row.text("Name"),
            manufacturer=row.text("AdapterCompatibility"),
            problem_code=row.integer("ConfigManagerErrorCode"),
            driver_version=row.text("DriverVersion"),
            driver_date=row.text("DriverDate"),
            inf=row.text("InfFilename"),
            adapter_ram=row.integer("AdapterRAM"),
        )
        _place(device, row)
        if device.id and device.id.upper() in by_id:
            continue  # one GPU with several outputs may be listed once for each of them
        devices.append(device)
        if device.id:
            by_id[device.id.upper()] = device
    for row in entities:
        id_ = row.text("DeviceID")
        known = by_id.get(id_.upper()) if id_ else None
        if known is None:
            known = Device(id=id_, name=row.text("Name"), manufacturer=row.text("Manufacturer"))
            devices.append(known)
            if id_:
                by_id[id_.upper()] = known
        known.name = known.name or row.text("Name")
        known.present = row.flag("Present")
        known.service = row.text("Service")
        known.hardware_ids = row.texts("HardwareID")
        code = row.integer("ConfigManagerErrorCode")
        known.problem_code = code if known.problem_code is None else known.problem_code
        _place(known, row)
    _assign_keys(devices, keys)
    return devices


def _place(device: Device, row: Row) -> None:
    key = _CLASS_KEY.match(row.text("Driver") or "")
    device.class_key = key[1] if key else device.class_key
    numbers = re.findall(r"(?<!%)\b\d+", (row.text("LocationInformation") or "").rsplit(";", 1)[-1])
    if len(numbers) == 3 and all(len(number) < 6 for number in numbers):
        device.location = (int(numbers[0]), int(numbers[1]), int(numbers[2]))


def _assign_keys(devices: list[Device], keys: list[Row]) -> None:
    """Give every device its key of the display class; a key serves one device."""
    free = {name: row for row in keys if (name := row.text("key"))}
    for device in devices:
        if device.class_key in free:
            device.registry = free.pop(device.class_key)
    for device in devices:
        if device.registry is not None or device.class_key is not None:
            continue
        fitting = [name for name, row in free.items() if _fits(row, device)]
        for agrees in (_same_version, _same_name):
            closer = [name for name in fitting if agrees(free[name], device)]
            fitting = closer or fitting
        if not fitting:
            continue
        twins = sum(1 for other in devices if other.registry is None and _alike(other, device))
        memories = {memory(free[name], "HardwareInformation.qwMemorySize") for name in fitting}
        # Several keys: those of twins, or of earlier installations of this card.  Of unequal ones none is right.
        if len(memories) == 1 or twins == len(fitting):
            device.registry = free.pop(fitting[0])


def _alike(one: Device, other: Device) -> bool:
    return one.pci_ids == other.pci_ids and one.name == other.name


def _fits(row: Row, device: Device) -> bool:
    """Whether a key's MatchingDeviceId names this device; a key without one, whether its description does."""
    matching = (row.text("MatchingDeviceId") or "").upper()
    if not matching:
        return device.name is not None and row.text("DriverDesc") == device.name
    if matching in (one.upper() for one in device.hardware_ids):
        return True
    parts = (device.id or "").upper().split("\\")
    if len(parts) < 2 or "\\" not in matching:
        return False
    bus, names = matching.split("\\", 1)
    return bus == parts[0] and set(names.split("&")) <= set(parts[1].split("&"))


def _same_version(row: Row, device: Device) -> bool:
    return device.driver_version is not None and row.text("DriverVersion") == device.driver_version


def _same_name(row: Row, device: Device) -> bool:
    return device.name is not None and row.text("DriverDesc") == device.name


def memory(row: Row | None, name: str) -> int | None:
    """A size in a class key: a number, perhaps negative by accident, or the bytes of one; None if absurd."""
    if row is None:
        return None
    value = row.values.get(name)
    bits = 64 if "qw" in name else 32
    if isinstance(value, str) and (match := _BINARY.match(value.strip())):
        data = bytes.fromhex(match[1].replace(",", ""))
        number: int | None = int.from_bytes(data[:8], "little") if data else None
    elif isinstance(value, str) and (match := _DWORD.match(value.strip())):
        number = int(match[1], 16)
    elif isinstance(value, list) and 0 < len(value) <= 8 and all(isinstance(b, int) and 0 <= b < 256 for b in value):
        number = int.from_bytes(bytes(value), "little")
    else:
        number = reading.integer(value)
    if number is not None and number < 0:
        number += 2**bits
    return number if number is not None and _LEAST <= number <= _MOST else None


def small_memory(number: int | None) -> int | None:
    """What a size of 32 bits is worth (AdapterRAM, MemorySize): None from where it may be the cap."""
    if number is None:
        return None
    number = number + 2**32 if -(2**32) < number < 0 else number
    return number if _LEAST <= number < _CAP else None
