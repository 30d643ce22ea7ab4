r"""A GPU of the scenario as Windows shows it: CIM rows, its key in the display class, its key below Enum.

The forms are those of real dumps (tests/data/video_controllers.json).
"""

from __future__ import annotations

from typing import Any

from gpuready.simlab.disk import Value
from gpuready.simlab.schema import Driver, Gpu, Pc, StaleKey

CLASS = "{4d36e968-e325-11ce-bfc1-08002be10318}"
CLASS_KEY = rf"HKLM\SYSTEM\CurrentControlSet\Control\Class\{CLASS}"
ENUM_KEY = r"HKLM\SYSTEM\CurrentControlSet\Enum"
VENDORS = {"amd": "1002", "intel": "8086", "nvidia": "10DE", "other": "5143"}
MAKERS = {"amd": "Advanced Micro Devices, Inc.", "intel": "Intel Corporation", "nvidia": "NVIDIA", "other": "Qualcomm"}
SERVICES = {"amd": "amdwddmg", "intel": "igfxn", "nvidia": "nvlddmkm", "other": "qcdx"}
CAP = 4293918720  # where 32 bits of memory stop
NAMELESS = {"de": "Videocontroller", "ja": "ビデオ コントローラー", "zh": "视频控制器", "fr": "Contrôleur vidéo"}
_PLACE = r"@System32\drivers\pci.sys,#65536;PCI bus %1, device %2, function %3"
_INTEGRATED_INTEL = "3&11583659&0&10"
_VIRTUAL: dict[str, dict[str, Any]] = {
    "remote": {
        "name": "Microsoft Remote Display Adapter",
        "id": r"SWD\REMOTEDISPLAYENUM\RDPIDD_INDIRECTDISPLAY&SESSIONID_0001",
        "maker": "Microsoft",
        "inf": "rdpidd.inf",
        "version": "10.0.19041.1865",
        "matching": "RdpIdd_IndirectDisplay",
        "ram": None,
    },
    "hyper_v": {
        "name": "Microsoft Hyper-V Video",
        "id": r"VMBUS\{DA0A7802-E377-4AAC-8E77-0558EB1073F8}\{5620E0C7-8062-4DCE-AEB7-520C7EF76171}",
        "maker": "Microsoft",
        "inf": "wvmbusvideo.inf",
        "version": "10.0.19041.1",
        "matching": "VMBUS\\{da0a7802-e377-4aac-8e77-0558eb1073f8}",
        "ram": 0,
    },
    "vmware": {
        "name": "VMware SVGA 3D",
        "id": r"PCI\VEN_15AD&DEV_0405&SUBSYS_040515AD&REV_00\3&2B8E0B4B&0&78",
        "maker": "VMware, Inc.",
        "inf": "oem3.inf",
        "version": "9.17.8.9",
        "matching": r"pci\ven_15ad&dev_0405&subsys_040515ad",
        "ram": 268435456,
    },
    "displaylink": {
        "name": "DisplayLink USB Device",
        "id": r"USB\VID_17E9&PID_6006&MI_00\7&1A2B3C4D&0&0000",
        "maker": "DisplayLink Corp.",
        "inf": "oem77.inf",
        "version": "11.2.3146.0",
        "matching": r"usb\vid_17e9&pid_6006&mi_00",
        "ram": None,
    },
    "mirror": {
        "name": "Mirage Driver",
        "id": r"ROOT\DISPLAY\0000",
        "maker": "DemoForge, LLC",
        "inf": "oem12.inf",
        "version": "1.1.0.0",
        "matching": "dfmirage",
        "ram": None,
    },
}


def device_id(pc: Pc, position: int) -> str:
    """The PNPDeviceID of a GPU; identical GPUs get instances of their own."""
    gpu = pc.gpus[position]
    if gpu.id:
        return gpu.id
    instance = gpu.instance
    if instance is None:
        instance = (
            _INTEGRATED_INTEL
            if gpu.vendor == "intel" and place(pc, position) == (0, 2, 0)
            else f"4&36DBEA65&0&{8 + position:04X}"
        )
    return (
        f"PCI\\VEN_{VENDORS[gpu.vendor]}&DEV_{gpu.device}&SUBSYS_{gpu.subsystem}&REV_{gpu.revision}\\{instance}".upper()
    )


def place(pc: Pc, position: int) -> tuple[int, int, int]:
    """Bus, device and function."""
    return pc.gpus[position].location or (1 + position, 0, 0)


