"""The PowerShell modules function by function, on the real engine: what a whole run on a healthy PC seldom meets."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import socket
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.environment import packages, texts
from winlab import PREFIXES, Machine
from winlab.programs import Call
from winlab.testing import source

from gpuready.simlab.models import home as simulated

UTILS = "collections/ansible_collections/gpuready/lab/plugins/module_utils/windows"
NAMES = (
    *("Json", "Programs", "Evidence", "Contents", "Damage", "Rights", "Home", "Environment", "Texts", "Archives"),
    *("Kernels", "Build", "Jobs", "Wsl", "Display", "WindowsUpdate"),
)
PYTHON = r"C:\lab\Python310\python.exe"
START = r"""
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version Latest
$names = 'Json', 'Programs', 'Evidence', 'Contents', 'Damage', 'Rights', 'Home', 'Environment', 'Texts', 'Archives',
    'Kernels', 'Build', 'Jobs', 'Wsl', 'Display', 'WindowsUpdate'
foreach ($name in $names) {
    Import-Module "C:\lab\parts\$name.psm1"
}
$archives, $build, $rights = (Get-Module Archives), (Get-Module Build), (Get-Module Rights)
$found = [ordered]@{}
function Get-CodeOf([scriptblock]$Work) { try { & $Work } catch { (ConvertTo-Trouble $_).code } }
"""
END = "\n'FOUND ' + (ConvertTo-Json -InputObject $found -Depth 6 -Compress)\n"


@pytest.fixture(scope="module")
def pc(winlab_machine: Callable[..., Machine]) -> Machine:
    machine = winlab_machine("powershell-parts")
    for name in NAMES:
        put(machine, rf"C:\lab\parts\{name}.psm1", source(f"{UTILS}/{name}.psm1").read_bytes())
    machine.copy_in(PREFIXES / "windows/Python310", r"C:\lab\Python310")
    return machine


def put(pc: Machine, windows: str, data: bytes) -> None:
    path = pc.path(windows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def ask(pc: Machine, script: str) -> dict[str, Any]:
    """What the script put into $found."""
    reply = pc.powershell(START + script + END)
    lines = [line for line in reply.stdout.splitlines() if line.startswith("FOUND ")]
    assert lines, reply
    return dict(json.loads(lines[-1][6:]))


# --- evidence and programs ---
def test_pieces_of_evidence(pc: Machine) -> None:
    put(pc, r"C:\lab\odd.exe", b"MZ".ljust(0x3C, b"\0") + b"\xff\xff\x00\x00" + b"\0" * 200)
    found = ask(
        pc,
        r"""
        $inner = New-Object System.UnauthorizedAccessException 'inner'
        $found.denied = ConvertTo-ErrorEntry (New-Object System.Exception 'outer', $inner)
        $found.nothing = Read-OrNull { throw 'no' }
        $found.version = Get-FileVersion 'C:\nowhere.dll'
        $found.machine = Get-Machine 'C:\lab\odd.exe'
        """,
    )
    assert found == {
        "denied": {"code": "ACCESS_DENIED", "message": "inner [WinError 5]"},
        "nothing": None,
        "version": None,
        "machine": None,
    }


def test_programs(pc: Machine) -> None:
    """A share on the PATH, a 32-bit PowerShell's name of System32, a process without taskkill, pipes that break."""
    found = ask(
        pc,
        r"""
        $env:PATH = '\\dead\share;;' + $env:PATH
        $found.cmd = @(Find-OnPath 'cmd.exe').Count
        $null = New-Item -ItemType Directory "$env:SystemRoot\Sysnative"
        try {
            $found.system = Get-SystemDirectory
            $run = Start-Program 'C:\lab\Python310\python.exe' '-c "import time; time.sleep(60)"'
            $found.hung = (Receive-Program $run 1).__error.code
            $found.ended = $run.process.WaitForExit(5000)
        } finally { Remove-Item "$env:SystemRoot\Sysnative" }
        $deaf = New-Object PSObject -Property @{ Id = 999999; HasExited = $false }
        $deaf | Add-Member -MemberType ScriptMethod -Name Kill -Value { throw 'no' }
        Stop-Tree $deaf
        $run = Start-Program 'C:\lab\Python310\python.exe' '-c "print(1)"'
        $broken = [System.Threading.Tasks.Task]::FromException((New-Object System.IO.IOException 'broken'))
        $run.reading = [System.Threading.Tasks.Task[]]@($broken)
        $found.rc = (Receive-Program $run 30).rc
        """,
    )
    assert found["cmd"] >= 1
    assert found["system"].endswith("Sysnative")
    assert (found["hung"], found["ended"], found["rc"]) == ("TIME_LIMIT", True, 0)


# --- gpuready's home ---
def test_errors_are_known_by_type_and_number(pc: Machine) -> None:
    found = ask(
        pc,
        r"""
        $found.denied = Get-CodeOf { throw (New-Object System.UnauthorizedAccessException 'x') }
        $found.held = Get-CodeOf { throw (New-Object System.IO.IOException 'x', -2147024864) }
        $found.full = Get-CodeOf { throw (New-Object System.IO.IOException 'x', -2147024784) }
        $found.other = Get-CodeOf { throw 'x' }
        $found.field = Get-Field @{ a = 1 } 'b'
        $held = New-Object System.IO.IOException 'x', -2147024864
        foreach ($one in (New-Object System.ComponentModel.Win32Exception 193), $held) {
            try { throw $one } catch { $found["said$($found.Count)"] = (ConvertTo-Trouble $_).message -replace '^.*\[' }
        }
        try { throw 'as it is' } catch { $found.words = (ConvertTo-Trouble $_).message }
        """,
    )
    assert found == {
        "said5": "WinError 193]",
        "said6": "WinError 32]",
        "words": "as it is",
        "denied": "HOME_NOT_WRITABLE",
        "held": "ENVIRONMENT_IN_USE",
        "full": "DISK_FULL",
        "other": "ENVIRONMENT_FAILED",
        "field": None,
    }


def test_files_of_the_home(pc: Machine) -> None:
    found = ask(
        pc,
        r"""
        $h = 'C:\lab\home-files'
        $found.new = Write-Whole "$h\a.txt" 'text'
        $found.same = Write-Whole "$h\a.txt" 'text'
        $null = New-Item -ItemType Directory "$h\folder"
        $found.onto = Get-CodeOf { Write-Whole "$h\folder" 'text' }
        $found.left = @(Get-ChildItem -Force $h -Filter '.new-*').Count
        $null = Write-Whole "$h\list.json" '[1, 2]'
        $found.list = Read-Json "$h\list.json"
        $null = New-Item -ItemType Directory "$h\environments\.new-1", "$h\environments\kept-1"
        Clear-Leftover $h
        $found.environments = @(Get-ChildItem -Force "$h\environments" | ForEach-Object Name)
        """,
    )
    assert (found["new"], found["same"], found["left"], found["list"]) == (True, False, 0, None)
    assert found["onto"] == "ENVIRONMENT_FAILED"
    assert found["environments"] == ["kept-1"]


