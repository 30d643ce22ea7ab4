"""`--install`, `--update`, `--uninstall`: features, the package, and distributions of the lists that a PC names."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from gpuready.simlab.wsl import distributions, texts
from gpuready.simlab.wsl.errors import Said, WslError
from gpuready.simlab.wsl.host import local_path
from gpuready.simlab.wsl.line import Arguments
from gpuready.simlab.wsl.run import Run
from gpuready.simlab.wsl.state import COMING, Distribution
from gpuready.simlab.wsl.texts import message

_FLAGS = {
    "--no-distribution": "none", "--no-launch": "quiet", "-n": "quiet", "--web-download": "web", "--enable-wsl1": "one",
    "--fixed-vhd": "fixed", "--pre-release": "early", "--legacy": "legacy", "--prompt-before-exit": "prompt",
}  # fmt: skip
_OPTIONS = {
    "-d": "name", "--distribution": "name", "--from-file": "file", "-f": "file", "--name": "as", "--location": "where",
    "-l": "where", "--version": "version", "--vhd-size": "size",
}  # fmt: skip
_LISTS = "DistributionListUrlAppend", "DistributionListUrl"


def install(run: Run, rest: str) -> None:
    """Features first; where one is missing nothing else is done, and the code is 0 all the same."""
    words, asked = Arguments(_FLAGS, _OPTIONS, 1).parse(rest)
    name = words[0] if words else asked.get("name")
    if ("none" in asked and name) or ("file" in asked and name) or ("fixed" in asked and "size" not in asked):
        raise WslError("E_INVALIDARG")
    if "file" not in asked and (missing := run.machine.missing_features):
        _enable(run, missing)
        return
    if "none" in asked:
        distributions.done(run)
        return
    if "file" in asked:
        source = run.caller.absolute(asked["file"])
        if not run.files.is_file(source):
            raise WslError("ERROR_FILE_NOT_FOUND")
        if "as" not in asked:
            raise WslError("WSL_E_DISTRIBUTION_NAME_NEEDED", text=message("MessageDistributionNameNeeded"))
        run.say(message("MessageInstalling", source) + "\n")
        one = _register(run, asked["as"], run.files.read(source), asked.get("where"))
    else:
        one = _from_list(run, name, asked)
    run.say(message("MessageDistributionInstalled", one.name) + "\n")


def _enable(run: Run, missing: list[str]) -> None:
    """DISM for each feature, once; what they bring is there after a restart."""
    machine = run.machine
    if not run.caller.elevated:
        run.say(texts.system("ERROR_ELEVATION_REQUIRED") + "\n")
        raise WslError("ERROR_CANCELLED", text="The operation was canceled by the user. ")
    with machine.lock:
        for name in missing:
            if name in machine.install_status:
                continue
            run.say(message("MessageInstallingWindowsComponent", name) + "\n")
            if name not in machine.features:
                text = message("MessageOptionalComponentInstallFailed", name, 0x800F080C - 2**32)
                raise WslError("WSL_E_INSTALL_COMPONENT_FAILED", text=text)
            machine.features[name] = COMING
            machine.install_status.add(name)
    run.say(texts.system("ERROR_SUCCESS_REBOOT_REQUIRED") + "\n")


def _from_list(run: Run, name: str | None, asked: dict[str, str]) -> Distribution:
    """A distribution of the lists that the PC's registry names; addresses are files of the PC."""
    here = ("InstallDistro",)
    found = _offered(run, name)
    wanted = asked.get("as", found["Name"])
    user = run.service()
    if any(one.name.lower() == wanted.lower() for one in user.checked()):
        raise WslError("ERROR_ALREADY_EXISTS", *here)
    run.say(message("MessageInstalling", found["FriendlyName"]) + "\n")
    source = local_path(found["Amd64Url"]["Url"])
    if source is None or not run.files.is_file(source):
        raise WslError("ERROR_FILE_NOT_FOUND", *here)
    data = run.files.read(source)
    digest = hashlib.sha256(data).hexdigest()
    if found["Amd64Url"]["Sha256"].lower().removeprefix("0x") != digest:
        text = message("MessageHashMismatch", found["Amd64Url"]["Sha256"], "0x" + digest)
        raise WslError("TRUST_E_BAD_DIGEST", *here, "VerifyChecksum", text=text)
    return _register(run, wanted, data, asked.get("where"))


def _offered(run: Run, name: str | None) -> dict[str, Any]:
    """The version that a name stands for. All lists are read first, Microsoft's from the internet, where nobody is."""
    lists = run.machine.lists
    documents = [_document(run, lists[value]) for value in _LISTS if value in lists]
    if "DistributionListUrl" not in lists:
        raise _unread("https://aka.ms/wsl-distribution-list")
    wanted = name or next((document["Default"] for document in documents if "Default" in document), None)
    if wanted is None:
        raise WslError("E_UNEXPECTED", "InstallDistro", text=message("MessageNoInstallDefault"))
    for document in documents:
        families: dict[str, list[dict[str, Any]]] = document.get("ModernDistributions") or {}
        for family, versions in families.items():
            usable = [one for one in versions if "Amd64Url" in one]
            if family.lower() == wanted.lower():
                usable.sort(key=lambda one: not one.get("Default"))
                return usable[0]
            for one in usable:
                if one["Name"].lower() == wanted.lower():
                    return one
    text = message("MessageInvalidDistributionName", name)
    raise WslError("WSL_E_DISTRO_NOT_FOUND", "InstallDistro", text=text)


def _document(run: Run, address: str) -> dict[str, Any]:
    path = local_path(address)
    if path is None or not run.files.is_file(path):
        raise _unread(address)
    return dict(json.loads(run.files.read(path)))


def _unread(address: str) -> WslError:
    text = message("MessageCouldFetchDistributionList", address, "")
    return WslError("WININET_E_CANNOT_CONNECT", "InstallDistro", text=text)


def _register(run: Run, name: str, data: bytes, where: str | None) -> Distribution:
    user = run.service()
    folder = run.caller.absolute(where) if where else rf"{user.profile}\AppData\Local\wsl\{name}"
    run.files.make_folder(folder)
    one = distributions.register(run, name, folder, data, run.machine.user(run.caller.sid).default_version)
    one.run_oobe = one.modern = 1
    return one


def update(run: Run, rest: str) -> None:
    """The package of `latest`; it replaces the service, so that every user's guests end."""
    Arguments({"--web-download": "web", "--pre-release": "early", "--confirm": "confirm"}).parse(rest)
    run.say(message("MessageCheckingForUpdates") + "\n")
    machine = run.machine
    if not machine.latest:
        raise WslError("WININET_E_CANNOT_CONNECT", "UpdatePackage", "QueryLatestGitHubRelease")
    if machine.latest == machine.version:
        run.say(message("MessageUpdateNotNeeded") + "\n")
        return
    run.say(message("MessageUpdatingToVersion", machine.latest) + "\n")
    if not run.caller.elevated:
        raise WslError("ERROR_INSTALL_FAILURE", "UpdatePackage", text=message("MessageUpdateFailed", 1603))
    with machine.lock:
        machine.restart_service()
        machine.version = machine.latest
        machine.new_kernel()


def uninstall(run: Run, rest: str) -> None:
    """The package goes, what users have registered stays."""
    if rest.strip():
        text = message("MessageUninstallNoArguments", "--uninstall", "--unregister")
        raise Said(text + "\n")
    with run.machine.lock:
        run.machine.restart_service()
        run.machine.version = ""
