"""/etc/wsl.conf as it is declared: what WSL would not read is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.guest.settings import SettingError, text

from gpuready.simlab.wsl.guests import conf
from gpuready.simlab.wsl.linux import Linux


def test_the_file_is_read_back_as_it_was_declared() -> None:
    said = text({"boot": {"systemd": True}, "automount": {"root": "/mnt", "options": "metadata umask=022"}}, "anna")
    linux = Linux.small()
    linux.write("/etc/wsl.conf", (said or "").encode())
    assert conf(linux) == {
        "boot.systemd": "true", "automount.root": "/mnt", "automount.options": "metadata umask=022",
        "user.default": "anna",
    }  # fmt: skip


def test_nothing_declared_leaves_the_file_alone_and_an_empty_one_empties_it() -> None:
    assert text(None, None) is None
    assert text({}, None) == ""
    assert text(None, "anna") == "[user]\ndefault = anna\n"
    assert text({"user": {"default": "anna"}}, "anna") == "[user]\ndefault = anna\n"


@pytest.mark.parametrize("sections", [
    {"user": {"default": "root"}}, {"a b": {"c": 1}}, {"boot": {"sys temd": True}}, {"boot": ["systemd"]},
    {"boot": {"command": 'echo "x"'}}, {"boot": {"command": "a\nb"}}, {"boot": {"command": None}},
    {"boot": {"command": " "}},
])  # fmt: skip
def test_what_wsl_would_not_read_is_refused(sections: dict[str, Any]) -> None:
    with pytest.raises(SettingError):
        text(sections, "anna")
