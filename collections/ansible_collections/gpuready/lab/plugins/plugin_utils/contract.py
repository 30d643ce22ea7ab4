# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the collection and the program `gpuready` both know, from `contract.yml`: wishes, variables, states.

Read as this is imported, which Ansible does once a run, before it forks.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

_FILE = Path(__file__).resolve().parents[2] / "contract.yml"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONTENT: dict[str, Any] = yaml.load(_FILE.read_text("utf-8"), _LOADER)  # noqa: S506 - a safe loader

NAMES = tuple(_CONTENT["wishes"])  # of the wishes
WORDS = {name: tuple(values) for name, values in _CONTENT["wishes"].items() if isinstance(values, list)}
TRUE, FALSE = (tuple(_CONTENT["truths"][name]) for name in ("true", "false"))
COUNTS = tuple(_CONTENT["counts"])  # variables that are whole numbers from 0
VARIABLES = (*_CONTENT["variables"], *COUNTS)  # that are no wishes
STATES = tuple(_CONTENT["states"])
READY = tuple(_CONTENT["ready"])
SECRETS = tuple((re.compile(one["pattern"]), one["instead"]) for one in _CONTENT["secrets"])
SECRET_NAME = re.compile(_CONTENT["secret_names"])  # of a variable
