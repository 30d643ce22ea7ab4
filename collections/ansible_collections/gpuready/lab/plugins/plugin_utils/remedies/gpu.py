# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Codes of frameworks and of GPU drivers: code -> (cause, next step), and the words by which they are known.

From the threads and pages of Microsoft, NVIDIA and AMD: each pattern is a fixed part of a program's English output or an error
code, never a localized text.
"""

from __future__ import annotations

_DRIVER = "Install a current driver of the GPU's vendor, restart and run again."
_REINSTALL = "Reinstall the environment from its lock (state absent, then provision)."
_PURGE = "Remove NVIDIA's Linux driver from the distribution (apt purge 'nvidia-*' 'libnvidia-*'): in WSL the driver is the Windows one."

REMEDIES: dict[str, tuple[str, str]] = {
    "DIRECTML_NO_ADAPTER": ("DirectML found no GPU that it can use", "Install a current driver of the GPU's vendor (DirectX 12), clear DML_VISIBLE_DEVICES, and run again."),
    "DIRECTML_ONE_ADAPTER": ("the DirectML plugin uses one GPU only", "Set gpuready_adapter to the GPU that shall train, and run again."),
    "DIRECTML_MISSING": ("DirectML's library cannot be loaded", "Reinstall the environment (state absent, then provision); in WSL run wsl --update and wsl --shutdown."),
    "GPU_REMOVED": ("Windows took the GPU away in the middle (TDR: a computation of more than 2 seconds, or a failing driver)", _DRIVER + " If it stays so, raise TdrDelay or use smaller batches."),
    "OUT_OF_MEMORY": ("the GPU or the PC ran out of memory", "Close programs that use the GPU or much memory, and run again."),
    "PLUGIN_MISMATCH": ("the DirectML plugin does not fit this TensorFlow (it needs 2.10)", _REINSTALL),
    "PROTOBUF_MISMATCH": ("protobuf does not fit this TensorFlow", _REINSTALL),
    "H5PY_MISMATCH": ("h5py does not fit this TensorFlow", _REINSTALL),
    "TORCH_MISMATCH": ("torch-directml does not fit this PyTorch", _REINSTALL),
    "TORCH_DIRECTML_OLD_IDIOM": ("the program names the device as the old pytorch-directml did", "Use torch_directml.device() instead of the device 'dml'."),
    "FRAMEWORK_IMPORT": ("the framework cannot be imported", "Reinstall the environment (state absent, then provision); on Windows check the Visual C++ runtime."),
    "NEEDS_PYTHON_37": ("tensorflow-directml has packages for Python 3.6 and 3.7 on x86-64 alone", "Let gpuready choose the interpreter (gpuready_stack: tensorflow-directml), or lock for Python 3.7."),
    "NEEDS_PYTHON_310": ("tensorflow-directml-plugin has packages for Python 3.7 to 3.10 alone", "Let gpuready choose the interpreter (gpuready_stack: tensorflow-directml-plugin), or lock for Python 3.10."),
    "GAST_SOURCE_ONLY": ("gast 0.2.2, which TensorFlow 1.15 needs, exists as source only", "Put a wheel of gast 0.2.2 into the wheelhouse, or let the PC reach the index for setuptools."),
    "CUDA_DRIVER_OLD": ("the NVIDIA driver is too old for this CUDA", "Install a current NVIDIA driver and restart; WSL needs Windows 10 21H2 or later and a distribution of WSL 2. Then run again."),
    "CUDA_NO_DEVICE": ("CUDA finds no GPU", "Check nvidia-smi on the PC; unset CUDA_VISIBLE_DEVICES. In WSL: " + _PURGE),
    "CUDA_NO_KERNEL": ("this PyTorch has no code for this GPU", "Let gpuready choose the lock (gpuready_stack: auto), or bring a lock for this GPU (RTX 50 needs cu128 or later)."),
    "NVIDIA_NO_DRIVER": ("nvidia-smi cannot reach NVIDIA's driver", "Reinstall NVIDIA's driver and restart. In WSL: " + _PURGE),
    "NVML_MISSING": ("NVIDIA's management library is not found", "Check /etc/ld.so.conf.d/ld.wsl.conf and run ldconfig in the guest; on Windows reinstall NVIDIA's driver."),
    "NVML_FAILED": ("NVIDIA's management library cannot start", "In WSL: " + _PURGE + " Elsewhere reinstall NVIDIA's driver and restart."),
    "NVML_MISMATCH": ("NVIDIA's library and driver are of different versions", "Restart the PC. In WSL: " + _PURGE),
    "NVIDIA_SMI_CRASHED": ("nvidia-smi crashes, as it does with some Windows drivers from 551 to 560", "Install another branch of NVIDIA's Windows driver, restart and run again."),
    "NVIDIA_CUDA_ERR": ("nvidia-smi shows ERR! for CUDA: libraries and driver do not fit each other", "After a driver update run nvidia-ctk cdi generate anew; in WSL try a fresh distribution. " + _PURGE),
}  # fmt: skip

# A log also says what it loaded: "Successfully opened dynamic library directml.dll".
_NOT_LOADED = "could not|cannot|can't|fail|error|unable|not found|no such|missing"
PATTERNS: list[tuple[str, str]] = [
    ("DIRECTML_NO_ADAPTER", r"found 0 compatible adapters|no DirectML adapter"),
    ("GPU_REMOVED", r"DXGI_ERROR_DEVICE_(REMOVED|HUNG|RESET)|0x887a000[1567]|GPU device instance has been suspended"),
    ("GUEST_MEMORY", r"oom-kill|Out of memory: Killed process|^\s*Killed\s*$"),
    ("OUT_OF_MEMORY", r"out of memory|CUDA_ERROR_OUT_OF_MEMORY|OOM when allocating|ResourceExhausted|Could not allocate tensor|not enough memory|not enough GPU (video )?memory|E_OUTOFMEMORY|0x8007000e|\bMemoryError\b|bad_alloc|[Cc]an(?:no|')t allocate memory|Unable to allocate"),
    ("DIRECTML_ONE_ADAPTER", r"doesn't support multiple devices yet"),
    ("PLUGIN_MISMATCH", r"tfdml_plugin\.(dll|so)"),
    ("DIRECTML_MISSING", rf"(?:{_NOT_LOADED})[^\n]*(?:DirectML[\w.]*\.dll|libdirectml)|(?:DirectML[\w.]*\.dll|libdirectml)[^\n]*(?:{_NOT_LOADED})"),
    ("PROTOBUF_MISMATCH", r"Descriptors cannot (not )?be created directly"),
    ("H5PY_MISMATCH", r"'str' object has no attribute 'decode'"),
    ("TORCH_MISMATCH", r"torch_directml_native.*(undefined symbol|procedure could not be found)"),
    ("DIRECTML_MISSING", r"DLL load failed while importing torch_directml_native"),
    ("TORCH_DIRECTML_OLD_IDIOM", r"device type at start of device string: dml|has no attribute 'dml'"),
    ("NEEDS_PYTHON_310", r"No matching distribution found for tensorflow-directml-plugin"),
    ("NEEDS_PYTHON_37", r"No matching distribution found for tensorflow-directml(?![-\w])"),
    ("GAST_SOURCE_ONLY", r"No matching distribution found for gast==0\.2\.2|gast==0\.2\.2 has no (usable )?wheels"),
    ("OPERATOR_UNSUPPORTED", r"CompileGraph|but got: PrivateUse1|not currently (implemented|supported) (for|on) the DML|Call failed\.|No OpKernel was registered|Could not satisfy device specification|Cannot assign a device for operation|DirectML scatter doesn't allow|Unknown error -2147467259|Could not run 'aten::[^']+' with arguments from the '(PrivateUse1|DML)' backend"),
    ("CUDA_DRIVER_OLD", r"CUDA driver version is insufficient|cudaErrorInsufficientDriver|driver on your system is too old|cuda\w* returned 35\b|\breturned 35\b"),
    ("CUDA_NO_KERNEL", r"no kernel image is available|CUDA_ERROR_INVALID_PTX|cudaErrorNoKernelImageForDevice"),
    ("CUDA_NO_DEVICE", r"CUDA_ERROR_NO_DEVICE|no CUDA-capable device|No CUDA GPUs are available|Found no NVIDIA driver|Call to cuInit results in"),
    ("NVIDIA_SMI_CRASHED", r"nvidia-smi.*segmentation fault|segmentation fault.*nvidia-smi"),
    ("NVIDIA_CUDA_ERR", r"CUDA (UMD )?Version\s*:\s*ERR!"),
    ("NVML_MISMATCH", r"Driver/library version mismatch"),
    ("NVML_MISSING", r"couldn't find libnvidia-ml\.so|could not load NVML"),
    ("NVIDIA_NO_DRIVER", r"couldn't communicate with the NVIDIA driver|Driver Not Loaded"),
    ("NVML_FAILED", r"Failed to initialize NVML"),
    ("PINNED_MEMORY", r"\bpin_memory\b"),
]  # fmt: skip

# After everything else: the words of an import say that it failed, seldom why.
LAST_PATTERNS: list[tuple[str, str]] = [
    ("FRAMEWORK_IMPORT", r"\b(ModuleNotFoundError|ImportError)\b|DLL load failed|\[WinError 12[67]\]"),
    ("CRASHED", r"access violation|[Ss]egmentation fault"),
]
