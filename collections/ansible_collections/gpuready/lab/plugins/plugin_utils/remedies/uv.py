# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""uv's last lines, which are English everywhere, as a code and one line with the cause and the next step."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .. import reading
from . import catalogue as remedies

_READ = 10_000  # characters of a longer text that are looked at, at each end
# Codes that say what was tried, not why it failed.
_TRIED = ("UV_FAILED", "UV_MISSING", "INTERPRETER_MISSING", "ENVIRONMENT_FAILED", "ENVIRONMENT_BROKEN")
_OF_THE_INDEX = ("INDEX_UNREACHABLE", "INDEX_UNTRUSTED", "INDEX_REFUSED")

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


def explain(phase: str, text: str, known: str | None = None) -> Explained:
    """What uv's last lines mean. `known`: a code that the PC could tell by itself."""
    text = text if len(text) <= 2 * _READ else f"{text[:_READ]}\n{text[-_READ:]}"
    joined = re.sub(r"\s*\n\s*", " ", scrub(text))
    usual = "INTERPRETER_MISSING" if phase == "interpreter" else "ENVIRONMENT_FAILED"
    said = remedies.match(joined, "start", phase=phase) if "cannot be started" in joined else None
    said = _by_exit(joined) or said
    code = said or remedies.match(joined, "uv", phase=phase)
    if phase == "interpreter" and code in ("NO_WHEEL", "BUILD_FAILED"):  # of packages: here it is the Python itself
        code = None
    # The same words mean the same in every phase: what was tried, which the PC knows, gives way to why it failed.
    code = (code or (known if known in _TRIED[1:] else usual)) if known is None or known in _TRIED else known
    places = {}
    if package := next((hit[1] for pattern in _PACKAGE if (hit := re.search(pattern, joined))), None):
        places["package"] = package
    if host := re.search(r"https?://([^/\s`)>]+)", joined):
        places["host"] = host[1]
    remedy = remedies.remedy(code)
    cause, step = remedy.about(places), remedy.next_step
    if phase == "interpreter" and code in _OF_THE_INDEX:
        step = f"{step} Or set python_environment_interpreters to an archive of that Python with its sha256."
    if (code == usual or said) and (last := _last_line(text)):  # which program it was stands in its words alone
        cause = f"{cause}: {last}"
    return Explained(code, f"{phase}: {cause}" if phase else cause, step)


def _by_exit(text: str) -> str | None:
    """What the exit of the interpreter says: gpuready's own words for it, and uv's."""
    if re.search(r"\bended with 0x[0-9A-F]{8}\b", text):
        return remedies.match(text, "exit")
    ended = re.search(
        r"\bQuerying Python at .{1,300}? failed with exit status (?:exit code: (0x\w+)|signal: (\d+))", text
    )
    if ended is None:
        return None
    code = remedies.by_number(int(ended[1], 16)) if ended[1] else remedies.by_number(int(ended[2]), "signal")
    # What is said of a training is no word on an interpreter that does not start.
    return code if code and remedies.remedy(code).category != "training" else "ENVIRONMENT_BROKEN"


def _last_line(text: str) -> str:
    """The last words of a program that nothing here knows."""
    lines = [line.lstrip(" ×├└╰─▶>|`x-").rstrip() for line in scrub(text).splitlines()]
    return reading.one_line(next((line for line in reversed(lines) if line), ""))


def scrub(text: str) -> str:
    """The text without users, passwords and queries in URLs."""
    text = re.sub(r"(?<=://)(?:[^/@\s`'\"]*|[^/@:\s`'\"]*:[^@\s`'\"]*)@", "", text)
    return re.sub(r"(://[^?\s`'\"]*)\?[^\s`'\"<>)]*(?<![.,;:])", r"\1", text)
