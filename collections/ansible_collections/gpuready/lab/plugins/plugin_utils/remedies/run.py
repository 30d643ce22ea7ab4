# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Codes of the way to a PC and of building its environment: code -> (cause, next step)."""

from __future__ import annotations

_DETAILS = "Look at the details of this PC in the report, mend what they name, and run again."
_PING = "ansible -i INVENTORY PC -m ansible.windows.win_ping"
_REMOTING = "scripts/enable-remoting.ps1 (docs/remoting.md)"

CONNECTION: dict[str, tuple[str, str]] = {
    "AUTH_REJECTED": ("the PC rejected the user name or the password", f"Check ansible_user and the password ({_PING} tries it), and that the account may use WinRM or ssh on the PC."),
    "AUTH_METHOD_REFUSED": ("the PC does not offer the way of logging on that the inventory asks for", "Set ansible_winrm_transport (psrp: ansible_psrp_auth) to ntlm or kerberos, as in docs/remoting.md."),
    "BECOME_REJECTED": ("the PC did not let the account become administrator", "Check ansible_become_user and ansible_become_password, and that the account may use sudo or runas there."),
    "KERBEROS_FAILED": ("Kerberos gave no ticket for this PC", "Use the PC's full domain name as ansible_host, and check /etc/krb5.conf and kinit on the controller."),
    "KERBEROS_UNKNOWN_PC": ("the domain does not know this PC by the name that the inventory uses", "Use the PC's full domain name as ansible_host (not its address), check that it is a member of the domain, and look at its names with setspn -L PC."),
    "KERBEROS_CLOCK": ("the clocks of the controller and the domain differ too much", "Set the clock of the controller by the domain's time server (5 minutes at most are allowed), and run again."),
    "KERBEROS_PASSWORD": ("the domain rejected the user name or the password", "Check ansible_user (USER@REALM, the realm in capitals) and the password with kinit on the controller."),
    "KERBEROS_NO_KDC": ("the controller finds no domain controller", "Check the realm and its KDC in /etc/krb5.conf and the DNS of the controller, and try kinit there."),
    "KERBEROS_NO_TICKET": ("the controller holds no valid Kerberos ticket", "Run kinit USER@REALM on the controller, or give ansible_password so that a ticket is made, and run again."),
    "HOST_OFF": ("nothing answers at the PC's address", "Switch the PC on, check its address and its network, and run again; the other PCs are not affected."),
    "PORT_CLOSED": ("nothing listens on the PC's port, or a firewall refuses", f"Switch the PC on, run {_REMOTING} on it, check the port in the inventory, and run again."),
    "NAME_UNKNOWN": ("the PC's name cannot be resolved", "Check ansible_host in the inventory and the DNS of the controller."),
    "CONNECT_TIMEOUT": ("the PC did not answer in time", "Switch the PC on, check that a firewall lets the controller through, and run again."),
    "TLS_UNTRUSTED": ("the PC's certificate is not trusted, or not for this name", "Give the PC a certificate of the lab's authority for the name in ansible_host, and name the authority in ansible_winrm_ca_trust_path."),
    "TLS_MISMATCH": ("one side speaks TLS and the other does not", "Use port 5986 with ansible_winrm_scheme: https, or 5985 with http, as the PC's listener does."),
    "PROXY_IN_THE_WAY": ("a proxy stands between the controller and the PC and refuses", "Add the PCs to NO_PROXY on the controller (or set ansible_winrm_proxy / ansible_psrp_proxy as it must be), and run again."),
    "NOT_WINRM": ("something else than WinRM answers at the PC's address and port", "Check ansible_host, ansible_port and ansible_winrm_path (/wsman); another device or web server may have this address."),
    "CONNECTION_CUT": ("the connection was cut in the middle", "Check that the PC was not restarted or put to sleep, that the port fits the scheme (5985 http, 5986 https) and that its network is steady, and run again."),
    "CONNECTION_SETTINGS": ("the inventory's settings for the connection do not fit each other", "Give the password (--ask-pass, or a vault), and compare the PC's ansible_ variables with the examples in inventories/lab."),
    "CONTROLLER_LACKS_LIBRARY": ("the controller lacks a program or library for this connection", "Install what the details name on the controller (Kerberos: the extra kerberos of gpuready), or use another way of logging on."),
    "SSH_HOST_KEY": ("the PC's ssh host key is not known, or another one than before", "Check the key at the PC itself, then put it into known_hosts (ssh-keyscan) or remove the old one (ssh-keygen -R)."),
    "WINRM_REFUSED": ("WinRM answered, but refused the work", "Check that the account is an administrator of the PC, WinRM's quotas (winrm get winrm/config) and its event log, and run again."),
    "WINRM_UNENCRYPTED": ("WinRM refuses a message that is not encrypted", "Use ntlm or kerberos (they encrypt), or https on port 5986, as in docs/remoting.md; do not switch AllowUnencrypted on."),
    "UNREACHABLE": ("the PC could not be had", f"Test the way to it with {_PING}, and run again."),
    "MODULE_HUNG": ("the PC began to work and never answered", "Look on the PC for a hanging program or an open dialog, restart it when nobody uses it, and run again."),
    "OUTPUT_GARBAGE": ("the PC's answer cannot be read", "Remove what writes into every session there (profile, logon script), and run again."),
    "TARGET_PYTHON_MISSING": ("the PC has no Python that Ansible can use (3.9 or later)", "Install python3 on the PC, or name one in ansible_python_interpreter."),
    "TARGET_POWERSHELL": ("the PC's PowerShell cannot run this: 5.1 with full language mode is needed", "Install Windows Management Framework 5.1, check application control (constrained language mode), and run again."),
    "NO_EVIDENCE": ("nothing is known of this PC", "Run gpuready again; if it stays so, look at the PC's details in the report."),
}  # fmt: skip

