"""Troubles on the way to a PC, by the words that pywinrm, pypsrp, requests, ssh and Ansible really say.

tests/data/troubles.tsv has them; tests/data/SOURCES-words.md says where each comes from.
"""

from __future__ import annotations

import random
import string

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.reading import one_line
from ansible_collections.gpuready.lab.plugins.plugin_utils.remedies import catalogue as remedies
from ansible_collections.gpuready.lab.plugins.plugin_utils.remedies.troubles import classify
from words import rows

SAID = [(row["message"], row["code"]) for row in rows("troubles.tsv")]


@pytest.mark.parametrize(("text", "code"), SAID)
def test_the_words_have_their_code(text: str, code: str) -> None:
    found = classify(text)
    assert found["code"] == code
    assert found["message"]
    assert "\n" not in found["message"]
    assert len(found["message"]) <= 300
    assert found["code"] in remedies.codes()
    # However Ansible frames it, the code stays.
    assert classify(f"Task failed: {text}")["code"] == code


def test_every_way_that_ends_unreachable_is_of_the_connection() -> None:
    for _, code in SAID:
        assert remedies.remedy(code).category == "connection", code


def test_an_exception_gives_the_chain_of_its_causes() -> None:
    try:
        try:
            raise ConnectionResetError(104, "Connection reset by peer")
        except ConnectionResetError as cause:
            raise RuntimeError("the module could not be run") from cause
    except RuntimeError as error:
        found = classify(str(error), exception=error, connection="winrm")
    assert found == {"code": "CONNECTION_CUT", "message": "winrm: the module could not be run"}


PLAINLY = {
    "[Errno 111] Connection refused": "PORT_CLOSED",
    "certificate verify failed: self-signed certificate": "TLS_UNTRUSTED",
    "Connection to 10.0.0.7 timed out. (connect timeout=30)": "CONNECT_TIMEOUT",
    "Failed to resolve 'pc7' ([Errno -2] Name or service not known)": "NAME_UNKNOWN",
    "wrong version number": "TLS_MISMATCH",
    "[Errno 113] No route to host": "HOST_OFF",
}


def test_what_urllib3_wraps_is_told_plainly() -> None:
    told = {
        classify(text)["message"]: code for text, code in SAID if text.startswith("ntlm: HTTP") and "Caused by" in text
    }
    for words, code in PLAINLY.items():
        ports = [f"ntlm: 10.0.0.7:{port}: {words}" for port in (5985, 5986)]
        assert [told[line] for line in ports if line in told] == [code], words


def test_a_chain_that_bites_its_tail_ends() -> None:
    one, two = RuntimeError("one"), RuntimeError("two")
    one.__cause__, two.__cause__ = two, one
    assert classify("", exception=one)["code"] == "UNREACHABLE"


def test_without_words_the_code_speaks() -> None:
    assert classify("")["message"] == "the PC could not be had"
    assert classify("\x00\x1b\n")["message"]


SECRET = "Geheim-Pa55"


@pytest.mark.parametrize(
    "text",
    [
        f"GET https://lab:{SECRET}@10.0.0.7:5986/wsman failed",
        f"https://lab:p@{SECRET}@pc7/wsman",
        f"https://lab:x/{SECRET}@pc7/wsman",
        f"ansible_password={SECRET} is wrong",
        f'{{"ansible_password": "{SECRET} with blanks", "port": 1}}',
        f"{{'winrm_password': '{SECRET}'}}",
        f"password: {SECRET}",
        f"Password = '{SECRET}'",
        f"index_token={SECRET}",
        f"--password {SECRET} --user lab",
        f"net use \\\\share -Password {SECRET}",
        f'the password "{SECRET}" was refused',
        f"client_secret={SECRET}",
        f"passphrase: {SECRET}",
        f"api_key={SECRET}",
        "Authorization: Basic bGFiOkdlaGVpbS1QYTU1Cg==",
    ],
)
def test_no_password_comes_through(text: str) -> None:
    for line in (classify(text)["message"], one_line(text), classify("", exception=RuntimeError(text))["message"]):
        assert SECRET not in line
        assert "bGFiOkdlaGVpbS1QYTU1Cg" not in line


def test_any_text_at_all_is_one_printable_line() -> None:
    source = random.Random(11)
    for _ in range(500):
        text = "".join(source.choice(string.printable + "\u202eé漢\x00\x1b\x85") for _ in range(source.randrange(900)))
        found = classify(text, connection=source.choice([None, "winrm", ""]))
        assert found["message"].isprintable()
        assert len(found["message"]) <= 300
        assert found["code"] in remedies.codes()