def basic_driver(pc: Pc) -> Driver:
    """Windows' own driver that only shows a picture."""
    return Driver(
        version=f"10.0.{pc.os.build}.1", date="2006-06-21", inf="display.inf", section="MSBDA", provider="Microsoft"
    )


def driver_of(pc: Pc, gpu: Gpu) -> Driver | None:
    """The driver that the GPU runs with; None for code 28."""
    return basic_driver(pc) if gpu.driver == "basic" else gpu.driver


def problem_code(gpu: Gpu) -> int:
    """ConfigManagerErrorCode."""
    return gpu.problem_code if gpu.problem_code is not None else (28 if gpu.driver is None else 0)


def controllers(pc: Pc) -> list[dict[str, Any]]:
    """Win32_VideoController."""
    rows = []
    for position, gpu in enumerate(pc.gpus):
        driver = driver_of(pc, gpu)
        if driver is None:
            continue
        basic, code = gpu.driver == "basic", problem_code(gpu)
        name = "Microsoft Basic Display Adapter" if basic else gpu.name
        rows.append(
            _controller(
                name,
                "(Standard display types)" if basic else MAKERS[gpu.vendor],
                device_id(pc, position),
                driver,
                None if basic or code else gpu.adapter_ram if gpu.adapter_ram is not None else _capped(gpu.memory),
                code,
            )
        )
    for kind in pc.virtual_adapters:
        if kind == "phantom":
            continue
        virtual = _VIRTUAL[kind]
        driver = Driver(version=virtual["version"], date="2006-06-21", inf=virtual["inf"], section="Install")
        rows.append(_controller(virtual["name"], virtual["maker"], virtual["id"], driver, virtual["ram"], 0))
    for number, row in enumerate(rows, 1):
        row["DeviceID"] = f"VideoController{number}"
    return rows


def _controller(name: str, maker: str, pnp: str, driver: Driver, ram: int | None, code: int) -> dict[str, Any]:
    return {
        "DeviceID": "",
        "Name": name,
        "AdapterCompatibility": maker,
        "AdapterRAM": ram,
        "ConfigManagerErrorCode": code,
        "DriverVersion": driver.version,
        "DriverDate": f"{driver.date}T00:00:00Z",
        "PNPDeviceID": pnp,
        "InfFilename": driver.inf,
        "InfSection": driver.section,
        "VideoProcessor": name,
        "Status": "Error" if code else "OK",
    }


def entities(pc: Pc) -> list[dict[str, Any]]:
    """Win32_PnPEntity of the display devices, with one bridge that is none."""
    rows = []
    for position, gpu in enumerate(pc.gpus):
        bare, code = gpu.driver is None, problem_code(gpu)
        pnp = device_id(pc, position)
        hardware = pnp.rsplit("\\", 1)[0]
        rows.append(
            {
                "DeviceID": pnp,
                "Name": NAMELESS.get(pc.os.language[:2], "Video Controller")
                if bare
                else "Microsoft Basic Display Adapter"
                if gpu.driver == "basic"
                else gpu.name,
                "PNPClass": None if bare else "Display",
                "ClassGuid": None if bare else CLASS,
                "Manufacturer": None
                if bare
                else "(Standard display types)"
                if gpu.driver == "basic"
                else MAKERS[gpu.vendor],
                "Service": None if bare else "BasicDisplay" if gpu.driver == "basic" else SERVICES[gpu.vendor],
                "ConfigManagerErrorCode": code,
                "Present": code != 45,
                "Status": "Error" if code else "OK",
                "HardwareID": [hardware, hardware.split("&SUBSYS")[0]],
                "CompatibleID": [r"PCI\CC_030000", r"PCI\CC_0300"],
            }
        )
    for kind in pc.virtual_adapters:
        virtual = _VIRTUAL.get(kind)
        rows.append(_virtual(virtual) if virtual else _phantom())
    rows.append(
        {
            "DeviceID": r"PCI\VEN_8086&DEV_7AB8&SUBSYS_00000000&REV_11\3&11583659&0&E4",
            "Name": "PCI-to-PCI Bridge", "PNPClass": "System",
            "ClassGuid": "{4d36e97d-e325-11ce-bfc1-08002be10318}", "Manufacturer": "Intel", "Service": "pci",
            "ConfigManagerErrorCode": 0,
            "Present": True, "Status": "OK", "HardwareID": [r"PCI\VEN_8086&DEV_7AB8"], "CompatibleID": [r"PCI\CC_0604"],
        }
    )  # fmt: skip
    return rows