def test_a_home_is_shown_to_everybody_and_a_jobs_folder_to_nobody(pc: Machine) -> None:
    """What is asked for: Wine keeps of it what fits into a Unix mode."""
    found = ask(
        pc,
        r"""
        $sid = [System.Security.Principal.SecurityIdentifier]
        foreach ($shown in $true, $false) {
            $acl = Get-OwnRights $shown
            $rules = $acl.GetAccessRules($true, $true, $sid)
            $rules = @($rules | ForEach-Object { "$($_.IdentityReference) $($_.FileSystemRights)" } | Sort-Object)
            $found["$shown"] = @{ inherits = -not $acl.AreAccessRulesProtected; rules = $rules }
        }
        """,
    )
    ours = ["S-1-5-18 FullControl", "S-1-5-32-544 FullControl"]
    assert found["False"] == {"inherits": False, "rules": ours}
    assert found["True"] == {"inherits": False, "rules": [*ours, "S-1-5-32-545 ReadAndExecute, Synchronize"]}


def test_two_runs_in_one_home(pc: Machine) -> None:
    found = ask(
        pc,
        r"""
        $h = 'C:\lab\home-lock'
        $found.nowhere = Get-CodeOf { Enter-Home "$h\nowhere" 0 }
        $null = New-Item -ItemType Directory $h
        $other = New-Object System.IO.FileStream "$h\.lock", 'OpenOrCreate', 'ReadWrite', 'None'
        $found.busy = try { Enter-Home $h 1 } catch { $_.Exception.Message }
        $other.Dispose()
        $lock = Enter-Home $h 0
        $found.holder = (Read-Json "$h\.holder").pid -eq $PID
        Exit-Home $h $lock
        $found.left = Test-Path "$h\.holder"
        """,
    )
    assert found["nowhere"] == "ENVIRONMENT_FAILED"
    assert "process unknown, since unknown" in found["busy"]
    assert (found["holder"], found["left"]) == (True, False)


def test_what_a_student_starts_and_reads_is_what_a_simulated_pc_has(pc: Machine) -> None:
    home, visible = r"C:\lab\home", "DML_VISIBLE_DEVICES=1"
    pointers = {
        "torch-directml": {"start": "start it", "python": rf"{home}\python.exe", "launcher_variable": visible},
        "cpu": {"start": "start this", "python": rf"{home}\other.exe", "launcher_variable": ""},
    }
    put(pc, r"C:\lab\pointers.json", json.dumps(pointers).encode())
    words = texts.words(windows=True)
    put(pc, r"C:\lab\words.json", json.dumps(words).encode())
    found = ask(
        pc,
        r"""
        $words = @{}
        foreach ($one in (Read-Json 'C:\lab\words.json').GetEnumerator()) { $words[$one.Key] = $one.Value }
        $found.plain = Get-LauncherText 'cpu' 'C:\lab\home\environments\cpu-0123' '' $words
        $found.visible = Get-LauncherText 'cpu' 'C:\lab\home\environments\cpu-0123' 'DML_VISIBLE_DEVICES=1' $words
        $pointers = @{}
        foreach ($one in (Read-Json 'C:\lab\pointers.json').GetEnumerator()) { $pointers[$one.Key] = $one.Value }
        $found.note = Get-NoteText $pointers $words
        $found.nothing = Get-NoteText @{} $words (Get-Guest 'C:\lab\nowhere')
        $found.guest = Get-NoteText @{} $words @('C:\lab\bin\wsl-b.cmd', 'C:\lab\bin\wsl-a.cmd', 'C:\lab\bin\wsl-b.cmd')
        $found.start = Get-StartText 'C:\lab\home' 'cpu' '' $words
        $found.other = Format-Words '{stack} {unknown}' @{ stack = 'cpu' }
        $pointer = @{ stack = 'cpu'; environment = 'C:\lab\home\environments\cpu-0123'; launcher_variable = '' }
        $pointer.python = "$($pointer.environment)\Scripts\python.exe"
        $found.kernel = Get-KernelText $pointer "Gr$([char]0xFC)n" $words
        $pointer.launcher_variable = 'DML_VISIBLE_DEVICES=1'
        $found.kernel_visible = Get-KernelText $pointer 'One' $words
        """,
    )
    place = rf"{home}\environments\cpu-0123"
    assert found["plain"] == simulated.launcher("cpu", place, "", words)
    assert found["visible"] == simulated.launcher("cpu", place, visible, words)
    assert (found["note"], found["nothing"]) == (simulated.note(pointers, words), simulated.note({}, words))
    assert found["guest"] == simulated.note({}, words, [r"C:\lab\bin\wsl-b.cmd", r"C:\lab\bin\wsl-a.cmd"])
    assert found["start"] == rf"{home}\bin\cpu.cmd opens a prompt in which `python` has the stack"
    assert found["other"] == "cpu {unknown}"
    told = {"stack": "cpu", "environment": place, "python": rf"{place}\Scripts\python.exe", "launcher_variable": ""}
    assert found["kernel"] == simulated.kernel(told, "Grün", words)
    assert found["kernel_visible"] == simulated.kernel({**told, "launcher_variable": visible}, "One", words)
    kernel = json.loads(found["kernel_visible"])
    assert kernel["argv"] == [told["python"], *("-m", "ipykernel_launcher", "-f", "{connection_file}")]
    assert kernel["env"]["DML_VISIBLE_DEVICES"] == "1"


def test_where_every_users_jupyter_is_led_to(pc: Machine) -> None:
    """A lab's own places stay as they stand there, and nothing stays of a home that has no kernel."""
    found = ask(
        pc,
        r"""
        $key = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey(
            'SYSTEM\CurrentControlSet\Control\Session Manager\Environment', $true)
        $h, $n = 'C:\lab\home-kernels', 'JUPYTER_PATH'
        function Get-Place { "$($key.GetValue($n, 'none', 'DoNotExpandEnvironmentNames'))" }
        $key.SetValue($n, '%SystemDrive%\teachers', 'ExpandString')
        $found.before = Test-Shown $h
        Set-Shown $h $true
        Set-Shown $h $true
        $found.shown = "$(Test-Shown 'c:\LAB\home-kernels') $(Get-Place)"
        $null = Write-Whole "$h\jupyter\kernels\gpuready-cpu\kernel.json" '{}'
        $null = Write-Whole "$h\jupyter\kernels\teachers\kernel.json" '{}'
        $found.look = @((Get-HomeContent $h @() $false).kernels)
        Remove-Kernel $h
        $found.kept = Test-Shown $h
        $null = Remove-Whole "$h\jupyter\kernels\gpuready-cpu"
        Remove-Kernel $h
        $found.after = Get-Place
        $key.DeleteValue($n)
        Set-Shown $h $true
        Remove-Kernel $h
        $found.none = "$(Get-Place) $(Test-Path "$h\jupyter")"
        $found.can = (Test-Kernel @{ distributions = @('ipykernel-6.dist-info', 'a-1.dist-info') }), (Test-Kernel @{})
        """,
    )
    assert found == {
        "before": False,
        "shown": r"True %SystemDrive%\teachers;C:\lab\home-kernels\jupyter",
        "look": [{"name": "gpuready-cpu", "text": "{}"}],
        "kept": True,
        "after": r"%SystemDrive%\teachers",
        "none": "none False",
        "can": [True, False],
    }


