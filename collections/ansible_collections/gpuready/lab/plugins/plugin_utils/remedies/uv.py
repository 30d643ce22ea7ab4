# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""uv's last lines, which are English everywhere, as a code and one line with the cause and the next step."""

from __future__ import annotations

import re
from dataclasses import dataclass

from . import catalogue as remedies

_READ = 10_000  # characters of a longer text that are looked at, at each end
_PACKAGE = (
    r"Hash mismatch for `([^`]+)`",
    r"no hashes were provided or computed for: (\S+)",
    r"hash(?:es)?, but none were provided for: (\S+)",
    r"Failed to (?:download|build|fetch) `(?!https?:)([^`]+)`",
    r"Because there is no version of (\S+?==\S+?)(?:,| and)",
    r"Because (\S+) was not found",
    r"you require (\S+?)[,. ]",
    r"Because (\S+?==\S+?) has no wheels",
)


@dataclass(frozen=True)
class Explained:
    """What uv could not do: `cause` names the phase, and the package or the host that it was about."""

    code: str
    cause: str
    next_step: str

    @property
    def line(self) -> str:
        """Cause and next step."""
        return f"{self.cause}; {self.next_step[:1].lower()}{self.next_step[1:]}"


def classify(phase: str, text: str, known: str | None = None) -> tuple[str, str]:
    """The code, and one line: phase, cause, next step. As `explain`."""
    found = explain(phase, text, known)
    return found.code, found.line


def explain(phase: str, text: str, known: str | None = None) -> Explained:
    """What uv's last lines mean. `known`: a code that the PC could tell by itself."""
    text = text if len(text) <= 2 * _READ else f"{text[:_READ]}\n{text[-_READ:]}"
    joined = re.sub(r"\s*\n\s*", " ", scrub(text))
    code = remedies.match(joined, "uv", phase=phase) or "ENVIRONMENT_FAILED"
    if known and known != "UV_FAILED":
        # a Python that could not be fetched for want of a network is a missing Python; a full disk is a full disk
        code = code if known == "INTERPRETER_MISSING" and code == "DISK_FULL" else known
    if phase == "interpreter" and code not in ("DISK_FULL", "HOME_NOT_WRITABLE", "ENVIRONMENT_TIME_LIMIT"):
        code = "INTERPRETER_MISSING"
    places = {}
    if package := next((found[1] for pattern in _PACKAGE if (found := re.search(pattern, joined))), None):
        places["package"] = package
    if host := re.search(r"https?://([^/\s`)>]+)", joined):
        places["host"] = host[1]
    usual = remedies.remedy(code)
    cause = usual.about(places)
    return Explained(code, f"{phase}: {cause}" if phase else cause, usual.next_step)


def scrub(text: str) -> str:
    """The text without users and passwords in URLs."""
    return re.sub(r"(?<=://)[^/@\s`'\"]*@", "", text)
