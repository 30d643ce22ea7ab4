"""A whole simulated lab: PCs with their listeners, their inventory, and their restarts."""

from __future__ import annotations

import ipaddress
import shutil
import tempfile
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from gpuready.errors import GpureadyError
from gpuready.simlab import execute
from gpuready.simlab.certificates import Authority
from gpuready.simlab.faults import Faults
from gpuready.simlab.pc import SimulatedPc
from gpuready.simlab.schema import Fault, Pc, Scenario
from gpuready.simlab.winrm.listener import Listener, Server
from gpuready.simlab.winrm.messages import quota
from gpuready.simlab.winrm.service import Service
from gpuready.simlab.winrm.shells import COMMAND_SHELL, CommandShell

BOOT_SECONDS = 2.0


class SimulatedLab:
    """Simulated PCs on loopback addresses.

    `base_address` is the first address, from which PCs without one are numbered; `port` that of PCs without one of
    their own. `state` is a folder that keeps what the PCs' disks hold between runs. As a context manager it starts
    and stops.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        base_address: str = "127.0.1.1",
        port: int = 15985,
        state: Path | None = None,
        boot_seconds: float = BOOT_SECONDS,
    ) -> None:
        self.scenario, self._state, self._boot_seconds = scenario, state, boot_seconds
        self._port = port
        self._addresses = _addresses(scenario.pcs, base_address)
        self.pcs = {pc.name: SimulatedPc(pc, scenario.user, scenario.password) for pc in scenario.pcs}
        self._listeners: dict[str, Listener] = {}
        self._server: Server | None = None
        self._folder: Path | None = None
        self._authority: Authority | None = None
        self._stranger: Authority | None = None
        self._lock = threading.Lock()
        if state:
            for pc in self.pcs.values():
                pc.load(state)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Switch every PC on; once is enough. Raises GpureadyError when an address or port cannot be had."""
        if self._server:
            return
        self._server = Server()
        try:
            for pc in self.pcs.values():
                self._listen(pc)
        except OSError as error:
            self.stop()
            raise GpureadyError(
                f"the simulated PC {pc.scenario.name} cannot listen at "
                f"{self.address(pc.scenario)}:{self.port(pc.scenario)}: "
                f"{error.strerror}: give another --port or --base-address"
            ) from None

    def stop(self) -> None:
        """Switch every PC off and clean up."""
        if self._server:
            self._server.close()
            self._server = None
        self._listeners.clear()
        if self._state:
            for pc in self.pcs.values():
                pc.save(self._state)
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = self._authority = self._stranger = None

    def address(self, pc: Pc) -> str:
        """Where a PC listens."""
        return self._addresses[pc.name]

    def port(self, pc: Pc) -> int:
        """On which port."""
        return pc.connection.port or self._port

    def _listen(self, pc: SimulatedPc) -> None:
        scenario, faults = pc.scenario, pc.faults
        if faults.has("off") or self._server is None:
            return
        address, port = self.address(scenario), self.port(scenario)
        tls = None
        if scenario.connection.tls and not faults.has("http_on_https"):
            tls = self._certifier(stranger=bool(faults.has("untrusted_certificate"))).context(address, scenario.name)
        elif faults.has("https_on_http"):
            tls = self._certifier(stranger=False).context(address, scenario.name)
        scheme = "https" if tls else "http"
        endpoint = f"{scheme}://{address}:{port}/wsman"
        run = partial(execute.run, pc, self)
        service = Service("simlab", pc.users, endpoint, {COMMAND_SHELL: lambda body: CommandShell(run)})
        if used_up := faults.has("quota"):
            service.before.append(partial(_refuse, faults, used_up))
        listener = Listener(address, port, service, tls)
        self._listeners[scenario.name] = listener
        self._server.add(listener)

    def _certifier(self, stranger: bool) -> Authority:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="gpuready-simlab-"))
        if stranger:
            self._stranger = self._stranger or Authority(self._folder, "stranger")
            return self._stranger
        self._authority = self._authority or Authority(self._folder)
        return self._authority

    def restart(self, pc: SimulatedPc, after: float) -> bool:
        """Take a PC down after some seconds and up again; False when that is already on its way."""
        with self._lock:
            if pc.restarting:
                return False
            pc.restarting = True
        timer = threading.Timer(after, self._restart, args=(pc,))
        timer.daemon = True
        timer.start()
        return True

    def _restart(self, pc: SimulatedPc) -> None:
        server, listener = self._server, self._listeners.pop(pc.scenario.name, None)
        if server is None:
            return
        if listener:
            server.remove(listener)
        pc.restart()
        if pc.faults.has("stays_off"):
            return
        timer = threading.Timer(self._boot_seconds, self._up, args=(pc,))
        timer.daemon = True
        timer.start()

    def _up(self, pc: SimulatedPc) -> None:
        with suppress(OSError):
            self._listen(pc)
        pc.restarting = False
        again = pc.faults.has("restarts_again")
        if again and pc.faults.take(again):
            timer = threading.Timer(again.seconds, self.restart, args=(pc, 0))
            timer.daemon = True
            timer.start()

    def inventory(self) -> dict[str, Any]:
        """The inventory of this lab, as Ansible reads it."""
        hosts: dict[str, Any] = {}
        for pc in self.scenario.pcs:
            variables: dict[str, Any] = {"ansible_host": self.address(pc), "ansible_port": self.port(pc)}
            if pc.connection.transport != "basic":
                variables["ansible_winrm_transport"] = pc.connection.transport
            if pc.connection.tls:
                variables["ansible_winrm_scheme"] = "https"
                ca = self._authority.path if self._authority else None
                variables["ansible_winrm_ca_trust_path"] = str(ca) if ca else "/etc/ssl/certs/ca-certificates.crt"
            hosts[pc.name] = variables | pc.variables
        common = {
            "ansible_connection": "ansible.builtin.winrm",
            "ansible_user": self.scenario.user,
            "ansible_password": self.scenario.password,
            "ansible_winrm_scheme": "http",
            "ansible_winrm_transport": "basic",
            "gpuready_simulated": True,
        }
        return {"all": {"children": {"simulated": {"hosts": hosts, "vars": common}}}}

    def write_inventory(self, path: Path) -> None:
        """Write the inventory, whole."""
        temporary = path.with_name(f".{path.name}.new")
        text = "---\n# Simulated PCs: written by gpuready.simlab, and no PC's real password.\n" + yaml.safe_dump(
            self.inventory(), sort_keys=False
        )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(text)
            temporary.chmod(0o600)
            temporary.replace(path)
        except OSError as error:
            raise GpureadyError(f"{path}: the inventory cannot be written: {error.strerror}") from None


def _refuse(faults: Faults, fault: Fault, verb: str) -> None:
    """Raise the fault of a quota that is used up, when it strikes this operation."""
    if verb == (fault.on or "Command") and faults.take(fault):
        raise quota()


def _addresses(pcs: list[Pc], base: str) -> dict[str, str]:
    """PC -> address: its own, else the next free one from the base on."""
    try:
        following = ipaddress.IPv4Address(base)
    except ValueError:
        raise GpureadyError(f"{base}: this is not an address such as 127.0.1.1") from None
    if not following.is_loopback:
        raise GpureadyError(f"{base}: a simulated PC listens on 127.x.y.z only")
    taken = {pc.address for pc in pcs}
    addresses: dict[str, str] = {}
    for pc in pcs:
        if pc.address:
            addresses[pc.name] = pc.address
            continue
        while str(following) in taken or str(following).endswith((".0", ".255")):
            following += 1
        addresses[pc.name] = str(following)
        following += 1
    return addresses