# --- archives ---
@contextmanager
def cut_off() -> Iterator[int]:
    """A web server that ends each answer half way."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 100_000)

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


def test_where_archives_come_from(pc: Machine) -> None:
    with cut_off() as port:
        found = ask(
            pc,
            rf"""
            $h = 'C:\lab\home-archives'
            $null = Write-Whole "$h\downloads\a.bin" 'abc'
            $sha = & $archives {{ Get-Sha256 $args[0] }} "$h\downloads\a.bin"
            $sent = @{{ sha256 = $sha }}
            $found.there = & $archives {{ Get-FromController $args[0] $args[1] @{{}} }} $sent "$h\downloads\a.bin"
            $found.no_wheels = @(Find-Wheel $h $null @{{}}).Count
            $get = {{ Get-FromUrl $args[0] $args[1] $args[2] $args[3] }}
            $found.first = & $archives $get $h 'file:///C:/lab/home-archives/downloads/a.bin' $sha 60
            $found.again = & $archives $get $h 'file:///C:/nowhere/a.bin' $sha 60
            $a = 'file:///C:/lab/home-archives/downloads/a.bin'
            $found.late = Get-CodeOf {{ & $archives $get $h $a ('0' * 64) -5 }}
            $found.cut = Get-CodeOf {{ & $archives $get $h 'http://127.0.0.1:{port}/b.bin' ('0' * 64) 60 }}
            $found.left = @(Get-ChildItem -Force "$h\downloads" -Filter '.new-*').Count
            """,
        )
    assert found["there"].endswith(r"\downloads\a.bin")
    assert found["first"] == found["again"]
    assert found["first"].endswith("-a.bin")
    assert (found["no_wheels"], found["left"]) == (0, 0)
    assert (found["late"], found["cut"]) == ("ENVIRONMENT_TIME_LIMIT", "ARCHIVE_UNREACHABLE")


def test_an_account_is_told_to_nobody_else(pc: Machine) -> None:
    """The server that is named asks for the account, and sends on to another one, which asks for one too."""
    account = "Basic " + base64.b64encode(b"lab:secret").decode()
    asked: dict[str, list[str | None]] = {"named": [], "other": []}

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = "named" if self.server is named else "other"
            given = self.headers.get("Authorization")
            asked[name].append(given)
            if name == "named" and given == account and self.path == "/there.bin":
                self.send_response(200)
                self.send_header("Content-Length", "3")
                self.end_headers()
                self.wfile.write(b"abc")
                return
            self.send_response(302 if name == "named" and given == account else 401)
            self.send_header("Location", f"http://127.0.0.1:{other.server_port}/b.bin")
            self.send_header("WWW-Authenticate", 'Basic realm="lab"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Server) as named, HTTPServer(("127.0.0.1", 0), Server) as other:
        for server in (named, other):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        found = ask(
            pc,
            rf"""
            $h = 'C:\lab\home-account'
            $null = [System.IO.Directory]::CreateDirectory("$h\downloads")
            $get = {{ Get-FromUrl $args[0] $args[1] $args[2] 60 }}
            $url = 'http://lab:secret@127.0.0.1:{named.server_port}'
            $found.there = & $archives $get $h "$url/there.bin" '{hashlib.sha256(b"abc").hexdigest()}'
            $found.sent_on = Get-CodeOf {{ & $archives $get $h "$url/on.bin" ('0' * 64) }}
            """,
        )
        for server in (named, other):
            server.shutdown()
    assert found["there"].endswith("-there.bin")
    assert found["sent_on"] == "ARCHIVE_UNREACHABLE"
    assert account in asked["named"]
    assert asked["other"]
    assert not any(asked["other"])


def test_archives_of_every_shape(pc: Machine) -> None:
    """Folders in a zip; POSIX' prefixes and a header for all members in a tar; one that ends within a header."""
    name = "d" * 60 + "/" + "e" * 60 + ".txt"
    for kind, form in (("prefix", tarfile.USTAR_FORMAT), ("global", tarfile.PAX_FORMAT)):
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w", format=form, pax_headers={"comment": "for all"}) as archive:
            member = tarfile.TarInfo(name)
            member.size = 5
            archive.addfile(member, io.BytesIO(b"hello"))
            archive.addfile(tarfile.TarInfo("other.txt"))
        put(pc, rf"C:\lab\{kind}.tar", data.getvalue())
    put(pc, r"C:\lab\short.tar", data.getvalue()[:100])
    with zipfile.ZipFile(pc.path(r"C:\lab\folders.zip"), "w") as zipped:
        zipped.mkdir("top")
        zipped.writestr("top/a.txt", "hello")
    found = ask(
        pc,
        r"""
        foreach ($kind in 'prefix.tar', 'global.tar', 'folders.zip') {
            $into = Expand-File "C:\lab\$kind" "C:\lab\out-$kind"
            $found[$kind] = @(Get-ChildItem -Recurse -File $into | Where-Object Length | ForEach-Object { [IO.File]::ReadAllText($_.FullName) })
        }
        $found.short = Get-CodeOf { Expand-File 'C:\lab\short.tar' 'C:\lab\out-short' }
        """,  # noqa: E501
    )
    assert found == {
        "prefix.tar": ["hello"],
        "global.tar": ["hello"],
        "folders.zip": ["hello"],
        "short": "ARCHIVE_UNREADABLE",
    }
    assert pc.path(rf"C:\lab\out-prefix.tar\{name}").read_bytes() == b"hello"


ELSEWHERE = (
    *("../evil", "..\\evil", "a/../../evil", "a\\..\\..\\evil", "a/..", "/evil", "\\evil", "//server/share/evil"),
    *("C:/evil", "C:evil", "a:stream", "a/b:stream:$DATA", "a./b", "a /b", "a.", "a ", "...", ".. /evil", ". ./evil"),
    *("NUL", "a/nul.txt", "con", "COM1", "lpt9.dll", "COM\u00b9", "aux .py", "CONIN$", "a/Prn/b", "a\nb", "a?", "a|b"),
    *("./", ".", "a/... /b"),
)
INSIDE = {
    "./a/b.txt": "a\\b.txt",
    "a//b": "a\\b",
    "a/./b": "a\\b",
    "a\\b": "a\\b",
    "a..b/c": "a..b\\c",
    ".hidden": ".hidden",
    "nullable.py": "nullable.py",
    "com10": "com10",
    "console/x": "console\\x",
    "\u00e9/x": "\u00e9\\x",
}