APPLY: dict[str, tuple[str, str]] = {
    "DISK_FULL": ("the PC's disk is full", "Free disk space on the PC and run again; what worked before still works."),
    "HASH_MISMATCH": ("a download is not what its sha256 says", "Fetch the file anew from its maker; if it stays different, do not use it, and correct the sha256 only from the maker's own word."),
    "INDEX_UNREACHABLE": ("the package index cannot be reached from the PC", "Check the PC's way to the internet or its proxy, name a mirror, or give a wheelhouse (python_environment_wheelhouse)."),
    "INDEX_REFUSED": ("the package index refuses the PC", "Check the user, the password or the token of the index, or the proxy, and run again."),
    "INDEX_UNTRUSTED": ("the certificate of the package index is not trusted by the PC", "Set python_environment_certificates to a bundle with the lab's authority, or install it on the PC."),
    "NO_WHEEL": ("a locked package is not to be had from the index or the wheelhouse", "Add the wheel that the details name to the wheelhouse, or allow the index."),
    "BUILD_FAILED": ("a locked package has no wheel, and building it failed", "Put a wheel of it into the wheelhouse and its hash into the lock, and run again."),
    "LOCK_UNHASHED": ("a package of the lock has no hash", "Lock again with uv pip compile --generate-hashes."),
    "LOCK_INVALID": ("the stack's lock cannot be used", "Correct the lock that the details name (gpuready_stack_locks), or plan the PC again."),
    "UV_MISSING": ("uv is not on the PC and could not be brought", "Set python_environment_uv_archive to an archive of uv with its sha256."),
    "UV_FAILED": ("uv could not build the environment", _DETAILS),
    "INTERPRETER_MISSING": ("the Python that the stack needs is not on the PC and could not be brought", "Set python_environment_interpreters to an archive of that version with its sha256, or let the PC reach uv's downloads."),
    "VC_RUNTIME_MISSING": ("the Visual C++ runtime is missing", "Set directml_vc_archive to vc_redist.x64.exe with its sha256, or install the runtime on the PC."),
    "ARCHIVE_MISSING": ("an archive that the inventory names is not there", "Correct its path or URL in the inventory, and run again."),
    "ARCHIVE_UNREACHABLE": ("an archive could not be fetched by the PC", "Check its URL and the PC's way there, or give a file on the controller."),
    "ARCHIVE_UNREADABLE": ("an archive cannot be unpacked, or holds something else", "Fetch it anew from its maker, check its sha256, and run again."),
    "WHEELHOUSE_MISSING": ("the folder of wheels is not there", "Correct python_environment_wheelhouse, and run again."),
    "UPLOAD_FAILED": ("a file that was sent to the PC is not there", "Check the PC's disk and its virus scanner, and run again."),
    "HOME_NOT_WRITABLE": ("gpuready's folder on the PC cannot be written", "Use an administrator's account, or set python_environment_home to a folder that it may write."),
    "ENVIRONMENT_BUSY": ("another run builds on this PC", "Wait until it has ended and run again."),
    "ENVIRONMENT_IN_USE": ("a program on the PC holds a file of the environment", "Close the programs that use it and run again."),
    "ENVIRONMENT_BROKEN": ("the environment was built and does not work", "Run gpuready provision again; if it stays so, take the stack away (state absent) and provision."),
    "ENVIRONMENT_TIME_LIMIT": ("building the environment took longer than its time limit", "Raise python_environment_time_limit, or bring the packages nearer (a mirror, a wheelhouse)."),
    "ENVIRONMENT_FAILED": ("building the environment failed", _DETAILS),
    "ARGUMENTS": ("a variable of the roles is wrong or missing", "Correct the variable that the details name and run again."),
    "BAD_INPUT": ("a variable of the inventory is wrong", "Correct the variable that the cause names and run again."),
    "BUSY": ("another run works on this PC", "Wait until it has ended and run again."),
    "APPLY_FAILED": ("building the environment failed", _DETAILS),
    "TASK_FAILED": ("a task failed on this PC", _DETAILS),
}  # fmt: skip

PATTERNS: list[tuple[str, str]] = [
    ("DISK_FULL", r"No space left on device|There is not enough space on the disk|Disk quota exceeded|os error (28|112|122)\b|\[?Errno (28|122)\]|0x80070070|0x80070027|\[WinError (112|39)\]"),
    ("HASH_MISMATCH", r"Hash mismatch for|DO NOT MATCH THE HASHES|hash of the file .* is not"),
]  # fmt: skip
