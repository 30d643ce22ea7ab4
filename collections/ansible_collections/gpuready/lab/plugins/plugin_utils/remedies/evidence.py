# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Codes of pieces of evidence that could not be had (docs/evidence.md): code -> (cause, next step).

They say why something is not known. They never make a PC ready, and never alone make it not ready.
"""

from __future__ import annotations

_AGAIN = "Run again; if it stays so, look at this piece on the PC."
_SMI = "Run nvidia-smi -q -x on the PC; reinstall NVIDIA's driver and restart if it fails there too."

REMEDIES: dict[str, tuple[str, str]] = {
    "ACCESS_DENIED": ("the account may not read this", "Use an account with administrator's rights on the PC."),
    "CIM_CLASS_MISSING": ("Windows has no such class of management data", "Repair WMI (winmgmt /verifyrepository) if the class belongs to this Windows."),
    "CIM_FAILED": ("Windows' management service failed on this question", "Restart the service Winmgmt, check it with winmgmt /verifyrepository, and run again."),
    "CIM_SKIPPED": ("this was not asked, since Windows' management service hangs", "Restart the PC or its service Winmgmt, and run again."),
    "CIM_TIME_LIMIT": ("Windows' management service did not answer in time", "Restart the PC or its service Winmgmt, and run again."),
    "COLLECTION_FAILED": ("this piece of evidence could not be collected", _AGAIN),
    "DXG_VENDOR_UNKNOWN": ("a WSL guest cannot tell the vendor of its GPU", "Look at the PC from its Windows side for the vendor."),
    "FILE_UNREADABLE": ("a file of gpuready on the PC cannot be read", "Run gpuready provision, which writes it anew."),
    "NVIDIA_DRIVER_MISMATCH": ("NVIDIA's library and driver are of different versions", "Restart the PC and run again."),
    "NVIDIA_DRIVER_NOT_RUNNING": ("NVIDIA's driver does not run", "Reinstall NVIDIA's driver, restart and run again."),
    "NVIDIA_GPU_BLOCKED": ("the operating system blocks the NVIDIA GPU", "Switch the GPU to WDDM, run wsl --update, and run again."),
    "NVIDIA_GPU_ERROR": ("nvidia-smi reports an error of the GPU", "Restart the PC; if it stays so, check the card, its power and its slot."),
    "NVIDIA_NO_DEVICES": ("nvidia-smi finds no GPU", "Check that the card is seated and its driver installed, restart and run again."),
    "NVIDIA_SMI_DAMAGED": ("nvidia-smi's answer is damaged", _SMI),
    "NVIDIA_SMI_EMPTY": ("nvidia-smi answered nothing", _SMI),
    "NVIDIA_SMI_FAILED": ("nvidia-smi failed", _SMI),
    "NVIDIA_SMI_INCOMPLETE": ("nvidia-smi's answer lacks a part", _SMI),
    "NVIDIA_SMI_NOT_PERMITTED": ("the account may not ask nvidia-smi", "Use an account with administrator's rights on the PC."),
    "NVIDIA_SMI_TRUNCATED": ("nvidia-smi's answer ends in the middle", _SMI),
    "NVIDIA_SMI_UNREADABLE": ("nvidia-smi's answer cannot be read", _SMI),
    "NVIDIA_SMI_VALUE": ("nvidia-smi gave a value that makes no sense", _SMI),
    "NVIDIA_SMI_WARNING": ("nvidia-smi warns", "Look at its words in the details."),
    "PIECE_MALFORMED": ("a piece of the evidence has an unexpected shape", "Look at the PC again with this version of gpuready."),
    "PIECE_MISSING": ("a piece of the evidence is missing", "Look at the PC again with this version of gpuready."),
    "PROGRAM_NOT_STARTED": ("a program could not be started on the PC", "Start it by hand on the PC to see why (rights, application control, a damaged file)."),
    "TIME_LIMIT": ("a program on the PC did not end in time", "Look for a hanging program on the PC, restart it when nobody uses it, and run again."),
    "UV_UNREADABLE": ("uv on the PC did not tell its version", "Remove that uv.exe; gpuready brings its own."),
    "WSL_OUTPUT_UNREADABLE": ("the answer of wsl.exe cannot be read", "Run wsl --version on the PC, and wsl --update if it fails."),
}  # fmt: skip