def test_no_member_of_an_archive_is_written_elsewhere(pc: Machine) -> None:
    """Upwards, to another drive, into a stream of a file, to a device, or by a name that Windows reads as another."""
    put(pc, r"C:\lab\names.json", json.dumps([*ELSEWHERE, *INSIDE]).encode())
    with zipfile.ZipFile(pc.path(r"C:\lab\stream.zip"), "w") as archive:
        archive.writestr("good.txt", "x")
        archive.writestr("good.txt:hidden", "x")
    found = ask(
        pc,
        r"""
        $text = [System.IO.File]::ReadAllText('C:\lab\names.json')
        $found.places = @(foreach ($name in (ConvertFrom-JsonText $text)) {
            try { & $archives { Join-Inside 'C:\lab\into' $args[0] } $name } catch { (ConvertTo-Trouble $_).code }
        })
        $found.zip = Get-CodeOf { Expand-File 'C:\lab\stream.zip' 'C:\lab\out-stream' }
        """,
    )
    wanted = dict.fromkeys(ELSEWHERE, "ARCHIVE_UNREADABLE")
    wanted |= {name: rf"C:\lab\into\{path}" for name, path in INSIDE.items()}
    assert dict(zip(wanted, found["places"], strict=True)) == wanted
    assert found["zip"] == "ARCHIVE_UNREADABLE"


# --- uv, interpreters, packages ---
def uv_that(pc: Machine, work: Callable[[Call, str], int | None]) -> None:
    """A uv whose behaviour is `work(call, words)`; None: as if all were well."""

    def uv(call: Call) -> int:
        words = " ".join(call.args)
        if words == "--version":
            call.out("uv 0.9.2\r\n")
            return 0
        return work(call, words) or 0

    pc.install_program(r"C:\lab\fake\uv.exe", uv)


def test_a_uv_that_does_not_run(pc: Machine) -> None:
    with zipfile.ZipFile(pc.path(r"C:\lab\no-uv.zip"), "w") as archive:
        archive.writestr("uv.exe", "no program")
    with zipfile.ZipFile(pc.path(r"C:\lab\uv.zip"), "w") as archive:
        archive.write(PREFIXES / "program.exe", "uv.exe")
    pc.programs[r"C:\lab\home-uv\tmp\uv-archive\uv.exe"] = lambda call: call.out("uv 0.9.2\r\n") or 0
    found = ask(
        pc,
        r"""
        $found.nowhere = Get-CodeOf { & $build { Invoke-Tool 'C:\nowhere.exe' '' 'uv' 5 } }
        $found.quoted = & $build { Format-Argument 'a b\', 'c' }
        $found.version = & $build { Get-UvVersion 'C:\nowhere.exe' }
        $h = 'C:\lab\home-uv'
        $null = New-Item -ItemType Directory "$h\tmp"
        $found.broken = Get-CodeOf { Install-Uv $h 'C:\lab\no-uv.zip' }
        Remove-Item -Recurse "$h\tmp\uv-archive"
        $null = Write-Whole "$h\uv.exe" 'an old one'
        $found.replaced = Install-Uv $h 'C:\lab\uv.zip'
        """,
    )
    assert found["nowhere"] == "UV_FAILED"
    assert found["quoted"] == '"a b" c'
    assert (found["version"], found["broken"]) == (None, "UV_MISSING")
    assert pc.path(r"C:\lab\home-uv\uv.exe").read_bytes() == (PREFIXES / "program.exe").read_bytes()


def test_what_a_student_set_is_not_uvs(pc: Machine) -> None:
    put(pc, r"C:\lab\text\python.exe", b"no program")
    pc.install_program(r"C:\lab\terse\python.exe", lambda call: call.out("3.10.0\r\n") or 0)
    found = ask(
        pc,
        rf"""
        $env:VIRTUAL_ENV, $env:PYTHONPATH, $env:UV_OFFLINE = 'C:\mine', 'C:\mine', '1'
        $kept = Get-UvVariables 'C:\lab\h' '' @('VIRTUAL_ENV', 'UV_PROJECT')
        $say = '-c "import os; print(os.environ.get(''VIRTUAL_ENV''), os.environ.get(''UV_OFFLINE''))"'
        $found.variables = (Receive-Program (Start-Program '{PYTHON}' $say $kept) 60).stdout.Trim()
        $found.python = (Get-PythonAnswer '{PYTHON}').version
        $why = @{{ reason = '' }}
        $found.text = Get-PythonAnswer 'C:\lab\text\python.exe' $why
        $found.why = $why.reason
        $found.terse = Get-PythonAnswer 'C:\lab\terse\python.exe'
        $found.none = @(Get-Distribution 'C:\nowhere').Count
        """,
    )
    assert r"\python.exe cannot be started: " in found["why"]
    assert found.pop("why").endswith("[WinError 193]")
    assert found == {"variables": "None 1", "python": "3.10.11", "text": None, "terse": None, "none": 0}


def test_a_program_that_does_not_run_says_why(pc: Machine) -> None:
    """What is blocked or damaged is not missing: Windows' number, or the last words, stand in what stops the work."""
    put(pc, r"C:\lab\blocked\uv.exe", b"no program")
    pc.install_program(r"C:\lab\dies\uv.exe", lambda call: call.err("loading\r\nno runtime\r\n") or 0xC0000135)
    found = ask(
        pc,
        r"""
        foreach ($name in 'blocked', 'dies') {
            $found[$name] = try { & $build { Find-Uv 'C:\nowhere' "C:\lab\$($args[0])\uv.exe" @{ reason = '' } } $name }
                catch { (ConvertTo-Trouble $_).message }
        }
        """,
    )
    assert found["blocked"].endswith("[WinError 193]")
    assert found["dies"].endswith(r"; C:\lab\dies\uv.exe: uv ended with 0xC0000135: no runtime")


@pytest.mark.parametrize(
    ("answers", "expected"),
    [("slow", "ENVIRONMENT_TIME_LIMIT"), ("useless", "INTERPRETER_MISSING"), ("good", PYTHON)],
)
def test_an_interpreter_that_uv_fetches(pc: Machine, answers: str, expected: str) -> None:
    fetched = []

    def work(call: Call, words: str) -> int | None:
        if words.startswith("python install"):
            fetched.append(words)
            if answers == "slow":
                time.sleep(30)
            return 0
        if not fetched:
            return 1
        call.out((PYTHON if answers == "good" else r"C:\nowhere\python.exe") + "\r\n")
        return 0

    uv_that(pc, work)
    found = ask(pc, r"$found.it = Get-CodeOf { Install-Interpreter 'C:\lab\fake\uv.exe' @{} '3.10' 3 }")
    assert found["it"] == expected
    assert fetched == ["python install --no-bin 3.10"]


INSTALL = """
$params = @{ lock = 'a==1'; builders = 'BUILDERS'; go_on_after = 'GO_ON'; ways = @(WAYS) }
$deadline = [DateTime]::UtcNow.AddSeconds(60)
try { Install-Package 'C:\\lab\\fake\\uv.exe' @{} 'C:\\lab\\home-packages' 'C:\\lab\\env' $params $deadline }
catch { $found.failures = @((ConvertTo-Trouble $_).failures | ForEach-Object { , @($_.details) }) }
"""


def installing(*ways: str, builders: str = "") -> str:
    script = INSTALL.replace("BUILDERS", builders)
    return script.replace("GO_ON", packages.GO_ON_AFTER).replace("WAYS", ", ".join(ways))


def way(find_links: str = "", links: str = "", variables: str = "", indexes: str = "") -> str:
    known = f"options = @('--no-index'); find_links = @({find_links}); links = @({links})"
    return f"@{{ {known}; variables = @{{ {variables} }}; indexes = @{{ {indexes} }} }}"


