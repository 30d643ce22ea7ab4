# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The text of `nvidia-smi -q` as the tree that `-q -x` would give, as far as its own words go.

GPU 00000000:0C:00.0                      <gpu id="00000000:0C:00.0">
    FB Memory Usage                         <fb_memory_usage>
        Total          : 8192 MiB             <total>8192 MiB</total>
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

_START = re.compile(r"^=+\s*NVSMI LOG\s*=+\s*$", re.MULTILINE)
_GPU = re.compile(r"^GPU ([0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-7])\s*$")
_LINE = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z][^:]*?)\s*(?::\s?(?P<value>.*))?$")


def from_text(text: str) -> ET.Element | None:
    """The first log in `text` as a tree, or None when there is none."""
    start = _START.search(text)
    if start is None:
        return None
    root = ET.Element("nvidia_smi_log")
    path: list[tuple[int, ET.Element]] = [(-1, root)]
    for line in text[start.end() :].splitlines():
        if line.startswith(("#", "=")):
            break  # the next command of a file that holds several
        gpu = _GPU.match(line)
        if gpu:
            path = [(-1, root), (0, ET.SubElement(root, "gpu", {"id": gpu[1]}))]
            continue
        match = _LINE.match(line.rstrip())
        if match is None:
            continue
        depth = len(match["indent"])
        while path[-1][0] >= depth:
            path.pop()
        element = ET.SubElement(path[-1][1], _tag(match["key"]))
        element.text = match["value"]
        path.append((depth, element))
    return root


def _tag(key: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", key.lower()).strip("_")
