"""A command in a guest: the request, the answer, and what an error of wsl.exe becomes."""

from __future__ import annotations

import base64
import subprocess

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


def code_of(caught: pytest.ExceptionInfo[guest.NoAnswerError]) -> str:
    return str(caught.value).partition(":")[0]


def said(code: int = 0, out: bytes = b"", err: bytes = b"") -> str:
    return f"\r\nO:{b64(out)}\r\nE:{b64(err)}\r\nX:{code}\r\n"


@pytest.mark.parametrize("rc", [0, 1, 67, 87, 255])
def test_the_exit_code_in_the_guest_is_not_that_of_wsl(rc: int) -> None:
    argv = guest.command(f"echo out; echo err: >&2; exit {rc}", "m:")
    done = subprocess.run(argv, capture_output=True, check=False)
    assert done.returncode == 0, "a code that wsl.exe would take for its own never reaches it"
    assert guest.answer(0, said(0, done.stdout, done.stderr), "", "m:") == (rc, b"out\n", b"err:\n")


def test_a_program_that_a_signal_ended_has_the_code_of_a_shell() -> None:
    done = subprocess.run(guest.command("kill -9 $$", "m:"), capture_output=True, check=False)
    assert guest.answer(0, said(0, done.stdout, done.stderr), "", "m:")[0] == 137


@pytest.mark.parametrize("text", ["", "X:0", "O:!\nE:\nX:0", "O:\nE:\nX:zero", "Access is denied."])
def test_what_is_no_answer_is_told(text: str) -> None:
    with pytest.raises(guest.NoAnswerError, match=r"\(exit code 5 .*no such thing") as caught:
        guest.answer(5, text, "no such\n thing", "m:")
    assert code_of(caught) == "WSL_NO_ANSWER"


def test_errors_in_xml_are_told_as_words() -> None:
    errors = '<S S="Error">Cannot &lt;run&gt;_x000D__x000A_</S><S S="Error">it</S>'
    err = f'#< CLIXML\r\n<Objs><Obj S="progress"/>{errors}</Objs>'
    with pytest.raises(guest.NoAnswerError, match=r"\(exit code 1 Cannot <run> +it\)"):
        guest.answer(1, "", err, "m:")


@pytest.mark.parametrize(("number", "code"), [
    (2, "WSL_PROGRAM_MISSING"), (3, "WSL_PROGRAM_MISSING"), (1920, "WSL_SESSION"), (1260, "WSL_POLICY"),
    (87, "WSL_NO_ANSWER"),
])  # fmt: skip
def test_a_wsl_that_does_not_start_is_told_by_its_number(number: int, code: str) -> None:
    with pytest.raises(guest.NoAnswerError, match=rf".*Windows error {number}\)\. \w.*\.$") as caught:
        guest.answer(0, f"N:{number}\r\n", "", "m:")
    assert code_of(caught) == code


def test_a_guest_that_went_away_is_no_exit_code_of_a_command() -> None:
    with pytest.raises(guest.NoAnswerError, match="half of what") as caught:
        guest.answer(0, said(1, b"half of what", b"5"), "", "m:")
    assert code_of(caught) == "WSL_GUEST_ENDED"


def test_one_that_went_away_without_a_word_is_told_by_its_exit_code_and_its_errors() -> None:
    with pytest.raises(guest.NoAnswerError, match=r"\(exit code 126 the lab is away\)") as caught:
        guest.answer(0, said(126, err=b"the lab is\r\naway"), "", "m:")
    assert code_of(caught) == "WSL_GUEST_ENDED"


@pytest.mark.parametrize("code", [-1, 4294967295])
def test_an_error_of_wsl_itself_is_told_by_its_code(code: int) -> None:
    out = b"Nichts da.\r\nFehlercode: Wsl/Service/WSL_E_DISTRO_NOT_FOUND\r\n"
    with pytest.raises(guest.NoAnswerError, match=r"^WSL_NO_DISTRIBUTION: .*WSL_E_DISTRO_NOT_FOUND"):
        guest.answer(0, said(code, out), "", "m:")


@pytest.mark.parametrize(("words", "code"), [
    ("Nichts da.\r\nFehlercode: Wsl/Service/WSL_E_DISTRO_NOT_FOUND\r\n", "WSL_NO_DISTRIBUTION"),
    ("x\r\nCode d’erreur : Wsl/Service/CreateInstance/CreateVm/HCS/HCS_E_HYPERV_NOT_INSTALLED\r\n",
     "VIRTUALIZATION_OFF"),
    ("x\r\nError code: Wsl/WSL_E_LOCAL_SYSTEM_NOT_SUPPORTED\r\n", "WSL_LOCAL_SYSTEM"),
    ("x\r\nError code: Wsl/Service/0x8000abcd\r\n", "WSL_FAILED"),
    ("Keine Distributionen.\r\n", "WSL_NO_DISTRIBUTION"),
])  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_an_error_of_wsl_has_a_code_its_tail_and_a_next_step(words: str, code: str, encoding: str) -> None:
    told = guest.failure(words.encode(encoding))
    assert told.startswith(f"{code}: ")
    assert told.endswith(".")
    assert "\n" not in told
    if "Wsl/" in words:
        assert words.rsplit(": ", 1)[-1].strip() in told


def test_the_command_line_is_short_enough_for_cmd() -> None:
    assert len(guest.windows_command()) < 8000
