# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What went wrong on the way to a PC, by the words of pywinrm, requests, pypsrp, ssh and Ansible: a code and one line.

Only the fixed English of these libraries is looked for. Passwords never reach a message: these libraries do not print them, and
what looks like one, or stands before the `@` of an address, is cut all the same.
"""

from __future__ import annotations

import re

from .. import reading
from ..record import Trouble
from . import catalogue as remedies

# Order matters: the first that fits. What TLS says stands before what the connection under it says.
_PATTERNS: tuple[tuple[str, str], ...] = (
    ("PROXY_IN_THE_WAY", r"ProxyError|Unable to connect to proxy|Tunnel connection failed|Cannot connect to proxy|\b(Code:? |HTTP )407\b|Proxy Authentication Required"),
    ("TLS_UNTRUSTED", r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|certificate has expired|Hostname mismatch|IP address mismatch|self[- ]signed certificate|hostname '[^']*' doesn't match|unable to get local issuer"),
    ("TLS_MISMATCH", r"WRONG_VERSION_NUMBER|wrong version number|UNKNOWN_PROTOCOL|UNSUPPORTED_PROTOCOL|\[SSL: HTTP_REQUEST\]|record layer failure|HTTP request was sent to an HTTPS|packet length too long|SSLEOFError|TLSV1_ALERT|SSLV3_ALERT|HANDSHAKE_FAILURE|NO_SHARED_CIPHER|no protocols available|BadStatusLine\(['\"]\\x1[5-6]\\x03"),
    ("NOT_WINRM", r"BadStatusLine|\bCode:? (404|405|301|302|307|308)\b|'NoneType' object has no attribute 'wrap'|no element found: line|not well-formed \(invalid token\)|syntax error: line|mismatched tag|SSH-2\.0-|Invalid HTTP"),
    ("NAME_UNKNOWN", r"NameResolutionError|Name or service not known|name resolution|nodename nor servname|getaddrinfo failed|Could not resolve hostname|No address associated with hostname|label empty or too long"),
    ("SSH_HOST_KEY", r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED|Host Key checking is enabled|authenticity of host"),
    ("CONTROLLER_LACKS_LIBRARY", r"library is not installed|is not installed\b.*(winrm|psrp|requests|kerb|credssp|ntlm|xmltodict)|(winrm|requests|pypsrp|pykerberos|requests[-_]\w+|xmltodict)[^.]{0,40} (is|are) not installed|requires the Python gssapi library|must install the sshpass|No module named '(winrm|pypsrp|gssapi|kerberos|requests_\w+)'|No such file or directory: b?'?kinit|kinit: (command )?not found|does not support transport"),
    ("CONNECTION_SETTINGS", r"Cannot use message encryption with auth|message encryption is set to 'always'|unsupported auth method|invalid server_cert_validation|Encryption for protocol|cert(_key)?_pem (must|file|and)|auth method \w+ requires a (username|password)|the username must be specified|the password must be specified|SSL must be used|read_timeout_sec must exceed|Invalid target URL|invalid message_encryption|No transport found|failed to parse \w+_timeout_sec"),
    ("AUTH_METHOD_REFUSED", r"did not respond with NTLM challenge|Server did not response? with|did not return a 'WWW-Authenticate|authentication is not enabled on remote host|Failed to (authenticate|negotiate).*not supported|No authentication methods available|Unable to negotiate with|Bad authentication type"),
    ("KERBEROS_CLOCK", r"clock skew|KRB_AP_ERR_SKEW"),
    ("KERBEROS_PASSWORD", r"Client\b[^\n]*not found in Kerberos database|Preauthentication failed|Password incorrect while|Client's credentials have been revoked|KDC_ERR_PREAUTH_FAILED|Password has expired"),
    ("KERBEROS_UNKNOWN_PC", r"not found in Kerberos database|KDC_ERR_S_PRINCIPAL_UNKNOWN|KRB_AP_ERR_MODIFIED|Wrong principal in request"),
    ("KERBEROS_NO_KDC", r"Cannot (find|contact any) KDC|Cannot resolve network address for KDC|Cannot determine realm|Configuration file does not specify default realm"),
    ("KERBEROS_NO_TICKET", r"No (Kerberos )?credentials (cache|were supplied|available)|No Kerberos credentials|Ticket expired|Credentials cache (file )?'?[^\n]* not found"),
    ("WINRM_UNENCRYPTED", r"unencrypted (data|traffic|message)|AllowUnencrypted|'?2150858841\b"),
    ("BECOME_REJECTED", r"(Incorrect|Missing) \w+ password|waiting for privilege escalation|Escalation requires password|Failed to become user|is not in the sudoers|sudo: a password is required|LogonUser failed|logon type .* not been granted"),
    ("AUTH_REJECTED", r"credentials were rejected|InvalidCredentialsError|\bCode:? 401\b|\b401 Unauthorized|HTTP 401|Unauthorized|Permission denied \(|Permission denied, please try again|Authentication failed|Authentication failure|Invalid/incorrect (username/)?password|Too many authentication failures|STATUS_LOGON_FAILURE|Failed to authenticate the user|account (is )?(locked|disabled|restricted)|Access (is )?denied\b(?!.*\bNTLM challenge)"),
    ("MODULE_HUNG", r"Timed out after \d+ second|action failed to execute in the expected time|HTTP read timeout during PSRP|winrm connection error: .*Read timed out|timed out waiting for module|ran longer than the task timeout"),
    ("PORT_CLOSED", r"Connection refused|actively refused|Errno 111\b|WinError 10061|ECONNREFUSED"),
    ("HOST_OFF", r"No route to host|Network is unreachable|Host is (down|unreachable)|Errno 11[23]\b|Errno 101\b|EHOSTUNREACH|WinError 1006[05]"),
    ("CONNECT_TIMEOUT", r"ConnectTimeout|connect timeout|connection (attempt )?timed out|Read timed out|ReadTimeout|Errno 110\b|Operation timed out|port \d+ timed out|banner exchange"),
    ("KERBEROS_FAILED", r"kerberos|GSSError|gssapi|krb5|kinit"),
    ("DISK_FULL", r"No space left on device|not enough space on the disk|0x80070070|Errno 28\b"),
    ("CONNECTION_CUT", r"Connection (was )?reset|ConnectionResetError|Connection aborted|Connection broken|Remote end closed|RemoteDisconnected|IncompleteRead|Broken pipe|connection was closed|EOF occurred|Connection closed by|closed by remote host|The (I/O|pipe) operation has been aborted|Shell was not found|2150858843|shared connection to|client_loop: send disconnect|mux_client"),
    ("TARGET_PYTHON_MISSING", r"module interpreter '[^']*' was not found|No python interpreters found|requires a minimum of Python|python3?: (command )?not found|/python[\d.]*: (not found|No such file)"),
    ("TARGET_POWERSHELL", r"requires PowerShell v|language mode|ConstrainedLanguage|powershell(\.exe)?'? is not recognized"),
    ("WINRM_REFUSED", r"WSManFault|wsmanfault_code|\bfault_code\b|quota|\bCode:? (400|403|500|503)\b|Bad HTTP response|winrm send_input failed|Cannot '\w+' on the current state"),
    ("OUTPUT_GARBAGE", r"MODULE FAILURE|No start of json|deserializ|module_stdout|Unable to parse|invalid JSON|Expecting value|No JSON object|Remote sha1|message has been tampered|codec can't decode"),
)  # fmt: skip
_COMPILED = [(code, re.compile(pattern, re.IGNORECASE)) for code, pattern in _PATTERNS]
_READ = 20_000  # what a module printed may be long
_POOL = re.compile(
    r"HTTPS?ConnectionPool\(host='(?P<host>[^']*)', port=(?P<port>\d+)\): Max retries exceeded with url: \S+ "
    r"\(Caused by (?P<inner>.*)\)\s*$",
    re.DOTALL,
)


def classify(text: str, exception: BaseException | None = None, connection: str | None = None) -> Trouble:
    """`{code, message}` of a failure. `exception` gives its chain of causes; `connection` is the transport's name."""
    words = "\n".join([*_chain(exception), text])[:_READ]
    code = next((code for code, pattern in _COMPILED if pattern.search(words)), None)
    found = code or remedies.match(words) or "UNREACHABLE"
    message = _line(text or words, connection)
    return {"code": found, "message": message or remedies.remedy(found).cause}


