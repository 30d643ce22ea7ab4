# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the modules about distributions share: which names WSL takes, and what wsl.exe said against something."""

from __future__ import annotations

import re
from typing import Any

from ..remedies import catalogue

_NAME = re.compile(r"[A-Za-z0-9._-]{1,256}")


def is_name(text: str) -> bool:
    """Whether WSL takes it as the name of a distribution."""
    return bool(_NAME.fullmatch(text)) and text.lower() != "legacy"


def read(answer: dict[str, Any]) -> dict[str, Any]:
    """A module's answer with the code of what wsl.exe said."""
    if not answer.get("failed") or answer.get("code") != "WSL_FAILED":
        return answer
    lines = [str(line) for line in answer.get("details") or []]
    code = catalogue.match("\n".join(lines), "wsl") or "WSL_FAILED"
    said = " ".join(" ".join(lines).split())[-500:]
    return {**answer, "code": code, "msg": f"{answer.get('msg')}: {said or 'it said nothing'}"}
