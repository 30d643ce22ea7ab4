# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Codes of the way to a PC, of building its environment, and of the verdict: code -> (cause, next step)."""

from __future__ import annotations

REMEDIES: dict[str, tuple[str, str]] = {
    # the way to the PC
    "AUTH_REJECTED": (
        "the PC rejected the user name or the password",
        "Check ansible_user and the password (try it with ansible -m ansible.windows.win_ping), and that the account may use WinRM.",
    ),
    "AUTH_METHOD_REFUSED": (
        "the PC does not offer the way of logging on that the inventory asks for",
        "Set ansible_winrm_transport to ntlm or kerberos, as in docs/remoting.md.",
    ),
    "KERBEROS_FAILED": (
        "Kerberos gave no ticket for this PC",
        "Use the PC's full domain name as ansible_host, check the clock of the controller (5 minutes at most) and /etc/krb5.conf.",
    ),
    "HOST_OFF": (
        "nothing answers at the PC's address",
        "Switch the PC on, check its address and its network, and run again; the other PCs are not affected.",
    ),
    "PORT_CLOSED": (
        "the PC is there but WinRM does not listen",
        "Run scripts/enable-remoting.ps1 on the PC (docs/remoting.md) and check the port in the inventory.",
    ),
    "NAME_UNKNOWN": (
        "the PC's name cannot be resolved",
        "Check ansible_host in the inventory and the DNS of the controller.",
    ),
    "CONNECT_TIMEOUT": (
        "the PC did not answer in time",
        "Switch the PC on, check that a firewall lets the controller through, and run again.",
    ),
    "TLS_UNTRUSTED": (
        "the PC's certificate is not trusted",
        "Give the PC a certificate of the lab's authority and name it in ansible_winrm_ca_trust_path.",
    ),
    "TLS_MISMATCH": (
        "one side speaks TLS and the other does not",
        "Use port 5986 with ansible_winrm_scheme: https, or 5985 with http, as the PC's listener does.",
    ),
    "CONNECTION_CUT": (
        "the connection was cut in the middle",
        "Check that the PC was not restarted or put to sleep and that its network is steady, and run again.",
    ),
    "WINRM_REFUSED": (
        "WinRM answered, but refused the work",
        "Look at WinRM's quotas and its event log on the PC (winrm get winrm/config), and run again.",
    ),
    "UNREACHABLE": (
        "the PC could not be had",
        "Test the way to it with ansible -m ansible.windows.win_ping, and run again.",
    ),
    "MODULE_HUNG": (
        "the PC began to work and never answered",
        "Look on the PC for a hanging program or an open dialog, restart it when nobody uses it, and run again.",
    ),
    "OUTPUT_GARBAGE": (
        "the PC's answer cannot be read",
        "Remove what writes into every PowerShell session (profile, logon script), and run again.",
    ),
    "NO_EVIDENCE": (
        "nothing is known of this PC",
        "Run gpuready again; if it stays so, look at the PC's details in the report.",
    ),
    # building the environment
    "DISK_FULL": ("the PC's disk is full", "Free disk space on the PC and run again; what worked before still works."),
    "HASH_MISMATCH": (
        "a download is not what its sha256 says",
        "Fetch the file anew from its maker; if it stays different, do not use it, and correct the sha256 only from the maker's own word.",
    ),
    "INDEX_UNREACHABLE": (
        "the package index cannot be reached from the PC",
        "Check the PC's way to the internet or its proxy, or give a wheelhouse (python_environment_wheelhouse).",
    ),
    "NO_WHEEL": (
        "a locked package is not to be had from the index or the wheelhouse",
        "Add the wheel that the details name to the wheelhouse, or allow the index.",
    ),
    "UV_MISSING": (
        "uv is not on the PC and could not be brought",
        "Set python_environment_uv_archive to an archive of uv with its sha256.",
    ),
    "INTERPRETER_MISSING": (
        "the Python that the stack needs is not on the PC and could not be brought",
        "Set python_environment_interpreters to an archive of that version with its sha256, or let the PC reach uv's downloads.",
    ),
    "VC_RUNTIME_MISSING": (
        "the Visual C++ runtime is missing",
        "Set directml_vc_archive to vc_redist.x64.exe with its sha256, or install the runtime on the PC.",
    ),
    "BUSY": ("another run works on this PC", "Wait until it has ended and run again."),
    "APPLY_FAILED": (
        "building the environment failed",
        "Look at the details of this PC in the report, mend what they name, and run again.",
    ),
    "TASK_FAILED": (
        "a task failed on this PC",
        "Look at the details of this PC in the report, mend what they name, and run again.",
    ),
    "TIMED_OUT": (
        "the training did not end in time",
        "Close programs that use the GPU, or raise gpu_verify_time_limit, and run again.",
    ),
    "BAD_INPUT": ("a variable of the inventory is wrong", "Correct the variable that the cause names and run again."),
    # verdicts
    "TRAINED": ("trained on the GPU; every check passed", ""),
    "SLOW": (
        "trains on the GPU, but slower than it must",
        "Check power plan, cooling and what else uses the GPU; lower gpu_verify_throughput_floor only if this speed is enough.",
    ),
    "NO_GPU": (
        "there is no GPU that a stack here can train on",
        "Use a PC with an NVIDIA GPU, or with Windows and a GPU of any vendor.",
    ),
    "SIMULATED": (
        "the PC says that it is simulated, and the inventory does not",
        "Set gpuready_simulated: true for a simulated lab; a real lab must not hold simulated PCs.",
    ),
    "NOT_VERIFIED": (
        "nothing was trained in this run",
        "Run gpuready provision, or gpuready verify if the stack is installed.",
    ),
    "NOT_INSTALLED": ("the stack is not installed on this PC", "Run gpuready provision."),
    "CHECK_MODE": ("this was a check: nothing was trained", "Run without --check."),
    "PASS_STALE": ("it passed, but something has changed since", "Run gpuready verify."),
    "PASS_TOO_OLD": ("its last pass is too old to count", "Run gpuready verify."),
    "CPU_FALLBACK": (
        "the training ran on the processor, not on the GPU",
        "Update the GPU's driver, restart, and run again; the details have the framework's own words.",
    ),
    "WRONG_ADAPTER": (
        "another GPU trained than the planned one",
        "Set gpuready_adapter to the GPU that shall train, or disable the other one.",
    ),
    "OPERATOR_UNSUPPORTED": (
        "the GPU or its driver cannot do an operation of the training",
        "Update the GPU's driver; if it stays so, choose another stack with gpuready_stack.",
    ),
    "NOT_FINITE": (
        "the training gave numbers that are not finite",
        "Update the GPU's driver and test the card; do not train on it.",
    ),
    "LOSS_NOT_FALLING": (
        "the loss did not fall: the GPU trains but learns nothing",
        "Update the GPU's driver and run again; if it stays so, test the card.",
    ),
    "LABELS_NOT_LEARNED": (
        "the network did not learn its labels",
        "Update the GPU's driver and run again; if it stays so, test the card.",
    ),
    "REFERENCE_DISAGREES": (
        "the GPU computes other losses than the processor",
        "Update the GPU's driver; if it stays so, do not train on this GPU.",
    ),
    "BATCHNORM_WRONG": (
        "the GPU computes wrong BatchNorm statistics",
        "Update the GPU's driver (known of Intel's), or choose another stack.",
    ),
    "ACCESS_VIOLATION": (
        "the training died of an access violation",
        "Update the GPU's driver and reinstall the environment (state absent, then provision).",
    ),
    "CRASHED": (
        "the training crashed",
        "Look at its last words in the details, update the GPU's driver, and run again.",
    ),
    "KILLED": (
        "the training was killed from outside",
        "Look for memory shortage or a security program that ends processes, and run again.",
    ),
    "OUTPUT_TRUNCATED": (
        "the training ended in the middle of its answer",
        "Run again; if it stays so, look for a program that ends processes on the PC.",
    ),
    "TRAINING_FAILED": (
        "the training ended with an error",
        "Look at its last words in the details, update the GPU's driver, and run again.",
    ),
    "EVIDENCE_INCOMPLETE": (
        "the evidence of the training is missing or contradicts itself",
        "Run again; if it stays so, look at the details in the report.",
    ),
}

PATTERNS: list[tuple[str, str]] = [
    ("DISK_FULL", r"No space left on device|There is not enough space on the disk|os error (28|112)\b|0x80070070"),
    ("HASH_MISMATCH", r"Hash mismatch for|hash of the file .* is not"),
]
