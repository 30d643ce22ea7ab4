# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What went wrong on the way to a PC, by the words of pywinrm, requests, pypsrp, ssh and Ansible: a code and one line.

Only the fixed English of these libraries is looked for. Passwords never reach a message: the libraries do not print them, and a
user name before an `@` of an address is cut.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.gpuready.lab.plugins.module_utils import remedies

# Order matters: the first that fits. What TLS says stands before what the connection under it says.
_PATTERNS: tuple[tuple[str, str], ...] = (
    ("TLS_MISMATCH", r"WRONG_VERSION_NUMBER|wrong version number|UNKNOWN_PROTOCOL|HTTP_REQUEST|record layer failure|http request was sent to an https|BadStatusLine|packet length too long"),
    ("TLS_UNTRUSTED", r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|certificate has expired|Hostname mismatch|self[- ]signed certificate|doesn't match"),
    ("NAME_UNKNOWN", r"NameResolutionError|Name or service not known|Temporary failure in name resolution|nodename nor servname|getaddrinfo failed|Could not resolve hostname|No address associated with hostname"),
    ("KERBEROS_FAILED", r"kerberos|GSSError|gssapi|krb5|Server not found in Kerberos database|Clock skew too great|No Kerberos credentials|kinit"),
    ("AUTH_METHOD_REFUSED", r"auth method \w+ requires|did not return a 'WWW-Authenticate|Server did not response with|Failed to (authenticate|negotiate).*not supported|No authentication methods available|not offer"),
    ("AUTH_REJECTED", r"credentials were rejected|InvalidCredentialsError|\b401\b|Unauthorized|Permission denied|Authentication failed|access is denied|STATUS_LOGON_FAILURE|Failed to authenticate"),
    ("CONNECTION_CUT", r"Connection reset|ConnectionResetError|Connection aborted|Remote end closed|RemoteDisconnected|IncompleteRead|Broken pipe|connection was closed|EOF occurred|Connection closed by"),
    ("PORT_CLOSED", r"Connection refused|actively refused|Errno 111\b|WinError 10061"),
    ("CONNECT_TIMEOUT", r"ConnectTimeout|connect timeout|connection timed out|Connection timed out|Read timed out|ReadTimeout|Errno 110\b"),
    ("HOST_OFF", r"No route to host|Network is unreachable|Host is down|Errno 11[23]\b|Errno 101\b"),
    ("MODULE_HUNG", r"Timed out after \d+ second|action failed to execute in the expected time|timed out waiting"),
    ("WINRM_REFUSED", r"WSManFault|2150858843|2150858793|quota|\b(403|500|503)\b|Bad HTTP response"),
    ("OUTPUT_GARBAGE", r"MODULE FAILURE|No start of json|deserializ|module_stdout|Unable to parse|invalid JSON|Expecting value|No JSON object"),
)  # fmt: skip
_COMPILED = [(code, re.compile(pattern, re.IGNORECASE)) for code, pattern in _PATTERNS]
_LIMIT = 300


def classify(text: str, exception: BaseException | None = None, connection: str | None = None) -> dict[str, Any]:
    """`{code, message}` of a failure. `exception` gives its chain of causes; `connection` is the transport's name."""
    words = "\n".join([text, *_chain(exception)])
    code = next((code for code, pattern in _COMPILED if pattern.search(words)), None)
    found = code or remedies.match(words) or "UNREACHABLE"
    return {"code": found, "message": _line(text or words, connection)}


def _chain(error: BaseException | None) -> list[str]:
    lines: list[str] = []
    while error is not None and len(lines) < 10:
        lines.append(f"{type(error).__name__}: {error}")
        error = error.__cause__ or error.__context__
    return lines


def _line(text: str, connection: str | None) -> str:
    line = " ".join(text.split())
    line = re.sub(r"(https?://)[^/@\s]+@", r"\1", line)
    line = re.sub(r"(?i)\b(password|passwd|pwd|token|secret)\b\s*[=:]\s*\S+", r"\1=***", line)
    line = line if len(line) <= _LIMIT else line[: _LIMIT - 1] + "…"
    return f"{connection}: {line}" if connection and not line.lower().startswith(connection.lower()) else line
