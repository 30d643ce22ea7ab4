# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What `nvidia-smi -q -x` says, of every generation of its schema (nvsmi_device_v8 to v13), whole or damaged.

Nothing here raises: what cannot be read is null and stands in `problems`. `N/A` is an answer (this GPU does not say),
so it is null without a problem; `ERR!`, `[Unknown Error]`, `GPU is lost` are null with one. The text of plain
`nvidia-smi -q` is read too, because that is what people keep and send.

Driver 610 names the versions anew: "Driver Version" becomes "KMD Version" and "CUDA Version" "CUDA UMD Version"; for a
while the old names stay, with a note behind the number or in its place.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..hardware import pci
from ..remedies import catalogue as remedies
from .nvidia_smi_text import from_text


@dataclass(frozen=True)
class Problem:
    """Something that could not be read: a stable code and a sentence."""

    code: str
    message: str


@dataclass
class NvidiaGpu:
    """One GPU. Every value is None when nvidia-smi does not say it."""

    name: str | None = None
    uuid: str | None = None
    pci_bus_id: str | None = None  # in the kernel's form, 0000:0a:00.0
    vendor_id: str | None = None  # four hexadecimal digits, lower case
    device_id: str | None = None
    memory_bytes: int | None = None
    memory_used_bytes: int | None = None
    utilization_percent: int | None = None  # 0 to 100
    compute_capability: str | None = None  # "8.9": said by nvidia-smi, else that of the chip with this device id
    architecture: str | None = None  # "Turing"
    driver_model: str | None = None  # WDDM, TCC or MCDM (Windows and WSL)
    mig: bool | None = None  # whether the GPU is partitioned; None: it has no such mode
    mig_devices: list[int | None] = field(default_factory=list)  # memory of each partition, bytes
    problems: list[Problem] = field(default_factory=list)

    @property
    def instances(self) -> int | None:
        """How many partitions a partitioned GPU has."""
        return len(self.mig_devices) if self.mig else None


@dataclass
class NvidiaSmi:
    """A whole answer."""

    driver_version: str | None = None  # the driver's; inside WSL that of Windows
    cuda_version: str | None = None  # highest CUDA that the driver offers
    gpus: list[NvidiaGpu] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


_NO_VALUE = re.compile(
    r"^(|n/?a|none|unknown|not supported|not available|not found|insufficient permissions|function not found"
    r"|requested functionality has been deprecated|deprecated\b.*|redacted)$"
)
_BROKEN = re.compile(r"err!|error|is lost|requires reset|reset required|no data|timeout")
_VERSION = re.compile(r"^\s*v?(\d+(?:\.\d+)+)(?=[\s,;(\[]|$)")
_CAPABILITY = re.compile(r"^\d{1,2}\.\d$")
_AMOUNT = re.compile(r"^([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*([kmgt]?)(i?)b$")
_NVIDIA = "10de"
_PERCENT = re.compile(r"^([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*%$")
_GPU_START = re.compile(r"<gpu(?:\s[^>]{0,200})?>")
_GPU_END = re.compile(r"</gpu\s{0,20}>")
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ARCHITECTURES = {
    "volta": "7.0",
    "turing": "7.5",
    "ada lovelace": "8.9",
    "hopper": "9.0",
}  # one capability for all of it
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def parse(xml: object) -> NvidiaSmi:
    """Read an answer of nvidia-smi.

    `xml` is its output: the XML of `-q -x`, with any text before or behind it, whole or cut off; or the text of `-q`.
    Anything else (None, bytes, another program's output) gives an empty answer with a problem that says so.
    """
    if isinstance(xml, bytes):
        xml = xml.decode("utf-8", "replace")
    if not isinstance(xml, str) or not xml.strip():
        return NvidiaSmi(problems=[Problem("NVIDIA_SMI_EMPTY", "nvidia-smi wrote nothing")])
    text = _NOT_XML.sub("", xml)
    root, problems = _document(text)
    if root is None:
        root = from_text(text)
    if root is None:
        known = _message(text)
        problems.append(known or Problem("NVIDIA_SMI_UNREADABLE", f"not an answer of nvidia-smi: {_short(text)}"))
        return NvidiaSmi(problems=problems)
    elements = root.findall("gpu")
    result = NvidiaSmi(
        driver_version=_version(root, ("kmd_version", "driver_version"), "driver", "kmd"),
        cuda_version=_version(root, ("cuda_umd_version", "cuda_version"), "cuda"),
        gpus=[_gpu(element) for element in elements],
        problems=problems,
    )
    attached = (root.findtext("attached_gpus") or "").strip()
    cut_off = any(problem.code == "NVIDIA_SMI_TRUNCATED" for problem in problems)
    if re.fullmatch("[0-9]{1,4}", attached) and int(attached) != len(elements) and not cut_off:
        problem = f"nvidia-smi counts {int(attached)} GPUs and describes {len(elements)}"
        result.problems.append(Problem("NVIDIA_SMI_INCOMPLETE", problem))
    if not elements and not cut_off:
        none = Problem("NVIDIA_NO_DEVICES", "nvidia-smi answers, and knows of no GPU")
        result.problems.append(_message(text) or none)
    return result