def _virtual(virtual: dict[str, Any]) -> dict[str, Any]:
    return {
        "DeviceID": virtual["id"], "Name": virtual["name"], "PNPClass": "Display", "ClassGuid": CLASS,
        "Manufacturer": virtual["maker"],
        "Service": "", "ConfigManagerErrorCode": 0, "Present": True, "Status": "OK",
        "HardwareID": [virtual["matching"]], "CompatibleID": [],
    }  # fmt: skip


def _phantom() -> dict[str, Any]:
    """A card that was taken out; Windows goes on listing it."""
    pnp = r"PCI\VEN_10DE&DEV_1401&SUBSYS_00000000&REV_A1\4&36DBEA65&0&0099"
    return {
        "DeviceID": pnp, "Name": "NVIDIA GeForce GTX 960", "PNPClass": "Display", "ClassGuid": CLASS,
        "Manufacturer": "NVIDIA", "Service": "nvlddmkm",
        "ConfigManagerErrorCode": 45, "Present": False, "Status": "Unknown", "HardwareID": [pnp.rsplit("\\", 1)[0]],
        "CompatibleID": [],
    }  # fmt: skip


def registry(pc: Pc) -> dict[str, dict[str, Value]]:
    """The display class and what Enum says of each device."""
    keys: dict[str, dict[str, Value]] = {}
    number = 0
    for stale in pc.stale_keys:
        keys[rf"{CLASS_KEY}\{number:04}"] = _stale(stale)
        number += 1
    for position, gpu in enumerate(pc.gpus):
        driver = driver_of(pc, gpu)
        bus, device, function = place(pc, position)
        where: dict[str, Value] = {"LocationInformation": f"{_PLACE};({bus},{device},{function})"}
        if driver is not None:
            where["Driver"] = rf"{CLASS}\{number:04}"
            keys[rf"{CLASS_KEY}\{number:04}"] = _key(gpu, driver)
            number += 1
        keys[rf"{ENUM_KEY}\{device_id(pc, position)}"] = where
    for kind in pc.virtual_adapters:
        virtual = _VIRTUAL.get(kind)
        if virtual is None:
            continue
        keys[rf"{CLASS_KEY}\{number:04}"] = {
            "DriverDesc": virtual["name"], "ProviderName": virtual["maker"], "DriverVersion": virtual["version"],
            "DriverDate": "6-21-2006",
            "MatchingDeviceId": virtual["matching"], "InfPath": virtual["inf"],
        }  # fmt: skip
        keys[rf"{ENUM_KEY}\{virtual['id']}"] = {"Driver": rf"{CLASS}\{number:04}"}
        number += 1
    return keys


def _key(gpu: Gpu, driver: Driver) -> dict[str, Value]:
    year, month, day = driver.date.split("-")
    basic = gpu.driver == "basic"
    name = "Microsoft Basic Display Adapter" if basic else gpu.name
    values: dict[str, Value] = {
        "DriverDesc": name,
        "ProviderName": driver.provider or MAKERS[gpu.vendor],
        "DriverVersion": driver.version,
        "DriverDate": f"{int(month)}-{int(day)}-{year}",
        "MatchingDeviceId": gpu.matching_id
        or (r"PCI\CC_0300" if basic else f"pci\\ven_{VENDORS[gpu.vendor]}&dev_{gpu.device}".lower()),
        "InfPath": driver.inf,
        "InfSection": driver.section,
    }
    if driver.radeon_software:
        values |= {
            "RadeonSoftwareVersion": driver.radeon_software,
            "RadeonSoftwareEdition": "AMD Software: Adrenalin Edition",
        }
    if not basic:
        values |= {"HardwareInformation.AdapterString": name, "HardwareInformation.ChipType": name}
        if gpu.memory is not None:
            values |= {
                "HardwareInformation.qwMemorySize": gpu.memory,
                "HardwareInformation.MemorySize": _capped(gpu.memory) or 0,
            }
    return values


def _stale(stale: StaleKey) -> dict[str, Value]:
    values: dict[str, Value] = {
        "DriverDesc": stale.name, "ProviderName": stale.provider, "DriverVersion": stale.version,
        "DriverDate": "9-30-2020",
        "MatchingDeviceId": stale.matching_id, "InfPath": stale.inf,
    }  # fmt: skip
    if stale.memory is not None:
        values["HardwareInformation.qwMemorySize"] = stale.memory
    return values


def _capped(memory: int | None) -> int | None:
    return None if memory is None else min(memory, CAP)
