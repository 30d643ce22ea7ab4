"""What the YAML of a simulated lab may say: its PCs, what they have, how they fail and must end (docs/simlab.md)."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from gpuready.results import State

GIB = 2**30
Vendor = Literal["amd", "intel", "nvidia", "other"]
FaultKind = Literal[
    "off", "wrong_password", "untrusted_certificate", "http_on_https", "https_on_http", "quota", "cut", "hang",
    "garbage", "slow", "disk_full", "restart", "program_hangs", "program_garbage", "program_fails", "fail",
    "flood", "stays_off", "restarts_again", "stays_pending", "does_not_restart", "logs_on",
]  # fmt: skip
Outcome = Literal[
    "trained", "cpu_fallback", "operator_fallback", "nan", "hang", "crash", "access_violation", "out_of_memory",
    "wrong_adapter",
    "no_adapter", "loss_flat", "random_labels", "disagreement", "batchnorm", "truncated", "import_error",
    "dll_missing", "slow",
]  # fmt: skip

# What a fault can strike: modules by their short names, ansible-core's helpers, and plain scripts.
STRUCK = (
    *(
        "gpu_facts",
        "gpu_driver",
        "python_environment",
        "environment_pass",
        "training_facts",
        "job",
        "wsl_distribution",
        "wsl_offer",
        "win_package",
        "win_reg_stat",
        "win_service",
    ),
    *("win_ping", "setup", "win_stat", "win_file", "win_copy"),
    *("win_optional_feature", "win_command", "put_file", "fetch_file", "mkdtemp", "expand_user", "script"),
)
OPERATIONS = ("Create", "Command", "Send", "Receive")


class Strict(BaseModel):
    """Unknown keys are an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Driver(Strict):
    """A display driver as Windows names it."""

    version: str
    date: str = "2025-05-01"
    inf: str = "oem20.inf"
    section: str = "Section001"
    provider: str | None = None
    radeon_software: str | None = None


class Gpu(Strict):
    """A GPU on the PCI bus. Without a driver it is one that Windows has no driver for (code 28)."""

    name: str
    vendor: Vendor
    device: Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{4}$")] = "0000"
    id: str | None = None  # a whole PNPDeviceID, for what does not hang on the PCI bus
    subsystem: Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{8}$")] = "00000000"
    revision: Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{2}$")] = "A1"
    instance: str | None = None
    location: tuple[int, int, int] | None = None
    memory: Annotated[int, Field(ge=0)] | None = None
    adapter_ram: int | None = None
    driver: Driver | Literal["basic"] | None
    problem_code: Annotated[int, Field(ge=0, le=60)] | None = None
    matching_id: str | None = None
    uuid: str | None = None
    driver_model: Literal["WDDM", "TCC", "MCDM"] = "WDDM"
    cuda: str = "12.9"
    utilization: Annotated[int, Field(ge=0, le=100)] = 0
    memory_used: Annotated[int, Field(ge=0)] = 500 * 2**20
    says: Literal["ok", "err", "lost"] = "ok"


class StaleKey(Strict):
    """A key of the display class that a removed card left behind."""

    name: str
    provider: str
    version: str
    matching_id: str
    memory: int | None = None
    inf: str = "oem9.inf"


class Os(Strict):
    """Windows."""

    caption: str = "Microsoft Windows 11 Pro"
    build: int = 22631
    revision: int = 4602
    display_version: str = "23H2"
    edition: str = "Professional"
    language: str = "en-US"
    architecture: Literal["x86_64", "x86", "arm64"] = "x86_64"
    kind: Literal["workstation", "server", "domain_controller"] = "workstation"
    booted: str = "2026-11-20T06:00:00Z"


class Machine(Strict):
    """The PC around it."""

    manufacturer: str = "Dell Inc."
    model: str = "OptiPlex 7010"
    memory: int = 32 * GIB
    processor: str = "13th Gen Intel(R) Core(TM) i7-13700"
    cores: int = 16
    logical_processors: int = 24
    virtualization: bool | None = True
    hypervisor: bool = False


class Distribution(Strict):
    """A distribution registered for the user that Ansible logs on as, or for `owner` (a SID)."""

    name: str
    version: Literal[1, 2] = 2
    uid: int = 1000
    state: Literal["installed", "installing", "uninstalling"] = "installed"
    owner: Annotated[str | None, Field(pattern=r"^S-1-[0-9-]+$")] = None


class Wsl(Strict):
    """WSL; `version` null: not installed. `latest` is what `wsl --update` finds; empty: it reaches nobody.

    `disabled` are services that somebody has disabled (wslservice), `broken` is the code with which its machine does
    not start, `gpu_support` false what keeps the GPU from its guests.
    `lists` are DistributionListUrl and DistributionListUrlAppend, addresses of the lab's own lists.
    """

    version: str | None = None
    latest: str = ""
    kernel: str = "6.6.87.2-1"
    distributions: list[Distribution] = []
    default: str | None = None
    policies: dict[str, int] | None = None
    lists: dict[str, str] = {}
    inbox: bool = True
    answer: Literal["version", "error", "hang"] = "version"
    error: str = "Wsl/0x80040154"
    disabled: list[Literal["wslservice"]] = []
    broken: str = ""
    gpu_support: bool = True