def _document(text: str) -> tuple[ET.Element | None, list[Problem]]:
    """The XML in `text`; of one that is cut off or damaged, what is complete."""
    start, end = text.find("<nvidia_smi_log"), text.find("</nvidia_smi_log>")
    if start < 0:
        first = _GPU_START.search(text)
        if first is None:
            return None, []
        start = first.start()
    if end > start and text.startswith("<nvidia_smi_log", start):
        root = _element(text[start : end + len("</nvidia_smi_log>")])
        if root is not None:
            return root, []
    body = text[start : end if end > start else len(text)]
    return _recovered(body, cut_off=end < 0)


def _recovered(body: str, cut_off: bool) -> tuple[ET.Element, list[Problem]]:
    """Complete `<gpu>` elements and the versions before the first of them, out of XML that does not parse."""
    root = ET.Element("nvidia_smi_log")
    blocks = list(_blocks(body))
    first = _GPU_START.search(body)
    for tag, value in re.findall(r"<(\w+)>([^<]*)</\1>", body[: first.start()] if first else body):
        ET.SubElement(root, tag).text = value
    unread = max(len(_GPU_START.findall(body)) - len(blocks), 0)
    for block in blocks:
        # A GPU that was cut off swallows the next one's start: what follows the last start is the whole one.
        starts = list(_GPU_START.finditer(block))
        element = _element(block[starts[-1].start() :])
        if element is None:
            unread += 1
        else:
            root.append(element)
    kept = f"{len(root.findall('gpu'))} GPUs could be read whole, {unread} could not"
    if cut_off:
        return root, [Problem("NVIDIA_SMI_TRUNCATED", f"the answer of nvidia-smi ends too early: {kept}")]
    return root, [Problem("NVIDIA_SMI_DAMAGED", f"the answer of nvidia-smi is no proper XML: {kept}")]


def _blocks(body: str) -> Iterator[str]:
    """Each text from a start of a GPU to the next end of one. The whole is read once, however it is damaged."""
    at = 0
    for end in _GPU_END.finditer(body):
        first = _GPU_START.search(body, at, end.start())
        if first:
            yield body[first.start() : end.end()]
        at = end.end()


def _element(text: str) -> ET.Element | None:
    try:
        return ET.fromstring(text)  # noqa: S314  no document type is left in `text`, so no entity
    except ET.ParseError:
        return None


def _version(root: ET.Element, names: tuple[str, ...], *words: str) -> str | None:
    """The version under one of these tags, else under any tag of the head that has one of the words in its name."""
    tags = [*names, *(e.tag for e in root if "version" in e.tag and any(word in e.tag for word in words))]
    for tag in tags:
        if words == ("driver", "kmd") and "cuda" in tag:
            continue
        match = _VERSION.match(root.findtext(tag) or "")
        if match:
            return match[1]
    return None


