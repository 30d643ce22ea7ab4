"""Ways of WSL that everything here stands on: what is never asked of wsl.exe, and what keeps a guest alive."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import jinja2
import pytest
import yaml
from ansible_collections.gpuready.lab.plugins.plugin_utils.guest import request

ROOT = Path(__file__).resolve().parents[2]
ROLE = ROOT / "roles/wsl"
PLUGINS = ROOT / "collections/ansible_collections/gpuready/lab/plugins"
ON_THE_PC = [
    *ROLE.rglob("tasks/*.yml"),
    *PLUGINS.glob("modules/wsl_*.ps1"),
    PLUGINS / "module_utils/windows/Wsl.psm1",
    *PLUGINS.glob("plugin_utils/guest/*.ps1"),
]


def config(given: object) -> str:
    text = (ROLE / "templates/wslconfig.j2").read_text()
    environment = jinja2.Environment(trim_blocks=True, autoescape=False)
    return environment.from_string(text).render(wsl_config=given)


def test_nothing_ends_a_guest_while_it_is_idle() -> None:
    """Services in a guest do not keep it; these two settings do."""
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
    assert config(defaults["wsl_config"]) == "[general]\ninstanceIdleTimeout=-1\n[wsl2]\nvmIdleTimeout=-1\n"


def test_paths_and_truths_are_written_as_wsl_reads_them() -> None:
    given = {"wsl2": {"kernel": r"C:\k\bzImage", "gpuSupport": True}}
    assert config(given) == "[wsl2]\nkernel=C:\\\\k\\\\bzImage\ngpuSupport=true\n"


@pytest.mark.parametrize("file", ON_THE_PC, ids=lambda path: path.name)
def test_features_and_package_are_not_left_to_wsl_install(file: Path) -> None:
    """It ends with 0 where a restart is needed, and brings no distribution then."""
    assert not re.search(r"--install\b", file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", ON_THE_PC, ids=lambda path: path.name)
def test_no_guest_is_started_without_a_command(file: Path) -> None:
    """One that is started without asks for a user's name; `--` would hand the command to the guest's login shell."""
    for line in file.read_text(encoding="utf-8").splitlines():
        if re.search(r"-d \$?\w+ -u ", line):
            assert "--exec" in line, line


def test_the_connection_hands_a_command_on_as_it_is() -> None:
    sent = request("wsl.exe", "g", "root", ["/bin/sh", "-c", 'echo "$HOME" `id`'], b"")
    line = base64.b64decode(sent.split(b"\r\n")[1]).decode()
    assert line.startswith("--distribution g --user root --cd / --exec /bin/sh -c ")
    assert " -- " not in line
