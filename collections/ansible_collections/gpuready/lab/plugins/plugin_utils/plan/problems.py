# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What stands in the way of a stack on a PC: each with a code, the cause and the next step."""

from __future__ import annotations

from dataclasses import dataclass

from ..record import Blocker


@dataclass(frozen=True)
class Problem:
    """`fatal`: this stack cannot run there whatever is done to the PC, so it is no choice at all. Otherwise it is a
    choice that cannot be carried out yet."""

    code: str
    cause: str
    next_step: str
    fatal: bool = False

    def as_dict(self) -> Blocker:
        """A blocker of a plan."""
        return {"code": self.code, "cause": self.cause, "next_step": self.next_step}


NEXT_STEPS = {
    "ADAPTER_AMBIGUOUS": "Set gpuready_adapter to the index of one of them.",
    "ADAPTER_UNKNOWN": "Set gpuready_adapter to auto, an index, a vendor or a part of a name that this PC has.",
    "ADAPTER_UNSUITABLE": "Set gpuready_adapter or gpuready_stack so that they fit each other.",
    "ARCHITECTURE_UNSUPPORTED": "Use a PC with 64-bit Windows or Linux on x86-64: there are no packages for others.",
    "BASIC_DRIVER": "Install the driver of the GPU's vendor, restart the PC and run again.",
    "COMPUTE_CAPABILITY_TOO_LOW": "Use a newer NVIDIA GPU, or a DirectML stack on Windows.",
    "COMPUTE_CAPABILITY_UNKNOWN": "Make nvidia-smi work on the PC (reinstall NVIDIA's driver, restart) and run again.",
    "DISK_SPACE": "Free disk space on the PC and run again.",
    "DRIVER_TOO_OLD": "Install a current driver of the GPU's vendor, restart the PC and run again.",
    "DRIVER_UNKNOWN": "Reinstall the driver of the GPU's vendor, restart the PC and run again.",
    "FACTS_INCOMPLETE": "Look at the PC again; if it stays so, its problems in the report say what could not be read.",
    "GLIBC_TOO_OLD": "Upgrade the Linux distribution.",
    "GPU_DISABLED": "Enable the GPU in Device Manager (pnputil /enable-device) and run again.",
    "GPU_FAILING": "Reinstall the GPU's driver and restart; if it fails again, check the card, its power and its slot.",
    "GPU_NO_DRIVER": "Install the driver of the GPU's vendor, restart the PC and run again.",
    "GPU_RESTART_NEEDED": "Restart the PC and run again.",
    "GPU_STATUS_UNKNOWN": "Look at the GPU in Device Manager, or with lspci -k on Linux, then run again.",
    "LICENCE_WINDOWS_ONLY": "Use Windows or WSL 2 for this stack, or ask for another one on this PC.",
    "LIBRARY_NOT_SERVED": "Set gpuready_library to a library that a stack can bring to this PC, or to any.",
    "NO_ADAPTER": "Check that the PC has a GPU and the firmware enables it; a virtual machine needs one passed on.",
    "NO_DXG": "On Windows: wsl --update, wsl --shutdown; the distribution must be of WSL 2, with gpuSupport on.",
    "NO_NVIDIA_GPU": "Ask for a DirectML stack on Windows, or for the cpu stack, or use a PC with an NVIDIA GPU.",
    "NO_STACK": "Change the wishes: the rejected stacks say what stands against each.",
    "NO_SUITABLE_GPU": "Use a PC with an AMD, Intel or NVIDIA GPU, or set gpuready_stack to cpu.",
    "OS_BUILD_TOO_OLD": "Update Windows to a build that is new enough and run again.",
    "OS_UNSUPPORTED": "Use a PC with Windows or Linux.",
    "TARGET_UNSUPPORTED": "Set gpuready_environment to any, or to an environment that this PC and the stack have.",
    "TCC_MODE": "Switch the GPU to WDDM (nvidia-smi -dm 0 as administrator, restart) if the card can, or use Linux.",
    "VIRTUALIZATION_OFF": "Switch virtualization (Intel VT-x, AMD SVM) on in the firmware of the PC and run again.",
    "WSL_KERNEL_TOO_OLD": "Run wsl --update on the Windows side, then wsl --shutdown, and run again.",
    "WSL_POLICY": "Have the policy allow WSL (AllowWSL), or set gpuready_environment to windows.",
    "WSL_SETUP_MANUAL": "Set up WSL 2 by hand (wsl --install, restart) and run gpuready inside the guest.",
}


def problem(code: str, cause: str, next_step: str = "", fatal: bool = False) -> Problem:
    """A problem with the usual next step of its code, unless a better one is given."""
    return Problem(code, cause, next_step or NEXT_STEPS[code], fatal)