def test_packages_come_by_the_first_way_that_leads_to_them(pc: Machine) -> None:
    asked: list[tuple[str, dict[str, str | None]]] = []
    names = ("SSL_CERT_FILE", "UV_INDEX", "UV_FIND_LINKS")

    def work(call: Call, words: str) -> int:
        asked.append((words, {name: call.env.get(name) for name in names}))
        call.err("No solution found\r\n")
        return 0 if "stack" in call.env.get("UV_INDEX", "") else 1

    uv_that(pc, work)
    pc.path(r"C:\lab\more wheels").mkdir(exist_ok=True)
    first = way(r"'{home}\wheelhouse'", r"'C:\lab\more wheels', 'C:\nowhere', 'https://links'")
    index = "UV_INDEX = 'https://user:secret@stack https://more'"
    second = way(variables="SSL_CERT_FILE = 'C:\\ca.pem'", indexes=index)
    found = ask(pc, installing(first, second, first))
    assert "failures" not in found
    (words, one), (_, two) = asked
    assert words.startswith("pip install")
    assert words.endswith("--no-index")
    assert "--require-hashes" in words
    assert not [words for words, _ in asked if "secret" in words or "links" in words]
    links = r"C:\lab\home-packages\wheelhouse,C:\lab\more wheels,https://links"
    assert one == {"SSL_CERT_FILE": None, "UV_INDEX": None, "UV_FIND_LINKS": links}
    assert two == {
        "SSL_CERT_FILE": r"C:\ca.pem",
        "UV_INDEX": "https://user:secret@stack https://more",
        "UV_FIND_LINKS": None,
    }


def test_what_builds_others_comes_first_and_nothing_else_builds(pc: Machine) -> None:
    asked: list[list[str]] = []
    uv_that(pc, lambda call, words: asked.append(list(call.args)))
    ask(pc, installing(way(), builders="setuptools===68.0.0 --hash=sha256:0"))
    assert [words[words.index("-r") + 1] for words in asked] == [
        rf"C:\lab\home-packages\tmp\{name}.txt" for name in ("builders", "lock")
    ]
    assert all("--no-build-isolation" in words and "--require-hashes" in words for words in asked)


@pytest.mark.parametrize(
    ("said", "failures"),
    [
        (["Hash mismatch for a==1", "Failed to fetch"], 2),
        (["No solution found", "something else", "never asked"], 2),
        (["something else", "never asked"], 1),
    ],
)
def test_each_way_that_fails_is_told(pc: Machine, said: list[str], failures: int) -> None:
    left = list(said)

    def work(call: Call, words: str) -> int:
        call.err(left.pop(0) + "\r\n")
        return 1

    uv_that(pc, work)
    found = ask(pc, installing(*(way("") for _ in said)))
    assert [lines[-1] for lines in found["failures"]] == said[:failures]


def test_an_archive_of_a_share_is_copied_before_it_is_looked_at(pc: Machine) -> None:
    put(pc, r"C:\lab\share\uv.zip", b"abc")
    right = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    source = f"@{{ path = 'C:\\lab\\share\\uv.zip'; sha256 = '{right}' }}"
    found = ask(
        pc,
        rf"""
        $null = New-Item -ItemType Directory 'C:\lab\home-share\downloads'
        $found.taken = Get-Archive 'C:\lab\home-share' 'uv' {source} @{{}} 5
        [System.IO.File]::WriteAllText('C:\lab\share\uv.zip', 'another')
        $found.text = [System.IO.File]::ReadAllText($found.taken)
        $found.again = Get-Archive 'C:\lab\home-share' 'uv' {source} @{{}} 5
        [System.IO.File]::WriteAllText($found.taken, 'half')
        $found.refused = Get-CodeOf {{ Get-Archive 'C:\lab\home-share' 'uv' {source} @{{}} 5 }}
        $found.left = [System.IO.File]::Exists($found.taken)
        """,
    )
    taken = rf"C:\lab\home-share\downloads\{right[:12]}-uv.zip"
    assert found == {"taken": taken, "text": "abc", "again": taken, "refused": "HASH_MISMATCH", "left": False}


# --- Windows Update, whose COM objects a test plays: no Wine machine has them ---
UPDATES = r"""
$keys = 'HKLM:\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate'
$device = 'PCI\VEN_10DE&DEV_2206&SUBSYS_1467&REV_A1\4&1&0&0008'
$null = New-Item -Force "HKLM:\SYSTEM\CurrentControlSet\Enum\$device"
$hardware = [string[]]('PCI\VEN_10DE&DEV_2206&SUBSYS_1467&REV_A1', 'PCI\VEN_10DE&DEV_2206')
$enum = "HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Enum\$device"
[Microsoft.Win32.Registry]::SetValue($enum, 'HardwareID', $hardware)
$lab = @{ did = @(); offered = @(); download = 2; install = 2; throws = 0; restart = $false }
function New-Played($Properties, $Methods) {
    $one = New-Object PSObject -Property $Properties
    foreach ($name in $Methods.Keys) { $one | Add-Member -MemberType ScriptMethod -Name $name -Value $Methods[$name] }
    $one
}
function New-Offer([string]$Title, [string]$Id, [string]$Class, [string]$Date, [bool]$Accepted = $true) {
    $about = @{ Title = $Title; DriverHardwareID = $Id; DriverClass = $Class; DriverVerDate = [datetime]$Date }
    New-Played ($about + @{ EulaAccepted = $Accepted }) @{ AcceptEula = { $lab.did += 'accepted' } }
}
function New-Result([int]$Code) {
    $number = $(if ($Code -ge 3) { -2145124329 } else { 0 })
    $about = @{ ResultCode = $Code; RebootRequired = $lab.restart; Number = $number }
    New-Played $about @{ GetUpdateResult = { New-Object PSObject -Property @{ HResult = $this.Number } } }
}
function New-Part([string]$Name, [scriptblock]$Work) {
    New-Played @{ Updates = $null; AllowSourcePrompts = $true; ForceQuiet = $false } @{ $Name = $Work }
}
$session = New-Played @{ ClientApplicationID = '' } @{
    CreateUpdateSearcher = {
        New-Part 'Search' {
            $lab.did += $args[0]
            if ($lab.throws) { throw (New-Object System.Runtime.InteropServices.COMException 'x', $lab.throws) }
            New-Object PSObject -Property @{ Updates = $lab.offered }
        }
    }
    CreateUpdateDownloader = {
        New-Part 'Download' { $lab.did += "got $($this.Updates[0].Title)"; New-Result $lab.download }
    }
    CreateUpdateInstaller = {
        New-Part 'Install' {
            $lab.did += "quiet $($this.ForceQuiet) $($this.Updates[0].Title)"
            New-Result $lab.install
        }
    }
}
& (Get-Module WindowsUpdate) {
    $script:Session = $args[0]
    function script:New-UpdateObject([string]$Name) {
        if ($Name -eq 'Session') { return $script:Session }
        , (New-Object System.Collections.ArrayList)
    }
} $session
function Get-Update([bool]$Accept = $false) {
    $lab.did = @()
    $said = Install-DeviceUpdate $device $Accept
    $said.did = $lab.did
    $said
}
"""