class WindowsUpdate(Strict):
    """Windows Update. `drivers`: what it has for a GPU by its device number, such as `32.0.15.8097` or with `restart`.

    `licence`: it asks for one; `server`: whom the PC asks by policy; `off`: a policy forbids it.
    """

    drivers: dict[str, str] = {}
    licence: bool = False
    server: str = ""
    off: bool = False


class Interpreter(Strict):
    """A Python on the PC."""

    path: str
    version: str
    source: Literal["registry", "path", "home"] = "registry"
    machine: int = 34404


class Environment(Strict):
    """What gpuready built earlier."""

    stack: str
    lock_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    python: str = "3.10.11"
    state: Literal["current", "old", "building"] = "current"
    passed: dict[str, Any] | None = None


class Training(Strict):
    """What the trainer would do here. Without an outcome it is what the PC has: a GPU that works trains."""

    outcome: Outcome | None = None
    samples_per_second: float = 3200
    adapter_name: str | None = None
    seconds: float = 12.1


class Fault(Strict):
    """Something that goes wrong.

    `on`: a module (short name) or program; `times`: how often, null for always; `size`: bytes of what it says.
    """

    kind: FaultKind
    on: str | None = None
    times: Annotated[int, Field(ge=1)] | None = None
    seconds: Annotated[float, Field(ge=0)] = 0.0
    text: str = ""
    code: str = ""
    size: Annotated[int, Field(ge=0)] = 0
    after: Annotated[int, Field(ge=0)] = 0

    def failure(self) -> dict[str, Any]:
        """The result of a module that is told to fail: as long as it is asked for."""
        said = self.text or "simlab: it was told to fail"
        result: dict[str, Any] = {"failed": True, "changed": False, "msg": said * max(self.size // len(said), 1)}
        return result | ({"code": self.code} if self.code else {})

    @model_validator(mode="after")
    def _strikes(self) -> Fault:
        if self.kind.startswith("program_"):
            if not (self.on or "").lower().endswith(".exe"):
                raise ValueError(f"{self.kind} needs `on`: the program, such as nvidia-smi.exe")
        elif self.on is not None:
            known = OPERATIONS if self.kind == "quota" else STRUCK
            if self.on not in known:
                raise ValueError(f"`on` {self.on} is none of {', '.join(known)}")
        return self


class Expect(Strict):
    """How the PC must end, by playbook: the verdict's state and code."""

    state: State
    code: str | None = None


class Connection(Strict):
    """How the PC is reached."""

    transport: Literal["basic", "ntlm"] = "basic"
    tls: bool = False
    port: Annotated[int, Field(ge=1, le=65535)] | None = None


class Disk(Strict):
    """Drive C:, bytes."""

    free: int = 200 * GIB
    total: int = 500 * GIB


class Pc(Strict):
    """One PC."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    address: str | None = None
    note: str = ""
    connection: Connection = Connection()
    variables: dict[str, Any] = {}
    os: Os = Os()
    machine: Machine = Machine()
    gpus: list[Gpu] = []
    virtual_adapters: list[Literal["remote", "hyper_v", "vmware", "displaylink", "mirror", "phantom"]] = []
    stale_keys: list[StaleKey] = []
    wsl: Wsl = Wsl()
    features: dict[str, Literal["Enabled", "Disabled", "EnablePending", "DisablePending"]] = {
        "VirtualMachinePlatform": "Disabled",
        "Microsoft-Windows-Subsystem-Linux": "Disabled",
        "Microsoft-Hyper-V": "Disabled",
    }
    users: list[str] = []
    windows_update: WindowsUpdate = WindowsUpdate()
    disk: Disk = Disk()
    nvidia_smi: Literal["auto", "missing", "no_driver"] = "auto"
    vc_runtime: str | None = "14.40.33810.0"
    pending_reboot: list[Literal["cbs", "packages", "windows_update", "file_renames", "computer_name", "wsl"]] = []
    uv: str | None = None
    interpreters: list[Interpreter] = []
    environments: list[Environment] = []
    home_owner: Annotated[str | None, Field(pattern=r"^S-1-[0-9-]+$")] = None
    training: Training = Training()
    faults: list[Fault] = []
    expect: dict[str, Expect] = {}

    @field_validator("address")
    @classmethod
    def _loopback(cls, value: str | None) -> str | None:
        if value is not None and not ipaddress.IPv4Address(value).is_loopback:
            raise ValueError("a simulated PC listens on 127.x.y.z only")
        return value


class Scenario(Strict):
    """A lab."""

    schema_version: Literal[1] = 1
    user: str = "labadmin"
    password: str = "S3cret!"  # noqa: S105 - the password of PCs that do not exist
    pcs: Annotated[list[Pc], Field(min_length=1)]

    @model_validator(mode="after")
    def _distinct(self) -> Scenario:
        names, addresses = [pc.name.lower() for pc in self.pcs], [pc.address for pc in self.pcs if pc.address]
        for what, values in (("name", names), ("address", addresses)):
            twice = next((value for value in values if values.count(value) > 1), None)
            if twice:
                raise ValueError(f"two PCs have the {what} {twice}")
        return self
