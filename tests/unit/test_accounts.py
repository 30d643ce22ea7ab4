"""One account, one try: what the workers of a run agree on, and how."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.gpuready.lab.plugins.plugin_utils import accounts
from ansible_collections.gpuready.lab.plugins.plugin_utils.accounts import Account, Book

DOMAIN, LOCAL = Account("LAB\\gpuready", "x"), Account("gpuready", "x")


def reject() -> None:
    raise AnsibleConnectionFailure("ntlm: the specified credentials were rejected by the server")


def off() -> None:
    raise AnsibleConnectionFailure("Connection refused")


def accept() -> None:
    return None


@pytest.mark.parametrize(
    ("user", "tries"),
    [("LAB\\a", 1), ("a@LAB.EXAMPLE.ORG", 1), ("a", 3), (".\\a", 3), ("\\a", 3)],
)
def test_what_a_try_can_lock(user: str, tries: int) -> None:
    assert Account(user, "x").tries == tries


def test_a_domain_account_that_one_pc_rejects_is_shown_to_no_other(tmp_path: Path) -> None:
    with pytest.raises(AnsibleConnectionFailure):
        Book(tmp_path / "a", DOMAIN).ask("pc01", reject)
    asked: list[str] = []
    found = Book(tmp_path / "a", DOMAIN).ask("pc02", lambda: asked.append("pc02"))
    assert found == {
        "code": "AUTH_NOT_TRIED",
        "message": "LAB\\gpuready: rejected by pc01; nobody else was asked",
    }
    assert asked == []
    assert Book(tmp_path / "a", Account("LAB\\gpuready", "another")).ask("pc02", accept) is None


def test_an_account_of_the_pcs_own_may_be_another_on_one_of_them(tmp_path: Path) -> None:
    with pytest.raises(AnsibleConnectionFailure):
        Book(tmp_path / "a", LOCAL).ask("pc01", reject)
    assert Book(tmp_path / "a", LOCAL).ask("pc02", accept) is None
    assert Book(tmp_path / "a", LOCAL).taken
    for name in ("pc01", "pc02", "pc03"):
        with pytest.raises(AnsibleConnectionFailure):
            Book(tmp_path / "b", LOCAL).ask(name, reject)
    found = Book(tmp_path / "b", LOCAL).ask("pc04", accept)
    assert found is not None
    assert found["message"] == "gpuready: rejected by pc01, pc02, pc03; nobody else was asked"


def test_a_pc_that_is_off_says_nothing_of_the_account(tmp_path: Path) -> None:
    with pytest.raises(AnsibleConnectionFailure):
        Book(tmp_path / "a", DOMAIN).ask("pc01", off)
    assert Book(tmp_path / "a", DOMAIN).ask("pc02", accept) is None


def test_all_at_once_ask_one(tmp_path: Path) -> None:
    asked, told = [], []

    def work(name: str) -> None:
        def connect() -> None:
            asked.append(name)
            time.sleep(0.3)
            reject()

        with suppress(AnsibleConnectionFailure):
            told.append(Book(tmp_path / "a", DOMAIN).ask(name, connect))

    threads = [threading.Thread(target=work, args=(f"pc{number}",)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(asked) == 1
    assert len(told) == 19


def test_a_pc_that_never_answers_keeps_nobody_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "PATIENCE", 0.3)
    gate = threading.Event()
    hanging = threading.Thread(target=lambda: Book(tmp_path / "a", DOMAIN).ask("pc01", lambda: gate.wait(10) and None))
    hanging.start()
    time.sleep(0.1)
    start = time.monotonic()
    assert Book(tmp_path / "a", DOMAIN).ask("pc02", accept) is None
    assert 0.1 < time.monotonic() - start < 5
    gate.set()
    hanging.join(10)


def test_no_password_lies_in_the_files(tmp_path: Path) -> None:
    Book(tmp_path / "a", Account("LAB\\gpuready", "S3CRET")).ask("pc01", accept)
    files = list((tmp_path / "a").iterdir())
    assert files
    assert not [file for file in files if "S3CRET" in file.name or "S3CRET" in file.read_text()]