def test_of_what_windows_update_offers_the_devices_own_is_installed(pc: Machine) -> None:
    found = ask(
        pc,
        UPDATES
        + r"""
        $found.none = Get-Update
        $mine, $other = 'pci\ven_10de&dev_2206', 'pci\ven_10de&dev_1c03'
        $lab.offered = @((New-Offer 'old' $mine 'Display' '2024-01-01'),
            (New-Offer 'new' $mine 'Display' '2025-06-01' $false),
            (New-Offer 'other' $other 'Display' '2026-01-01'), (New-Offer 'beside' $mine 'Extension' '2026-01-01'))
        $found.licence = Get-Update
        $lab.restart = $true
        $found.done = Get-Update $true
        $lab.install = 4
        $found.failed = Get-Update $true
        $lab.download = 4
        $found.lost = Get-Update $true
        $lab.throws = -2147024891
        $found.denied = Get-Update $true
        """,
    )
    search = "IsInstalled=0 and IsHidden=0 and Type='Driver'"
    assert (found["none"]["step"], found["none"]["title"], found["none"]["did"]) == ("search", "", [search])
    assert (found["licence"]["step"], found["licence"]["title"], found["licence"]["did"]) == (
        "licence",
        "new",
        [search],
    )
    assert found["done"]["did"] == [search, "accepted", "got new", "quiet True new"]
    steps = {name: [one[key] for key in ("step", "result", "hresult", "restart")] for name, one in found.items()}
    assert steps["done"] == ["install", 2, 0, True]
    assert steps["failed"] == ["install", 4, -2145124329, True]
    assert steps["lost"] == ["download", 4, -2145124329, False]
    assert steps["denied"] == ["search", None, -2147024891, False]


def test_a_pc_that_may_not_use_windows_update_is_not_asked(pc: Machine) -> None:
    found = ask(
        pc,
        UPDATES
        + r"""
        $path = $keys.Replace('HKLM:', 'HKEY_LOCAL_MACHINE')
        $null = New-Item -Force "$keys\AU"
        try {
            [Microsoft.Win32.Registry]::SetValue("$path\AU", 'UseWUServer', 1)
            [Microsoft.Win32.Registry]::SetValue($path, 'WUServer', 'http://wsus:8530')
            $found.server = (Get-Update).policy.server
            [Microsoft.Win32.Registry]::SetValue($path, 'DisableWindowsUpdateAccess', 1)
            $found.off = Get-Update
        } finally { Remove-Item -Recurse $keys }
        $found.free = (Get-Update).policy
        """,
    )
    assert found["server"] == "http://wsus:8530"
    assert (found["off"]["step"], found["off"]["did"]) == ("policy", [])
    none = {"access_disabled": False, "drivers_excluded": False, "service_disabled": False, "server": ""}
    assert found["free"] == none


ME, EVE, ALL = "S-1-5-21-1-2-3-500", "S-1-5-21-1-2-3-1001", "S-1-1-0"
FULL, MODIFY, READ = 0x1F01FF, 0x1301BF, 0x1200A9
OURS = [("S-1-5-18", True, FULL), ("S-1-5-32-544", True, FULL), ("S-1-5-32-545", True, READ)]


@pytest.mark.parametrize(
    ("owner", "rules", "fault"),
    [
        ("S-1-5-32-544", OURS, None),
        ("S-1-5-18", [*OURS, (ME, True, FULL), ("S-1-3-0", True, FULL), ("S-1-3-4", True, FULL)], None),
        (ME, OURS, None),
        ("S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464", [], None),
        (EVE, OURS, f"belongs to {EVE}"),
        ("S-1-5-32-545", OURS, "belongs to S-1-5-32-545"),
        # As C:\ProgramData gives it to what is made there, and as D:\ does.
        ("S-1-5-32-544", [*OURS, ("S-1-5-32-545", True, 0x116)], "can be written by S-1-5-32-545"),
        ("S-1-5-32-544", [*OURS, ("S-1-5-11", True, MODIFY)], "can be written by S-1-5-11"),
        ("S-1-5-32-544", [*OURS, (ALL, False, FULL)], None),
        *(
            ("S-1-5-32-544", [*OURS, (EVE, True, right)], f"can be written by {EVE}")
            for right in (0x2, 0x4, 0x40, 0x100, 0x10000, 0x40000, 0x80000, 0x10000000, 0x40000000)
        ),
        ("S-1-5-32-544", [*OURS, (EVE, True, READ), (ALL, True, -0x80000000), (ALL, True, 0x20000000)], None),
    ],
)
def test_whose_a_folder_is(pc: Machine, owner: str, rules: list[tuple[str, bool, int]], fault: str | None) -> None:
    given = ", ".join(f"@{{ sid = '{sid}'; allows = ${allows}; rights = {right} }}" for sid, allows, right in rules)
    ask_for = (
        f"$found.fault = & $rights {{ Get-RightsFault $args[0] $args[1] $args[2] $false }} '{owner}' @({given}) '{ME}'"
    )
    assert ask(pc, ask_for) == {"fault": fault}


def test_who_may_put_another_home_in_its_place(pc: Machine) -> None:
    """Of a folder above: users may make what is theirs in C:\\ProgramData, and rename what is on a drive for data."""
    harmless: dict[str, list[tuple[bool, int, bool]]] = {
        "as ProgramData": [(True, 0x116, False), (True, READ, False), (True, 0x10000000, True)],
        "of what is made in it": [(True, MODIFY, True)],
        "denied": [(False, FULL, False)],
    }
    rights = (MODIFY, FULL, 0x40, 0x10000, 0x40000, 0x80000, 0x10000000)
    harmful = {hex(right): [(True, right, False)] for right in rights}
    text = ""
    for name, rules in {**harmless, **harmful}.items():
        rows = [f"@{{ sid = '{EVE}'; allows = ${a}; rights = {r}; below = ${b} }}" for a, r, b in rules]
        text += f"'{name}' = @({', '.join(rows)})\n"
    found = ask(
        pc,
        f"""
        $cases = [ordered]@{{ {text} }}
        foreach ($name in $cases.Keys) {{
            $found[$name] = "$(& $rights {{ Get-RightsFault 'S-1-5-18' $args[0] '{ME}' $true }} $cases[$name])"
        }}
        $found.owner = & $rights {{ Get-RightsFault '{EVE}' @() '{ME}' $true }}
        """,
    )
    assert found.pop("owner") == f"belongs to {EVE}"
    assert found == {**dict.fromkeys(harmless, ""), **dict.fromkeys(harmful, f"can be replaced by {EVE}")}


