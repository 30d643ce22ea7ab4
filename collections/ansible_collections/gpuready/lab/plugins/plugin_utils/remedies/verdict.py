# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Codes of verdicts and of trainings: code -> (cause, next step)."""

from __future__ import annotations

_DRIVER = "Update the GPU's driver, restart and run again"

VERDICTS: dict[str, tuple[str, str]] = {
    "TRAINED": ("trained on the GPU; every check passed", ""),
    "SLOW": ("trains on the GPU, but slower than it must", "Check power plan, cooling and what else uses the GPU; lower gpu_verify_throughput_floor only if this speed is enough."),
    "NO_GPU": ("there is no GPU that a stack here can train on", "Use a PC with an NVIDIA GPU, or with Windows and a GPU of any vendor."),
    "SIMULATED": ("the PC says that it is simulated, and the inventory does not", "Set gpuready_simulated: true for a simulated lab; a real lab must not hold simulated PCs."),
    "NOT_VERIFIED": ("nothing was trained in this run", "Run gpuready provision, or gpuready verify if the stack is installed."),
    "NOT_INSTALLED": ("the stack is not installed on this PC", "Run gpuready provision."),
    "CHECK_MODE": ("this was a check: nothing was trained", "Run without --check."),
    "PASS_STALE": ("it passed, but something has changed since", "Run gpuready verify."),
    "PASS_TOO_OLD": ("its last pass is too old to count", "Run gpuready verify."),
    "EVIDENCE_INCOMPLETE": ("the evidence of the training is missing or contradicts itself", "Run again; if it stays so, look at the details in the report."),
}  # fmt: skip

TRAINING: dict[str, tuple[str, str]] = {
    "CPU_FALLBACK": ("the training ran on the processor, not on the GPU", f"{_DRIVER}; the details have the framework's own words."),
    "WRONG_ADAPTER": ("another GPU trained than the planned one", "Set gpuready_adapter to the GPU that shall train, or disable the other one."),
    "OPERATOR_UNSUPPORTED": ("the GPU or its driver cannot do an operation of the training", f"{_DRIVER}; if it stays so, choose another stack with gpuready_stack."),
    "NOT_FINITE": ("the training gave numbers that are not finite", f"{_DRIVER}; if it stays so, test the card and do not train on it."),
    "LOSS_NOT_FALLING": ("the loss did not fall: the GPU trains but learns nothing", f"{_DRIVER}; if it stays so, test the card."),
    "LABELS_NOT_LEARNED": ("the network did not learn its labels", f"{_DRIVER}; if it stays so, test the card."),
    "REFERENCE_DISAGREES": ("the GPU computes other losses than the processor", f"{_DRIVER}; if it stays so, do not train on this GPU."),
    "BATCHNORM_WRONG": ("the GPU computes wrong BatchNorm statistics", f"{_DRIVER} (known of Intel's), or choose another stack with gpuready_stack."),
    "TIMED_OUT": ("the training did not end in time", "Close programs that use the GPU, or raise gpu_verify_time_limit, and run again."),
    "ACCESS_VIOLATION": ("the training died of an access violation", "Update the GPU's driver and reinstall the environment (state absent, then provision)."),
    "ILLEGAL_INSTRUCTION": ("the processor lacks an instruction that the framework needs (AVX)", "Use a PC with a newer processor; in a virtual machine pass the host's processor on."),
    "CRASHED": ("the training crashed", f"{_DRIVER}; its last words stand in the details."),
    "KILLED": ("the training was killed from outside", "Look for memory shortage or a security program that ends processes, and run again."),
    "OUTPUT_TRUNCATED": ("the training ended in the middle of its answer", "Run again; if it stays so, look for a program that ends processes on the PC."),
    "TRAINING_FAILED": ("the training ended with an error", f"{_DRIVER}; its last words stand in the details."),
}  # fmt: skip
