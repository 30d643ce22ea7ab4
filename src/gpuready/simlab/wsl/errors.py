"""What wsl.exe says when it fails: a text, and a tail of contexts and a code that no language changes."""

from __future__ import annotations

from gpuready.simlab.wsl import texts

# The bits of the mask of contexts, by rising bit: they are printed in this order, not in that of the calls.
CONTEXTS = (
    *("Wsl", "Wslg", "Bash", "WslConfig", "InstallDistro", "EnumerateDistros", "Service", "RegisterDistro"),
    *("CreateInstance", "AttachDisk", "DetachDisk", "CreateVm", "ParseConfig", "ConfigureNetworking", "ConfigureGpu"),
    *("LaunchProcess", "ConfigureDistro", "CreateLxProcess", "UnregisterDistro", "ExportDistro"),
    *("GetDistroConfiguration", "GetDistroId", "SetDefaultDistro", "SetVersion", "TerminateDistro", "RegisterLxBus"),
    *("MountDisk", "Plugin", "MoveDistro", "GetDefaultDistro", "DebugShell", "HCS", "HNS", "CallMsi", "Install"),
    *("ReadDistroConfig", "UpdatePackage", "QueryLatestGitHubRelease", "VerifyChecksum", "WslC"),
)
WITHOUT_TAIL = ("WSL_E_DEFAULT_DISTRO_NOT_FOUND", "WSL_E_INVALID_USAGE")
FAILED = 0xFFFFFFFF  # -1


class WslError(Exception):
    """A failure of wsl.exe. `code` is a name or `0x` and a number; `contexts` in any order, without `Wsl`."""

    def __init__(self, code: str, *contexts: str, text: str | None = None) -> None:
        super().__init__(code)
        self.code, self.contexts = code, contexts
        self.text = text if text is not None else texts.of_codes().get(code) or texts.system(code)


class Said(Exception):  # noqa: N818 - it is how some commands end
    """A text that ends the command and has no tail."""

    def __init__(self, text: str, rc: int = FAILED) -> None:
        super().__init__(text)
        self.text, self.rc = text, rc


def word(code: str, version: str) -> str:
    """A code as the tail has it: by its name where this release knows it, else in lower-case hexadecimal."""
    number = texts.numbers().get(code)
    if number is None:
        return code.lower() if code.lower().startswith("0x") else code
    late = code in texts.named_later() and numbers(version) <= (2, 9, 4)
    return number.lower() if late else code


def numbers(version: str) -> tuple[int, ...]:
    """A version's first three numbers."""
    return tuple(int(part) for part in version.split(".")[:3] if part.isdigit())


def tail(contexts: tuple[str, ...], code: str, version: str) -> str:
    """`Wsl/Service/...`: each context once, by its bit, then the code."""
    return "/".join([*sorted(set(contexts), key=CONTEXTS.index), word(code, version)])


def told(error: WslError, template: str, version: str) -> str:
    """What is printed; `template` has a place for the text and one for the tail, in the language of WSL."""
    if error.code in WITHOUT_TAIL:
        return error.text + "\n"
    filled = template.replace("{}", "\0", 1).replace("{}", tail(("Wsl", *error.contexts), error.code, version))
    return filled.replace("\0", error.text) + "\n"