def test_the_rights_of_a_home_are_read(pc: Machine) -> None:
    """Wine keeps rights as those of Unix files: nobody's file is another owner's, 0777 is everybody's."""
    home, kernel = r"C:\lab\rights", r"jupyter\kernels\gpuready-cpu"
    for name in (
        rf"{kernel}\kernel.json",
        r"environments\cpu-1\gpuready.json",
        r"python\3.10-0\python.exe",
        r"current\cpu.json",
        "uv.exe",
    ):
        put(pc, rf"{home}\{name}", b"x")
    question = f"$found.fault = Get-HomeFault '{home}'; $found.none = Get-HomeFault 'C:\\nowhere\\home'"
    assert ask(pc, question) == {"fault": None, "none": None}
    own = (r"environments\cpu-1\gpuready.json", r"python\3.10-0", r"current\cpu.json", kernel, rf"{kernel}\kernel.json")
    for name in ("", r"\uv.exe", *(f"\\{one}" for one in own)):
        path = pc.path(home + name)
        os.chown(path, 65534, 65534)
        said = ask(pc, question)["fault"]
        os.chown(path, 0, 0)
        assert said == f"{home}{name} belongs to S-1-5-7: what lies in {home} is neither run nor believed"
    above, refused = pc.path(r"C:\lab"), {}
    mode = above.stat().st_mode
    os.chown(above, 65534, 65534)
    refused["belongs to S-1-5-7"] = ask(pc, question)["fault"]
    os.chown(above, 0, 0)
    above.chmod(0o777)
    refused["can be replaced by S-1-1-0"] = ask(pc, question)["fault"]
    above.chmod(mode)
    assert {said: rf"C:\lab {said}: what lies in {home} is neither run nor believed" for said in refused} == refused
    mode = pc.path(home).stat().st_mode
    pc.path(home).chmod(0o777)
    assert ask(pc, question)["fault"].startswith(f"{home} can be written by S-1-1-0")
    pc.path(home).chmod(mode)
    # Wine has no links that .NET would see, and refuses nobody his look at rights.
    found = ask(
        pc,
        f"""
        & $rights {{ function script:Test-Link {{ $args[0] -band [System.IO.FileAttributes]::Directory }} }}
        $found.link = Get-HomeFault '{home}'
        & $rights {{ function script:Test-Link {{ $false }}; function script:Read-Rights {{ throw 'no' }} }}
        $found.dark = Get-HomeFault '{home}'
        """,
    )
    assert found["link"].startswith("C:\\lab is a link") or " is a link: " in found["link"]
    assert found["dark"].startswith(r"C:\lab has rights that cannot be read (no)")


def test_what_pip_is_told(pc: Machine) -> None:
    put(pc, r"C:\ProgramData\pip\pip.ini", b"\xef\xbb\xbf[global]\r\nindex-url = https://mirror/simple\r\n")
    put(pc, r"C:\lab\own.ini", b"[install]\nfind-links = C:\\wheels\n")
    found = ask(
        pc,
        r"""
        $env:PIP_CONFIG_FILE, $env:PIP_CERT = 'C:\lab\own.ini', 'C:\ca.pem'
        $found.told = Get-PipSaid
        $held = [System.IO.File]::Open('C:\lab\own.ini', 'Open', 'ReadWrite', 'None')
        $found.held = @((Get-PipSaid).files).Count
        $held.Dispose()
        $env:PIP_CONFIG_FILE = 'NUL'
        $found.none = @((Get-PipSaid).files).Count
        """,
    )
    pc.path(r"C:\ProgramData\pip\pip.ini").unlink()
    assert packages.pip_settings(found["told"]) == {
        "index-url": "https://mirror/simple",
        "find-links": r"C:\wheels",
        "config-file": r"C:\lab\own.ini",
        "cert": r"C:\ca.pem",
    }
    assert (found["held"], found["none"]) == (1, 0)


def test_an_installer_that_does_not_run_or_end(pc: Machine) -> None:
    pc.install_program(r"C:\lab\vc_redist.exe", lambda call: time.sleep(30) or 0)
    found = ask(
        pc,
        r"""
        $found.nowhere = Get-CodeOf { Install-Runtime 'C:\nowhere.exe' 5 }
        $found.hangs = Get-CodeOf { Install-Runtime 'C:\lab\vc_redist.exe' 1 }
        """,
    )
    assert found == {"nowhere": "VC_RUNTIME_MISSING", "hangs": "VC_RUNTIME_MISSING"}


# --- the state ---
def test_markers_and_files_of_the_home(pc: Machine) -> None:
    marker = {
        "complete": True,
        "lock_sha256": "0" * 64,
        "interpreter": PYTHON,
        "version": "3.10.0",
        "distributions": [],
    }
    put(pc, r"C:\lab\env-old\gpuready.json", json.dumps(marker).encode())
    put(pc, r"C:\lab\env-old\gpuready.files", b"")
    pc.install_program(
        r"C:\lab\env-old\Scripts\python.exe", lambda call: call.out("3.9.1\r\nC:\\lab\\env-old\r\n") or 0
    )
    found = ask(
        pc,
        r"""
        $found.other_python = Get-CompleteMarker 'C:\lab\env-old' ('0' * 64) '3.10'
        $found.environments = @(Get-StackEnvironment 'C:\nowhere' 'cpu').Count
        $h = 'C:\lab\home-contents'
        $null = New-Item -ItemType Directory "$h\environments\.removing-1"
        foreach ($name in 'Lib\site-packages\gpuready_vc_runtime.pth', 'Scripts\a.dll') {
            $null = Write-Whole "$h\environments\cpu-1\$name" 'x'
        }
        $null = Write-Whole "$h\environments\plain-1\Scripts\a.dll" 'x'
        $null = Write-Whole "$h\current\broken.json" '{'
        $all = (Get-HomeContent $h @('a.dll', 'b.dll')).directories
        $found.runtime = $all | ForEach-Object { "$($_.name) $($_.runtime)" }
        $found.pointers = (Get-Pointer $h).Count
        """,
    )
    assert found == {
        "other_python": None,
        "environments": 0,
        "runtime": ["cpu-1 a.dll", "plain-1 "],
        "pointers": 0,
    }


