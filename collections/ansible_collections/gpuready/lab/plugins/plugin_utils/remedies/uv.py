# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""uv's last lines, which are English everywhere, as a code and one line with the cause and the next step."""

from __future__ import annotations

import re

# Order matters: the first that fits. A full disk and a wrong hash hide behind "Failed to download".
_KNOWN: tuple[tuple[str, str], ...] = (
    ("DISK_FULL", r"No space left on device|os error (28|112|122)\b|not enough space on the disk|Disk quota exceeded"),
    ("HASH_MISMATCH", r"Hash mismatch for"),
    ("LOCK_UNHASHED", r"In `--require-hashes` mode"),
    ("INDEX_UNTRUSTED", r"UnknownIssuer|invalid peer certificate|certificate verify failed|self.signed certificate"),
    ("INDEX_REFUSED", r"HTTP status client error \((401|403|407)|\b(401 Unauthorized|403 Forbidden)|407 Proxy"),
    (
        "INDEX_UNREACHABLE",
        (
            r"dns error|tcp connect error|client error \(Connect\)|error sending request|operation timed out|timed out"
            r"|Failed to fetch|connection (reset|closed|refused)|HTTP status server error"
            r"|Network connectivity is disabled"
            r"|request or response body error|error decoding response body|Failed to download `http"
        ),
    ),
    (
        "NO_WHEEL",
        r"No solution found|no matching (Python ABI|platform) tag|no wheels? with a matching|not found in the",
    ),
    ("BUILD_FAILED", r"Failed to build|build backend|The build .* failed|Building source distributions"),
    ("ENVIRONMENT_IN_USE", r"os error (32|33)\b"),
    ("HOME_NOT_WRITABLE", r"Permission denied|Access is denied|os error (5|13|30)\b"),
    ("INTERPRETER_MISSING", r"No interpreter found|Failed to inspect Python|Python interpreter .* not found"),
)
_COMPILED = [(code, re.compile(pattern, re.IGNORECASE)) for code, pattern in _KNOWN]
_NEXT = {
    "DISK_FULL": ("the disk is full", "free disk space and run again; nothing half-built was left"),
    "HASH_MISMATCH": (
        "{package} is not the file that the lock names",
        "do not use it; look at the index or the wheelhouse, and relock only from the maker's own word",
    ),
    "LOCK_UNHASHED": ("{package} has no hash in the lock", "lock again with uv pip compile --generate-hashes"),
    "INDEX_UNTRUSTED": (
        "the certificate of {host} is not trusted by the PC",
        "set certificates to a bundle with the lab's authority, or install it on the PC",
    ),
    "INDEX_REFUSED": (
        "{host} refuses the PC",
        "check the user, the password or the token in the index's URL, or the proxy",
    ),
    "INDEX_UNREACHABLE": (
        "{host} cannot be reached from the PC",
        "check the way to the network and the proxy, name a mirror (index_url), or give a wheelhouse",
    ),
    "NO_WHEEL": (
        "{package} is not to be had for this PC's Python and platform",
        "add it to the wheelhouse or name an index that has it",
    ),
    "BUILD_FAILED": (
        "{package} has no wheel, and building it failed",
        "put a wheel of it into the wheelhouse and its hash into the lock",
    ),
    "ENVIRONMENT_IN_USE": (
        "a program on the PC holds a file of the environment",
        "close the programs that use it and run again",
    ),
    "HOME_NOT_WRITABLE": (
        "the folder cannot be written",
        "run as an administrator, or set home to a folder that may be written",
    ),
    "INTERPRETER_MISSING": (
        "the Python of the lock is not on the PC and could not be brought",
        "give an archive of it (interpreters), or let the PC reach uv's downloads",
    ),
    "ENVIRONMENT_TIME_LIMIT": (
        "it took longer than its time limit",
        "raise time_limit, or bring the packages nearer (a mirror, a wheelhouse)",
    ),
    "ENVIRONMENT_FAILED": ("uv could not do it", "see the details, uv's own words"),
}
_PACKAGE = (
    r"Hash mismatch for `([^`]+)`",
    r"hash(?:es)?, but none were provided for: (\S+)",
    r"Failed to (?:download|build|fetch) `(?!https?:)([^`]+)`",
    r"Because there is no version of (\S+?==\S+?)(?:,| and)",
    r"Because (\S+) was not found",
    r"you require (\S+?)[,. ]",
    r"Because (\S+?==\S+?) has no wheels",
)


def classify(phase: str, text: str, known: str | None = None) -> tuple[str, str]:
    """The code, and one line: phase, cause, next step. `known`: a code that the PC could tell by itself."""
    text = scrub(text)
    joined = re.sub(r"\s*\n\s*", " ", text)
    code = next((code for code, pattern in _COMPILED if pattern.search(joined)), "ENVIRONMENT_FAILED")
    if known and known != "UV_FAILED":
        # a Python that could not be fetched for want of a network is a missing Python; a full disk is a full disk
        code = code if known == "INTERPRETER_MISSING" and code == "DISK_FULL" else known
    if phase == "interpreter" and code not in ("DISK_FULL", "HOME_NOT_WRITABLE", "ENVIRONMENT_TIME_LIMIT"):
        code = "INTERPRETER_MISSING"
    cause, step = _NEXT.get(code, _NEXT["ENVIRONMENT_FAILED"])
    package = next((found.group(1) for pattern in _PACKAGE if (found := re.search(pattern, joined))), "a package")
    host = re.search(r"https?://([^/\s`)>]+)", joined)
    cause = cause.format(package=package, host=host.group(1) if host else "the package index")
    return code, f"{phase}: {cause}; {step}" if phase else f"{cause}; {step}"


def scrub(text: str) -> str:
    """The text without users and passwords in URLs."""
    return re.sub(r"(?<=://)[^/@\s`'\"]*@", "", text)
