# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Codes of frameworks, drivers and WSL: code -> (cause, next step), and the words by which they are known.

From the threads and pages of Microsoft, NVIDIA and AMD: each pattern is a fixed part of a program's English output or an error
code, never a localized text.
"""

from __future__ import annotations

_DRIVER = "Install a current driver of the GPU's vendor, restart and run again."
_WSL_UPDATE = "Run wsl --update and wsl --shutdown on the PC, check with wsl -l -v that the distribution is of WSL 2, and run again."
_PURGE = "Remove NVIDIA's Linux driver from the distribution (apt purge 'nvidia-*' 'libnvidia-*'): in WSL the driver is the Windows one."

REMEDIES: dict[str, tuple[str, str]] = {
    "DIRECTML_NO_ADAPTER": ("DirectML found no GPU that it can use", "Install a current driver of the GPU's vendor (DirectX 12), clear DML_VISIBLE_DEVICES, and run again."),
    "DIRECTML_MISSING": ("DirectML's library cannot be loaded", "Reinstall the environment (state absent, then provision); in WSL run wsl --update and wsl --shutdown."),
    "D3D12_MISSING": ("libd3d12.so cannot be loaded: WSL gives no GPU to the distribution", _WSL_UPDATE),
    "DXCORE_FAILED": ("DXCore cannot reach the GPU", _WSL_UPDATE),
    "GPU_REMOVED": ("Windows took the GPU away in the middle (TDR: a computation of more than 2 seconds)", _DRIVER),
    "OUT_OF_MEMORY": ("the GPU or the PC ran out of memory", "Close programs that use the GPU or much memory, and run again."),
    "PLUGIN_MISMATCH": ("the plugin does not fit this TensorFlow", "Reinstall the environment from its lock (state absent, then provision)."),
    "PROTOBUF_MISMATCH": ("protobuf does not fit this TensorFlow", "Reinstall the environment from its lock (state absent, then provision)."),
    "H5PY_MISMATCH": ("h5py does not fit this TensorFlow", "Reinstall the environment from its lock (state absent, then provision)."),
    "TORCH_MISMATCH": ("torch-directml does not fit this PyTorch", "Reinstall the environment from its lock (state absent, then provision)."),
    "FRAMEWORK_IMPORT": ("the framework cannot be imported", "Reinstall the environment (state absent, then provision); on Windows check the Visual C++ runtime."),
    "CUDA_DRIVER_OLD": ("the NVIDIA driver is too old for this CUDA", _DRIVER),
    "CUDA_NO_DEVICE": ("CUDA finds no GPU", "Check nvidia-smi on the PC; " + _PURGE),
    "CUDA_NO_KERNEL": ("this PyTorch has no code for this GPU", "Let gpuready choose the lock (gpuready_stack: auto), or bring a lock for this GPU."),
    "GPU_BLOCKED": ("Windows gives no access to the GPU (TCC mode, or a Linux driver in the distribution)", "Switch the GPU to WDDM. " + _PURGE),
    "NVIDIA_NO_DRIVER": ("nvidia-smi cannot reach NVIDIA's driver", "Reinstall NVIDIA's driver and restart. In WSL: " + _PURGE),
    "NVML_MISSING": ("NVIDIA's management library is not found", _PURGE),
    "NVML_MISMATCH": ("NVIDIA's library and driver are of different versions", "Restart the PC. In WSL: " + _PURGE),
    "PINNED_MEMORY": ("WSL's limit for pinned memory is reached", "Use pin_memory=False or smaller batches; raise memory= in .wslconfig."),
    "VIRTUALIZATION_OFF": ("virtualization is off", "Switch on Intel VT-x or AMD SVM in the firmware and the feature VirtualMachinePlatform, and restart."),
    "WSL_FEATURE_OFF": ("the Windows feature for WSL is off", "Run wsl --install --no-distribution as administrator, and restart."),
    "WSL_FEATURE_BLOCKED": ("a feature that WSL needs is missing or blocked", "Enable VirtualMachinePlatform; reset the exploit protection of vmcompute.exe and vmwp.exe."),
    "WSL_KERNEL_MISSING": ("WSL's kernel is missing or old", "Run wsl --update as administrator."),
    "WSL_LOCAL_SYSTEM": ("WSL does not run as LocalSystem", "Connect as the user whose distribution it is."),
    "WSL_SESSION": ("wsl.exe of Windows does not run in a remote session", r"Update WSL to 2.0 or later and call C:\Program Files\WSL\wsl.exe."),
    "WSL_BROKEN": ("WSL's installation is damaged", "Install the newest WSL package (wsl.x64.msi)."),
    "WSL_SERVICE_DISABLED": ("WSL's service is disabled", "Run sc.exe config wslservice start= demand."),
    "WSL_POLICY": ("a policy forbids WSL", "Ask who keeps the policies to set AllowWSL, or use native Windows."),
    "WSL_NO_DISTRIBUTION": ("no distribution is registered for this user", "Import one as this user (wsl --import)."),
    "WSL_DISK_LOCKED": ("the distribution's disk is in use", "Run wsl --shutdown and run again."),
    "WSL_DISK_CORRUPTED": ("the distribution's disk is damaged", "Restore the distribution from its export."),
    "WSL_VM_CRASHED": ("WSL's machine crashed", "Run wsl --update and wsl --shutdown; try [wsl2] gpuSupport=false to tell the driver's part."),
    "WSL_GPU_SETUP": ("WSL could not give the GPU to its machine", "Repair the GPU's Windows driver; boot once with [wsl2] gpuSupport=false to tell the driver's part."),
    "WSL_OS_OLD": ("this Windows is too old for the WSL package", "Install the current updates of Windows."),
    "COMPONENT_STORE": ("Windows' component store is damaged", "Run DISM /Online /Cleanup-Image /RestoreHealth and sfc /scannow."),
    "LOGON_RIGHT": ("virtual machines lost the right to log on as a service", "Give NT VIRTUAL MACHINE\\Virtual Machines SeServiceLogonRight in the group policy."),
    "ROCM_MISSING": ("ROCm does not reach the GPU", "Use a DirectML stack: ROCm is no stack of this version."),
}  # fmt: skip

PATTERNS: list[tuple[str, str]] = [
    ("DIRECTML_NO_ADAPTER", r"found 0 compatible adapters|no DirectML adapter"),
    ("GPU_REMOVED", r"DXGI_ERROR_DEVICE_(REMOVED|HUNG|RESET)|0x887a000[1567]"),
    ("OUT_OF_MEMORY", r"out of memory|CUDA_ERROR_OUT_OF_MEMORY|OOM when allocating|ResourceExhausted|Could not allocate tensor|not enough memory|E_OUTOFMEMORY|0x8007000e|\bMemoryError\b|bad_alloc"),
    ("D3D12_MISSING", r"libd3d12\.so"),
    ("DXCORE_FAILED", r"DXCoreCreateAdapterFactory|libdxcore\.so"),
    ("PLUGIN_MISMATCH", r"tfdml_plugin\.(dll|so)"),
    ("DIRECTML_MISSING", r"Could not load dynamic library '?(lib)?directml|DirectML\.dll|libdirectml"),
    ("PROTOBUF_MISMATCH", r"Descriptors cannot (not )?be created directly"),
    ("H5PY_MISMATCH", r"'str' object has no attribute 'decode'"),
    ("TORCH_MISMATCH", r"torch_directml_native.*undefined symbol|torch_directml_native.*procedure could not be found"),
    ("OPERATOR_UNSUPPORTED", r"CompileGraph|but got: PrivateUse1|not currently (implemented|supported) (for|on) the DML|Call failed\.|No OpKernel was registered|Cannot assign a device for operation|DirectML scatter doesn't allow|Unknown error -2147467259"),
    ("CUDA_DRIVER_OLD", r"CUDA driver version is insufficient|cudaErrorInsufficientDriver|driver on your system is too old"),
    ("CUDA_NO_KERNEL", r"no kernel image is available|CUDA_ERROR_INVALID_PTX"),
    ("CUDA_NO_DEVICE", r"CUDA_ERROR_NO_DEVICE|no CUDA-capable device|No CUDA GPUs are available|Found no NVIDIA driver"),
    ("GPU_BLOCKED", r"GPU access blocked by the operating system"),
    ("NVML_MISMATCH", r"Driver/library version mismatch"),
    ("NVML_MISSING", r"couldn't find libnvidia-ml\.so|could not load NVML|Failed to initialize NVML: N/A"),
    ("NVIDIA_NO_DRIVER", r"couldn't communicate with the NVIDIA driver|Driver Not Loaded"),
    ("PINNED_MEMORY", r"could not allocate pinned host memory|cudaHostAlloc"),
    ("VIRTUALIZATION_OFF", r"0x80370102|HCS_E_HYPERV_NOT_INSTALLED"),
    ("WSL_FEATURE_BLOCKED", r"0x80370114|0x8004032D|WSL_E_VIRTUAL_MACHINE_PLATFORM_REQUIRED"),
    ("WSL_FEATURE_OFF", r"0x8007019e|0x80040321|WSL_E_WSL_OPTIONAL_COMPONENT_REQUIRED|0x80040154"),
    ("WSL_KERNEL_MISSING", r"0x800701bc|(?<![0-9a-f])0x1bc\b"),
    ("WSL_LOCAL_SYSTEM", r"0x8004032E|WSL_E_LOCAL_SYSTEM_NOT_SUPPORTED"),
    ("WSL_SESSION", r"Wsl/E_ACCESSDENIED|file cannot be accessed by the system"),
    ("WSL_BROKEN", r"Wsl/CallMsi/.*REGDB_E_CLASSNOTREG|WSL installation (appears|seems) to be corrupted"),
    ("WSL_SERVICE_DISABLED", r"Wsl/0x80070422"),
    ("WSL_POLICY", r"ERROR_ACCESS_DISABLED_BY_POLICY|disabled by the computer policy"),
    ("WSL_NO_DISTRIBUTION", r"0x8004030[12]\b|WSL_E_(DEFAULT_)?DISTRO_NOT_FOUND"),
    ("WSL_DISK_LOCKED", r"Wsl/.*0x80070020|ERROR_SHARING_VIOLATION"),
    ("WSL_DISK_CORRUPTED", r"0x8004032F|WSL_E_DISK_CORRUPTED"),
    ("WSL_VM_CRASHED", r"0x80040332|WSL_E_VM_CRASHED"),
    ("WSL_GPU_SETUP", r"/ConfigureGpu/"),
    ("WSL_OS_OLD", r"0x80040327|WSL_E_OS_NOT_SUPPORTED"),
    ("COMPONENT_STORE", r"0x80073712|0x80073701|0x800f0831"),
    ("LOGON_RIGHT", r"0x80070569"),
    ("ROCM_MISSING", r"hsa_init Failed|ROCk module is NOT loaded|ROCR: unsupported GPU"),
    ("FRAMEWORK_IMPORT", r"\b(ModuleNotFoundError|ImportError)\b|DLL load failed"),
]  # fmt: skip