def test_what_an_environment_lacks(pc: Machine) -> None:
    """Missing, another size, and on request another content; what Python compiles and what comes later is none."""
    home, site = r"C:\lab\home-damage", r"Lib\site-packages"
    texts = {"__init__.py": b"import os\n", "big.dll": b"0123456789", "same, odd.txt": b"xxxx", "old.pyc": b"x"}
    for name, text in {**texts, r"__pycache__\__init__.cpython-310.pyc": b"x"}.items():
        put(pc, rf"{home}\environments\tiny-1\{site}\tiny\{name}", text)
    rows = [
        f'"tiny/{name}",sha256={base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=").decode()},{len(text)}'
        for name, text in texts.items()
    ]
    record = "\n".join([*rows, "tiny/gone.py,sha256=x,1", "tiny-1.dist-info/RECORD,,"])
    put(pc, rf"{home}\environments\tiny-1\{site}\tiny-1.dist-info\RECORD", record.encode())
    found = ask(
        pc,
        r"""
        $e = 'C:\lab\home-damage\environments\tiny-1'
        function Set-Marker([string]$Python, [string]$Files = '') {
            $marker = @{ complete = $true; lock_sha256 = 'aa'; interpreter = $Python }
            $marker.files_sha256 = Get-TextDigest $Files
            $null = Write-Whole "$e\gpuready.json" (Format-Json $marker)
        }
        $found.never = Get-Damage $e $false
        Set-Marker 'C:\lab\Python310\python.exe'
        $found.no_list = Get-Damage $e $false
        $found.list = Get-ListText $e
        $null = Write-Whole "$e\gpuready.files" $found.list
        $found.another = Get-Damage $e $false
        Set-Marker 'C:\lab\Python310\python.exe' $found.list
        $found.whole = Get-Damage $e $true
        $tiny = "$e\Lib\site-packages\tiny"
        $null = Write-Whole "$tiny\same, odd.txt" 'yyyy'
        $null = Write-Whole "$tiny\later.txt" 'z'
        $null = Write-Whole "$tiny\old.pyc" 'longer'
        $found.sizes = (Get-Damage $e $false).count
        $found.hashes = Get-Damage $e $true
        [System.IO.File]::Delete("$tiny\big.dll")
        $null = Write-Whole "$tiny\__init__.py" 'import sys, os'
        Set-Marker 'C:\nowhere\python.exe' $found.list
        $found.lost = Get-Damage $e $false
        $found.look = (Get-HomeContent 'C:\lab\home-damage' @() $false).directories[0].damage.count
        $lock = [System.IO.File]::Open("$e\gpuready.files", 'Open', 'ReadWrite', 'None')
        $found.unreadable = @((Get-HomeContent 'C:\lab\home-damage' @() $false).directories[0].damage.Keys)
        $found.not_whole = $null -eq (Get-CompleteMarker $e 'aa' '' $false)
        $lock.Dispose()
        """,
    )
    odd = rf"{site}\tiny\same, odd.txt"
    whole = {"count": 0, "missing": [], "changed": [], "hashes": False}
    lines = [rf"4 {odd}", rf"10 {site}\tiny\__init__.py", rf"10 {site}\tiny\big.dll"]
    lines.append(rf"{hashlib.sha256(record.encode()).hexdigest()} {site}\tiny-1.dist-info\RECORD")
    assert found.pop("list").splitlines() == sorted(lines)
    assert found == {
        "never": None,
        "no_list": {**whole, "count": 1, "missing": ["gpuready.files"]},
        "another": {**whole, "count": 1, "changed": ["gpuready.files"]},
        "whole": {**whole, "hashes": True},
        "sizes": 0,
        "hashes": {**whole, "count": 1, "changed": [odd], "hashes": True},
        "lost": {
            **whole,
            "count": 3,
            "missing": [r"C:\nowhere\python.exe", rf"{site}\tiny\big.dll"],
            "changed": [rf"{site}\tiny\__init__.py"],
        },
        "look": 3,
        "unreadable": ["error"],
        "not_whole": True,
    }


# --- WSL ---
def test_a_pc_without_wsl_and_what_is_registered_on_one(pc: Machine) -> None:
    found = ask(
        pc,
        r"""
        $me = [Microsoft.Win32.Registry]::CurrentUser
        $found.program = Find-Wsl
        $found.without = Get-CodeOf { Assert-Wsl (Find-Wsl) }
        $found.nobody = Get-Registered $me 'lab'
        $key = $me.CreateSubKey('Software\Microsoft\Windows\CurrentVersion\Lxss\{1}')
        $key.SetValue('DistributionName', 'LAB')
        $key.SetValue('BasePath', '\\?\C:\lab\guest')
        $one = Get-Registered $me 'lab'
        $found.one = $one.id, $one.disk, $one.state, $one.wsl2
        $found.theirs = Get-CodeOf { Assert-Ours $one 'lab' }
        $found.place = Get-Place 'lab' ''
        $null = [System.IO.Directory]::CreateDirectory('C:\lab\home\wsl')
        [System.IO.File]::WriteAllText('C:\lab\home\wsl\lab.json', '{"file":"lab.wsl","size_bytes":3,"sha256":"ab"}')
        $found.exports = @((Get-Place 'lab' '' 'C:\lab\home').export)
        foreach ($text in 'abc', 'ab') {
            [System.IO.File]::WriteAllText('C:\lab\home\wsl\lab.wsl', $text)
            $found.exports += (Get-Place 'lab' '' 'C:\lab\home').export
        }
        $key.SetValue('BasePath', '\\server\share')
        $found.share = (Get-Registered $me 'lab').marker
        $me.DeleteSubKeyTree('Software\Microsoft\Windows\CurrentVersion\Lxss')
        $null = [System.IO.Directory]::CreateDirectory('C:\lab\place')
        [System.IO.File]::WriteAllText('C:\lab\place\ext4.vhdx', '')
        [System.IO.File]::WriteAllText('C:\lab\place\gpuready.json', '{}')
        $file = [System.IO.File]::Open('C:\lab\place\ext4.vhdx', 'Open', 'ReadWrite', 'None')
        $found.held = Get-Place 'lab' '%SystemDrive%\lab\place\'
        $file.Dispose()
        $found.free = Get-Holding 'C:\lab\place\ext4.vhdx'
        $found.no_drive = (Get-Place 'lab' 'Q:\place').free_bytes
        Assert-Room 'C:\lab' 0 'it'
        $found.room = Get-CodeOf { Assert-Room 'C:\lab' 1PB 'it' }
        $policy = [Microsoft.Win32.Registry]::LocalMachine.CreateSubKey('Software\Policies\WSL')
        $policy.SetValue('AllowWSL', 0)
        $found.policy = Get-CodeOf { Assert-Wsl 'wsl.exe' }
        [Microsoft.Win32.Registry]::LocalMachine.DeleteSubKey('Software\Policies\WSL')
        $found.late = Get-CodeOf { Invoke-Wsl 'C:\lab\Python310\python.exe' '-c "import time; time.sleep(60)"' 1 }
        $found.arguments = @('a b', 'C:\a b\', 'say "no"' | ForEach-Object { ConvertTo-Argument $_ })
        """,
    )
    assert (found["program"], found["without"], found["nobody"]) == (None, "WSL_NOT_INSTALLED", None)
    assert found["one"] == ["{1}", r"C:\lab\guest\ext4.vhdx", 0, False]
    place = found["place"]
    assert (place["registered"], place["folder"], place["marker"], place["disk"]) == (
        True,
        r"C:\lab\guest",
        False,
        False,
    )
    assert (place["export"], found["exports"]) == (None, [None, "ab", None])
    held = found["held"]
    assert (held["registered"], held["folder"], held["marker"], held["disk"]) == (False, r"C:\lab\place", True, True)
    assert held["held"]
    assert held["free_bytes"] > 0
    assert (held["drive"], held["other_sid"]) == ("C:\\", None)
    assert (found["share"], found["free"], found["no_drive"]) == (None, None, None)
    assert (found["theirs"], found["room"]) == ("WSL_NOT_OURS", "WSL_DISK_TOO_SMALL")
    assert (found["policy"], found["late"]) == ("WSL_POLICY", "WSL_TIME_LIMIT")
    assert found["arguments"] == ['"a b"', '"C:\\a b\\\\"', r'"say \"no\""']


def test_every_module_is_under_test() -> None:
    assert {path.stem for path in Path(source(UTILS)).glob("*.psm1")} == {*NAMES, "Cim"}