def _gpu(element: ET.Element) -> NvidiaGpu:
    gpu = NvidiaGpu()

    def say(*paths: str) -> str | None:
        """The first of these that has a value; a broken one is noted."""
        for path in paths:
            raw = element.findtext(path)
            if raw is None:
                continue
            value = raw.strip()
            plain = value.strip("[]").strip().lower()
            if value.startswith("[") or _NO_VALUE.match(plain) or _BROKEN.search(plain):
                if _BROKEN.search(plain):
                    gpu.problems.append(Problem("NVIDIA_GPU_ERROR", f"{path}: nvidia-smi answers {_short(value)}"))
                continue
            return value
        return None

    gpu.name = say("product_name")
    gpu.uuid = say("uuid", "gpu_uuid")
    gpu.pci_bus_id = pci.bus_id(say("pci/pci_bus_id", "pci/bus_id") or element.get("id"))
    numbers = pci.hex_id(say("pci/pci_device_id", "pci/device_id"), 8)
    if numbers:
        gpu.device_id, gpu.vendor_id = _ids(numbers)
    gpu.memory_bytes = _amount(say("fb_memory_usage/total"), "fb_memory_usage/total", gpu)
    gpu.memory_used_bytes = _amount(say("fb_memory_usage/used"), "fb_memory_usage/used", gpu)
    gpu.utilization_percent = _percent(say("utilization/gpu_util", "utilization/gpu"), gpu)
    gpu.architecture = say("product_architecture")
    said = say("compute_capability", "compute_cap", "cuda_compute_capability")
    gpu.compute_capability = (
        (said if said and _CAPABILITY.match(said) else None)
        or pci.compute_capability(gpu.vendor_id, gpu.device_id)
        or _ARCHITECTURES.get((gpu.architecture or "").lower())
    )
    model = (say("driver_model/current_dm", "driver_model/current") or "").upper()
    gpu.driver_model = model if model in ("WDDM", "TCC", "MCDM") else None
    mode = (say("mig_mode/current_mig", "mig_mode/current") or "").lower()
    gpu.mig = {"enabled": True, "disabled": False}.get(mode)
    for device in [*element.findall("mig_devices/mig_device"), *element.findall("mig_device")]:
        total = device.findtext("fb_memory_usage/total") or device.findtext("shared_fb_memory_usage/total")
        gpu.mig_devices.append(_amount((total or "").strip() or None, "mig_device", gpu))
    return gpu


def _ids(numbers: str) -> tuple[str | None, str | None]:
    """Device and vendor of the eight digits: 268410de by rule, the other way about and the device alone are met too."""
    first, second = numbers[:4], numbers[4:]
    if second == _NVIDIA:
        return (first if first != "0000" else None), second
    return (second, first) if first == _NVIDIA else (second, _NVIDIA) if first == "0000" else (first, second)


def _amount(value: str | None, what: str, gpu: NvidiaGpu) -> int | None:
    """Bytes of `8192 MiB`."""
    if value is None:
        return None
    match = _AMOUNT.match(value.lower())
    if match is None:
        gpu.problems.append(Problem("NVIDIA_SMI_VALUE", f"{what}: {_short(value)} is no amount of memory"))
        return None
    return int(float(match[1]) * (1024 if match[3] or match[2] else 1) ** _POWERS[match[2]])


def _percent(value: str | None, gpu: NvidiaGpu) -> int | None:
    if value is None:
        return None
    match = _PERCENT.match(value)
    if match is None or float(match[1]) > 100:
        gpu.problems.append(Problem("NVIDIA_SMI_VALUE", f"utilization: {_short(value)} is no percentage"))
        return None
    return round(float(match[1]))


def _message(text: str) -> Problem | None:
    """What nvidia-smi writes instead of an answer, in English on every system."""
    lines = [" ".join(line.split()) for line in text.replace("\u2019", "'").splitlines()]
    code = remedies.match("\n".join(lines), "nvidia-smi")  # the telling one of several
    said = next((line for line in lines if code and remedies.match(line, "nvidia-smi") == code), None)
    return Problem(code, f"nvidia-smi says {_short(said)}") if code and said else None


def _short(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= 120 else line[:117] + "...")


def complaints(text: str | None) -> list[Problem]:
    """What nvidia-smi says on its error output beside an answer, as far as it is known."""
    problem = _message(text or "")
    return [problem] if problem else []
