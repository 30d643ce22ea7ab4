# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The numbers of errors in what programs print, in every spelling, by kind.

A number means the same in every language of Windows, a sentence does not: what a number says is looked for first.

number   HRESULT, NTSTATUS and WSMan's faults, 32 bits: `0x887A0005`, `887A0005`, `-2005270523`, `2289696773`
win32    Windows' error numbers: `[WinError 5]`, `os error 5`, `Win32ErrorCode 5`, `(Error code: 5)`, 0x80070005, and
         names (`ERROR_ACCESS_DENIED`)
errno    those of C and Linux: `[Errno 13]`, and `os error 13` where no path of Windows stands beside it (beside one of
         Linux it is that alone)
cuda     those of CUDA: `cudaGetDeviceCount() ... Error 46:`, `CUDA error 700`, `cuInit returned 999`, and names
         (`cudaErrorUnknown`, `CUDA_ERROR_UNKNOWN`)

What is read is others' text of any length: no expression here takes longer than the text is long.
"""

from __future__ import annotations

import re

# A word that begins with 8 or C and has eight hexadecimal digits may be a number without its 0x; part of a uuid is not.
_HEX = re.compile(r"\b0x(?:f{8})?([0-9a-f]{8})l?\b|(?<![\w-])([8c][0-9a-f]{7})(?![\w-])", re.IGNORECASE)
_SHORT = re.compile(r"\b(?:error|code|status|fehler)\W{1,4}0x0*([0-9a-f]{1,4})\b", re.IGNORECASE)
_SIGNED = re.compile(r"(?<![\w.-])-(\d{9,10})\b(?!\.\d)")
_UNSIGNED = re.compile(r"(?<![\w.-])([2-4]\d{9})\b(?!\.\d)")
# `error` in the languages in which Windows prints `System error 1260`; what stands around it is not read.
_ERROR = "error|erreur|errore|erro|fehler|fel|fejl|feil|virhe|chyba|hiba|hata|fout|błąd|ошибка|エラー|错误|錯誤|오류"
_WIN32 = re.compile(
    r"\b(?:WinError|Win32(?:Error(?:Code)?|Exception| error)?|NativeErrorCode|GetLastError\(?\)?|LastError"
    r"|Windows error|System error|wsmanfault_code|WSManFault[^\n]{0,160}?\bCode"
    r"|error code|failed with error|CreateProcess\w* error|(?<=\[)error)"
    r"(?: code| returned| is)?\W{1,4}(\d{1,5})\b(?!\.\d)"
    rf"|(?:{_ERROR})\W{{0,4}}(\d{{4,5}})\b(?!\.\d)",
    re.IGNORECASE,
)
_OS_ERROR = re.compile(r"\bos error (\d{1,5})\b", re.IGNORECASE)
_ERRNO = re.compile(r"\bErrno (\d{1,3})\b", re.IGNORECASE)
_NUMBER_OF_CUDA = re.compile(
    r"\b(?:error|failure|returned|failed with|code|status|result)(?: code)?[ :=(]{1,3}(\d{1,3})(?=[\s):,;.\](]|$)",
    re.IGNORECASE | re.MULTILINE,
)
_CUDA = re.compile(r"\b(?:lib)?(?:cuda|cu(?=init|ctx|device|mem|launch|module|driver))", re.IGNORECASE)
_BEFORE = 250  # characters of the same line in which CUDA is named before its number
_LINUX_PATH = re.compile(
    r"(?:^|[\s`'\"(=])/(?:opt|home|usr|tmp|var|root|mnt|media|srv|lib\w*|etc|run|dev|proc)/", re.MULTILINE
)
_WINDOWS_PATH = re.compile(r"\b[A-Za-z]:\\|\\\\[\w.-]+\\")
# What programs print instead of a number, each with the number it stands for.
_NAMES = {
    "ERROR_FILE_NOT_FOUND": 2,
    "ERROR_PATH_NOT_FOUND": 3,
    "ERROR_ACCESS_DENIED": 5,
    "ERROR_NOT_ENOUGH_MEMORY": 8,
    "ERROR_OUTOFMEMORY": 14,
    "ERROR_CRC": 23,
    "ERROR_SHARING_VIOLATION": 32,
    "ERROR_LOCK_VIOLATION": 33,
    "ERROR_HANDLE_DISK_FULL": 39,
    "ERROR_DISK_FULL": 112,
    "ERROR_MOD_NOT_FOUND": 126,
    "ERROR_PROC_NOT_FOUND": 127,
    "ERROR_BAD_EXE_FORMAT": 193,
    "ERROR_VIRUS_INFECTED": 225,
    "ERROR_VIRUS_DELETED": 226,
    "ERROR_INVALID_IMAGE_HASH": 577,
    "ERROR_ELEVATION_REQUIRED": 740,
    "ERROR_IO_DEVICE": 1117,
    "ERROR_DISK_QUOTA_EXCEEDED": 1295,
    "ERROR_LOGON_FAILURE": 1326,
    "ERROR_FILE_CORRUPT": 1392,
    "ERROR_DISK_CORRUPT": 1393,
    "ERROR_TIMEOUT": 1460,
    "ERROR_SXS_CANT_GEN_ACTCTX": 14001,
    "E_ACCESSDENIED": 0x80070005,
    "E_OUTOFMEMORY": 0x8007000E,
    "E_INVALIDARG": 0x80070057,
    "E_NOTIMPL": 0x80004001,
    "E_FAIL": 0x80004005,
    "REGDB_E_CLASSNOTREG": 0x80040154,
    "CRYPT_E_NO_REVOCATION_CHECK": 0x80092012,
    "CRYPT_E_REVOCATION_OFFLINE": 0x80092013,
    "SEC_E_UNTRUSTED_ROOT": 0x80090325,
    "CERT_E_EXPIRED": 0x800B0101,
    "CERT_E_UNTRUSTEDROOT": 0x800B0109,
    "CERT_E_CHAINING": 0x800B010A,
    "CERT_E_CN_NO_MATCH": 0x800B010F,
    "TRUST_E_NOSIGNATURE": 0x800B0100,
    "STATUS_ACCESS_VIOLATION": 0xC0000005,
    "STATUS_NO_MEMORY": 0xC0000017,
    "STATUS_DLL_NOT_FOUND": 0xC0000135,
    "STATUS_INVALID_IMAGE_FORMAT": 0xC000007B,
    "STATUS_INVALID_IMAGE_HASH": 0xC0000428,
}
# CUDA's numbers, each with what its runtime (cudaError...) and its driver (CUDA_ERROR_...) call it; `-`: nothing.
_CUDA_NAMES = """
1 InvalidValue INVALID_VALUE
2 MemoryAllocation OUT_OF_MEMORY
3 InitializationError NOT_INITIALIZED
4 CudartUnloading DEINITIALIZED
34 StubLibrary STUB_LIBRARY
35 InsufficientDriver -
36 CallRequiresNewerDriver CALL_REQUIRES_NEWER_DRIVER
46 DevicesUnavailable DEVICE_UNAVAILABLE
98 InvalidDeviceFunction -
100 NoDevice NO_DEVICE
101 InvalidDevice INVALID_DEVICE
102 DeviceNotLicensed DEVICE_NOT_LICENSED
127 StartupFailure -
200 InvalidKernelImage INVALID_IMAGE
201 DeviceUninitialized INVALID_CONTEXT
209 NoKernelImageForDevice NO_BINARY_FOR_GPU
214 ECCUncorrectable ECC_UNCORRECTABLE
216 DeviceAlreadyInUse CONTEXT_ALREADY_IN_USE
218 InvalidPtx INVALID_PTX
220 NvlinkUncorrectable NVLINK_UNCORRECTABLE
221 JitCompilerNotFound JIT_COMPILER_NOT_FOUND
222 UnsupportedPtxVersion UNSUPPORTED_PTX_VERSION
223 JitCompilationDisabled JIT_COMPILATION_DISABLED
226 Contained CONTAINED
302 SharedObjectSymbolNotFound SHARED_OBJECT_SYMBOL_NOT_FOUND
303 SharedObjectInitFailed SHARED_OBJECT_INIT_FAILED
304 OperatingSystem OPERATING_SYSTEM
500 SymbolNotFound NOT_FOUND
700 IllegalAddress ILLEGAL_ADDRESS
701 LaunchOutOfResources LAUNCH_OUT_OF_RESOURCES
702 LaunchTimeout LAUNCH_TIMEOUT
710 Assert ASSERT
714 HardwareStackError HARDWARE_STACK_ERROR
715 IllegalInstruction ILLEGAL_INSTRUCTION
716 MisalignedAddress MISALIGNED_ADDRESS
717 InvalidAddressSpace INVALID_ADDRESS_SPACE
718 InvalidPc INVALID_PC
719 LaunchFailure LAUNCH_FAILED
800 NotPermitted NOT_PERMITTED
801 NotSupported NOT_SUPPORTED
802 SystemNotReady SYSTEM_NOT_READY
803 SystemDriverMismatch SYSTEM_DRIVER_MISMATCH
804 CompatNotSupportedOnDevice COMPAT_NOT_SUPPORTED_ON_DEVICE
805 MpsConnectionFailed MPS_CONNECTION_FAILED
806 MpsRpcFailure MPS_RPC_FAILURE
807 MpsServerNotReady MPS_SERVER_NOT_READY
808 MpsMaxClientsReached MPS_MAX_CLIENTS_REACHED
809 MpsMaxConnectionsReached MPS_MAX_CONNECTIONS_REACHED
999 Unknown UNKNOWN
"""
_WORD = re.compile(r"\w+")
_FACILITIES = (0x80070000, 0xC0070000)  # a Win32 error as an HRESULT, as an NTSTATUS
_ERRNO_LAST = 133  # of Linux


def _of_names() -> dict[str, tuple[str, int]]:
    """What each name stands for, in upper case: (kind, value)."""
    known = {name: ("number", value) for name, value in _NAMES.items()}
    for line in _CUDA_NAMES.split("\n"):
        value, runtime, driver = line.split() if line else ("0", "-", "-")
        known |= {f"CUDAERROR{runtime.upper()}": ("cuda", int(value)), f"CUDA_ERROR_{driver}": ("cuda", int(value))}
    return {name: one for name, one in known.items() if not name.endswith("-")}


_MEANT = _of_names()


def words(text: str) -> frozenset[str]:
    """All words of a text, in upper case."""
    return frozenset(_WORD.findall(text.upper()))


def read(text: str) -> frozenset[tuple[str, int]]:
    """All numbers of a text: (kind, value)."""
    numbers: set[tuple[str, int]] = set()
    wide = [int(one[1] or one[2], 16) for one in _HEX.finditer(text)]
    wide += [2**32 - int(one[1]) for one in _SIGNED.finditer(text) if int(one[1]) <= 2**31]
    wide += [value for one in _UNSIGNED.finditer(text) if 2**31 <= (value := int(one[1])) < 2**32]
    for name in words(text) & _MEANT.keys():
        kind, value = _MEANT[name]
        numbers |= of_code(value) if kind == "number" else {(kind, value)}
    for value in wide:
        numbers |= of_code(value)
    numbers |= {("win32", int(one[1], 16)) for one in _SHORT.finditer(text)}
    numbers |= {("win32", int(one[1] or one[2])) for one in _WIN32.finditer(text)}
    numbers |= {("errno", int(one[1])) for one in _ERRNO.finditer(text)}
    for one in _NUMBER_OF_CUDA.finditer(text):
        line = text.rfind("\n", 0, one.start()) + 1
        if _CUDA.search(text, max(line, one.start() - _BEFORE), one.start()):
            numbers.add(("cuda", int(one[1])))
    on_windows = _WINDOWS_PATH.search(text) is not None
    on_linux = _LINUX_PATH.search(text) is not None
    for one in _OS_ERROR.finditer(text):
        value = int(one[1])
        if on_windows or not on_linux:
            numbers.add(("win32", value))
        if not on_windows and value <= _ERRNO_LAST:
            numbers.add(("errno", value))
    return frozenset(numbers)


def of_code(value: int) -> frozenset[tuple[str, int]]:
    """A 32-bit code, and the Windows error number in it."""
    numbers = {("number", value)}
    if value & 0xFFFF0000 in _FACILITIES or 0 < value < 0x10000:
        numbers.add(("win32", value & 0xFFFF))
    return frozenset(numbers)
