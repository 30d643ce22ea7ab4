"""A command in a guest: the request, the answer, and what an error of wsl.exe becomes."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils import guest

from gpuready.simlab.wsl import line


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def sent(program: str, distribution: str | None, argv: list[str]) -> list[str]:
    lines = guest.request(program, distribution, "root", argv, b"").decode().split("\r\n")
    return [base64.b64decode(one).decode() for one in lines[:2]]


def test_the_arguments_of_a_request_are_those_that_wsl_reads() -> None:
    argv = ["/bin/sh", "-c", 'echo "a  b" \\" $HOME \\', "", "é"]
    program, arguments = sent("wsl.exe", "g", argv)
    assert program == "wsl.exe"
    asked = line.top("wsl.exe " + arguments)
    assert asked == line.Launch("g", user="root", folder="/", argv=tuple(argv))


def test_input_travels_in_lines_that_join_to_the_same_bytes() -> None:
    data = bytes(range(256)) * 1000
    lines = guest.request("wsl.exe", None, "root", ["cat"], data).decode().split("\r\n")[2:]
    assert b"".join(base64.b64decode(one) for one in lines) == data
    assert max(map(len, lines)) <= 60_000
    assert "--distribution" not in sent("wsl.exe", None, ["cat"])[1]


@pytest.mark.parametrize(("code", "read"), [("0", 0), ("-1", -1), ("4294967295", -1), ("255", 255)])
def test_an_answer_is_read(code: str, read: int) -> None:
    text = f"\r\nO:{b64(b'out')}\r\nE:{b64(b'')}\r\nX:{code}\r\n"
    assert guest.answer(text) == (read, b"out", b"")


@pytest.mark.parametrize("text", ["", "X:0", "O:!\nE:\nX:0", "O:\nE:\nX:zero", "Access is denied."])
def test_what_is_no_answer_is_told(text: str) -> None:
    with pytest.raises(guest.NoAnswerError):
        guest.answer(text)


@pytest.mark.parametrize(("said", "code"), [
    ("Nichts da.\r\nFehlercode: Wsl/Service/WSL_E_DISTRO_NOT_FOUND\r\n", "WSL_NO_DISTRIBUTION"),
    ("x\r\nCode d’erreur : Wsl/Service/CreateInstance/CreateVm/HCS/HCS_E_HYPERV_NOT_INSTALLED\r\n",
     "VIRTUALIZATION_OFF"),
    ("x\r\nError code: Wsl/WSL_E_LOCAL_SYSTEM_NOT_SUPPORTED\r\n", "WSL_LOCAL_SYSTEM"),
    ("x\r\nError code: Wsl/Service/0x8000abcd\r\n", "WSL_FAILED"),
    ("Keine Distributionen.\r\n", "WSL_NO_DISTRIBUTION"),
])  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_an_error_of_wsl_has_a_code_its_tail_and_a_next_step(said: str, code: str, encoding: str) -> None:
    told = guest.failure(said.encode(encoding))
    assert told.startswith(f"{code}: ")
    assert told.endswith(".")
    assert "\n" not in told
    if "Wsl/" in said:
        assert said.rsplit(": ", 1)[-1].strip() in told


def test_the_command_line_is_short_enough_for_cmd() -> None:
    assert len(guest.windows_command()) < 8000
