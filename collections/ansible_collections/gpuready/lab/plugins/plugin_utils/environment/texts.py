# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a PC keeps for its students: how a stack is started, its launcher, its kernel of Jupyter, the note.

The PC fills in the {names}. They travel with each request, so that Windows, Linux and simulated PCs write what stands
here.
"""

from __future__ import annotations

_WINDOWS_LAUNCHER = r"""@echo off
rem How to start {stack}: without arguments a prompt in which python is its Python; with a script, that script;
rem with lab JupyterLab, and what follows is its own.
set "VIRTUAL_ENV=%~dp0..\environments\{environment}"
set "PATH=%VIRTUAL_ENV%\Scripts;%PATH%"
{visible}if /i "%~1"=="lab" goto lab
if not "%~1"=="" goto run
echo {stack}: python is %VIRTUAL_ENV%\Scripts\python.exe; exit leaves.
cmd /k
exit /b
:run
"%VIRTUAL_ENV%\Scripts\python.exe" %*
exit /b
:lab
if not exist "%VIRTUAL_ENV%\Scripts\jupyter-lab.exe" goto nolab
if not defined JUPYTER_PATH set "JUPYTER_PATH=%~dp0..\jupyter"
"%VIRTUAL_ENV%\Scripts\python.exe" -m jupyterlab %2 %3 %4 %5 %6 %7 %8 %9
exit /b
:nolab
echo {no_lab}
exit /b 1
"""  # relative to itself: a batch file is ASCII, whatever the folder's name is
_LINUX_LAUNCHER = """#!/bin/sh
# How to start {stack}: without arguments a shell in which `python` is its Python; with a script, that script;
# with lab JupyterLab, and what follows is its own.
environment={environment}
PATH="$environment/bin:$PATH" VIRTUAL_ENV="$environment"
export PATH VIRTUAL_ENV
{visible}if [ "${1-}" = lab ]; then
    shift
    if [ -x "$environment/bin/jupyter-lab" ]; then exec "$environment/bin/python" -m jupyterlab "$@"; fi
    echo "{no_lab}" >&2
    exit 1
fi
if [ $# -gt 0 ]; then exec "$environment/bin/python" "$@"; fi
echo "{stack}: python is $environment/bin/python; exit leaves."
exec "${SHELL:-/bin/sh}"
"""
_NO_LAB = (
    "{stack}: there is no JupyterLab here; who looks after this PC adds it: gpuready lock {stack} --add jupyterlab"
)
# What Jupyter starts, with what the launcher sets; values come as JSON. ${PATH} and {connection_file} are Jupyter's.
_KERNEL = """{
 "argv": [{python}, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
 "display_name": {name},
 "language": "python",
 "env": {"PATH": {path}, "VIRTUAL_ENV": {environment}{visible}},
 "metadata": {"debugger": true, "gpuready": {stack}}
}
"""
_JUPYTER = {"kernel": _KERNEL, "kernel_visible": ", {name}: {value}", "kernel_name": "{stack} - gpuready"}
_NOTE = {
    "note": "This PC trains machine-learning models on its GPU. How to start:\n\n",
    "note_stack": "{stack}\n    {start}\n    Python: {python}\n{visible}\n",
    "note_visible": "    Without that launcher, set {visible} first: the GPU that was tried.\n",
    "note_end": "Everything here was made by gpuready and may be replaced by it; keep your own work elsewhere.\n",
}
# A student's own choice of GPUs stands.
_WINDOWS = {
    **_NOTE,
    "note_guest": "{name}\n    {launcher} opens a shell in your own copy of this Linux; its first start makes it\n\n",
    **_JUPYTER,
    "launcher": _WINDOWS_LAUNCHER.replace("{no_lab}", _NO_LAB),
    "launcher_visible": 'if not defined {name} set "{name}={value}"\n',
    "start": r"{home}\bin\{stack}.cmd opens a prompt in which `python` has the stack",
}
_LINUX = {
    **_NOTE,
    **_JUPYTER,
    "launcher": _LINUX_LAUNCHER.replace("{no_lab}", _NO_LAB),
    "launcher_visible": ': "${{name}={value}}"; export {name}\n',
    "start": "{home}/bin/{stack} opens a shell in which `python` has the stack",
}


def note_words() -> dict[str, str]:
    """Those of the note, for a Windows PC."""
    return {name: text for name, text in words(windows=True).items() if name.startswith("note")}


def words(windows: bool) -> dict[str, str]:
    """The texts for a PC of this system, with its line ends."""
    if not windows:
        return dict(_LINUX)
    return {name: text.replace("\n", "\r\n") for name, text in _WINDOWS.items()}