def _chain(error: BaseException | None) -> list[str]:
    lines: list[str] = []
    while error is not None and len(lines) < 10:
        lines.append(f"{type(error).__name__}: {error}")
        error = error.__cause__ or error.__context__
    return lines


def _plainly(text: str) -> str:
    """urllib3's nested words as what is in their middle: `10.0.0.7:5985: [Errno 111] Connection refused`."""
    found = _POOL.search(text)
    if not found:
        return text
    inner = re.sub(r"^[\s(]*(?:\w+\((?:\d+, )?)+", "", found["inner"])
    inner = re.sub(r"HTTPS?Connection\([^)]*\): |<[^>]*>, ?|Failed to establish a new connection: ", "", inner)
    inner = re.sub(r" ?\(_ssl\.c:\d+\)|\[SSL: \w+\] ", "", inner).lstrip("('\" ")
    while inner.endswith(("'", '"', " ")) or (inner.endswith(")") and inner.count(")") > inner.count("(")):
        inner = inner[:-1]
    return f"{text[: found.start()]}{found['host']}:{found['port']}: {inner}" if inner else text


def _line(text: str, connection: str | None) -> str:
    line = reading.one_line(_plainly(text))
    named = connection and line and not line.lower().startswith(connection.lower())
    return f"{connection}: {line}"[: reading.SAID] if named else line
