# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Causes of the codes that a plan gives; their next steps stand in plan_problems, and a plan's own words come before these."""

from __future__ import annotations

CAUSES: dict[str, str] = {
    "ADAPTER_AMBIGUOUS": "gpuready_adapter fits several GPUs of this PC",
    "ADAPTER_UNKNOWN": "gpuready_adapter fits no GPU of this PC",
    "ADAPTER_UNSUITABLE": "the stack cannot use the GPU that gpuready_adapter names",
    "ARCHITECTURE_UNSUPPORTED": "there are no packages for this PC's architecture",
    "BASIC_DRIVER": "the GPU runs on Windows' basic display driver, which only shows a picture",
    "COMPUTE_CAPABILITY_TOO_LOW": "the NVIDIA GPU is older than any CUDA build of the stack",
    "COMPUTE_CAPABILITY_UNKNOWN": "the NVIDIA GPU's compute capability could not be read",
    "DISK_SPACE": "there is less free disk space than the stack needs",
    "DRIVER_TOO_OLD": "the GPU's driver is older than the stack needs",
    "DRIVER_UNKNOWN": "the version of the GPU's driver could not be read",
    "FACTS_INCOMPLETE": "a fact that the choice stands on is not known",
    "GLIBC_TOO_OLD": "the C library of this Linux is older than the packages need",
    "GPU_DISABLED": "the GPU is disabled in Device Manager",
    "GPU_FAILING": "Windows has stopped the GPU because it reported problems",
    "GPU_NO_DRIVER": "the GPU has no driver",
    "GPU_RESTART_NEEDED": "the GPU's driver waits for a restart",
    "GPU_STATUS_UNKNOWN": "whether the GPU works could not be read",
    "LICENCE_WINDOWS_ONLY": "DirectML is licensed for Windows and WSL alone",
    "LIBRARY_NOT_SERVED": "no stack brings the library that is asked for to this PC",
    "NO_ADAPTER": "the PC has no GPU that can be seen",
    "NO_DXG": "the WSL guest has no /dev/dxg: Windows gives it no GPU",
    "NO_NVIDIA_GPU": "the PC has no NVIDIA GPU",
    "NO_STACK": "no stack fits this PC and these wishes",
    "NO_SUITABLE_GPU": "no stack knows the vendor of this PC's GPU",
    "OS_BUILD_TOO_OLD": "this Windows is older than the stack needs",
    "OS_UNSUPPORTED": "the PC runs neither Windows nor Linux",
    "TARGET_UNSUPPORTED": "the stack does not run in the environment that is asked for",
    "TCC_MODE": "the NVIDIA GPU is in TCC mode, in which neither DirectML nor WSL sees it",
    "VIRTUALIZATION_OFF": "virtualization is off, which WSL 2 needs",
    "WSL_KERNEL_TOO_OLD": "WSL's kernel is older than the stack needs",
    "WSL_POLICY": "a policy forbids WSL",
    "WSL_SETUP_MANUAL": "WSL 2 is not set up on this PC",
}
