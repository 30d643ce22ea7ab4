"""What the name of a vendor's package of drivers says: version, Windows, kind of PC, GPUs.

As the vendors name their downloads: `560.94-desktop-win10-win11-64bit-international-dch-whql.exe`,
`whql-amd-software-adrenalin-edition-25.5.1-win10-win11-may8-vega-polaris.exe`, `gfx_win_101.6078.exe`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

QUESTION = "?"  # what the name does not say; the collection asks for it
Entry = dict[str, str | list[str]]

_NVIDIA = re.compile(r"(\d{3}\.\d{2})[-_](.+)")
_NVIDIA_WORDS = {"desktop", "notebook", "international", "grid", "tesla", "quadro"}
_AMD_VERSION = re.compile(r"\d{2}(\.\d{1,2}){2,3}")
_RDNA = ["rdna", "rdna2", "rdna3", "rdna4"]
_FIRST_RDNA4 = (25, 3)
_INTEL = re.compile(r"i?gfx_win(10)?_(\d{2,3}\.\d{4,5})(_.+)?")
_INTEL_OLD = re.compile(r"win64_(\d{2})\.\d{2}\.(\d{4})")
_WINDOWS = {"win7": "7", "win8": "8.1", "win10": "10", "win11": "11"}
_SERVER = re.compile(r"(?:win)?(?:server|svr)(20\d\d)")


def fetches_the_rest(name: str) -> bool:
    """Whether this is one of AMD's small files, which need the internet on the PC itself."""
    return "minimalsetup" in name.lower()


def read(name: str) -> Entry:
    """The keys of an entry of drivers.yml that a file's name tells, with "?" for the others that it needs."""
    stem, _, ending = name.lower().rpartition(".")
    # A browser's second download is `name (1).exe`.
    stem = re.sub(r" ?\(\d+\)$", "", stem)
    found = _nvidia(stem) or _amd(stem) or _intel(stem) if ending == "exe" else None
    if found is None:
        found = {"vendor": QUESTION, "version": QUESTION, "windows": QUESTION, "families": QUESTION}
    return {**found, "inf": QUESTION} if ending == "zip" else found


def _nvidia(stem: str) -> Entry | None:
    match = _NVIDIA.fullmatch(stem)
    words = re.split(r"[-_.]+", match[2]) if match else []
    if match is None or not _NVIDIA_WORDS & set(words):
        return None
    entry: Entry = {"vendor": "nvidia", "version": match[1], "windows": _windows(words)}
    if "32bit" in words or "arm64" in words:
        entry["architecture"] = "arm64" if "arm64" in words else QUESTION
    if "quadro" in words:
        entry["products"] = ["professional"]
    elif "tesla" in words:
        entry["products"] = ["data-center"]
    else:
        entry["products"] = QUESTION if {"grid", "cloud"} & set(words) else ["geforce"]
    computers = [kind for word, kind in (("desktop", "desktop"), ("notebook", "laptop")) if word in words]
    return {**entry, "computers": computers} if computers else entry


def _amd(stem: str) -> Entry | None:
    words = stem.split("-")
    if "software" not in words or not {"amd", "radeon"} & set(words):
        return None
    version = next((word for word in words if _AMD_VERSION.fullmatch(word)), QUESTION)
    families: list[str] = []
    if {"vega", "polaris", "combined"} & set(words):
        families += ["polaris", "vega"]
    if {"rdna", "combined"} & set(words):
        new = version != QUESTION and tuple(int(part) for part in version.split(".")[:2]) >= _FIRST_RDNA4
        families += _RDNA if new else _RDNA[:-1]
    return {
        "vendor": "amd",
        "version": version,
        "windows": _windows(words),
        "families": families or QUESTION,
    }


def _intel(stem: str) -> Entry | None:
    if match := _INTEL.fullmatch(stem):
        # Two numbers: two drivers for different GPUs in one file.
        version = QUESTION if match[3] else match[2]
        return {
            "vendor": "intel",
            "version": version,
            "windows": ["10"] if match[1] else ["10", "11"],
            "families": QUESTION,
        }
    if match := _INTEL_OLD.fullmatch(stem):
        version = f"{match[1]}.{match[2]}"
        return {"vendor": "intel", "version": version, "windows": QUESTION, "families": QUESTION}
    return None


def _windows(words: Sequence[str]) -> str | list[str]:
    found = [_WINDOWS[word] for word in words if word in _WINDOWS]
    found += [f"server-{match[1]}" for word in words if (match := _SERVER.fullmatch(word))]
    if {"winserver", "server"} & set(words):
        found += [f"server-{word}" for word in words if re.fullmatch(r"20\d\d", word)]
    return list(dict.fromkeys(found)) or QUESTION
