"""What README promises: on a bare Debian with git, make and python3-venv, `make provision` ends with the verdict.

All that is fetched goes through a proxy with a certificate authority of its own, as in many a company and school.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from fresh_help import Fresh, copy_python, python_mirror, why_not
from proxy_help import Proxy, proxy
from test_every_python import PYTHONS

HAS_NVIDIA = bool(shutil.which("nvidia-smi")) or Path("/proc/driver/nvidia/version").exists()
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def _possible() -> None:
    if reason := why_not():
        if os.environ.get("GPUREADY_REQUIRE_FRESH") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with proxy(tmp_path_factory.mktemp("proxy")) as found:
        yield found


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Callable[[str], Fresh]]:
    """A bare Debian of a suite, for this test."""
    made: list[Fresh] = []

    def make(suite: str) -> Fresh:
        made.append(Fresh(tmp_path, suite))
        return made[-1]

    yield make
    for one in made:
        one.remove()


def through(company: Proxy) -> dict[str, str]:
    return {"HTTPS_PROXY": company.url, "HTTP_PROXY": company.url}


def assert_verdict(fresh: Fresh, output: str) -> dict[str, Any]:
    """The run ended as README shows it; the PC's record."""
    assert " of 1 PC ready" in output, output[-3000:]
    assert "/reports/latest/report.html" in output
    clone = fresh.root / "home/lab/gpuready"
    (record,) = json.loads((clone / "reports/latest/report.json").read_text())["hosts"]
    if not HAS_NVIDIA:
        assert (record["verdict"]["state"], record["verdict"]["code"]) == ("NOT_READY", "NO_GPU"), output[-3000:]
    assert record["training"]["finished"] is True
    assert (fresh.root / "home/lab/user").read_text().strip() != "0"
    return dict(record)


def test_a_bare_debian_13_behind_a_proxy(company: Proxy, bare: Callable[[str], Fresh]) -> None:
    fresh = bare("trixie")
    fresh.clone()
    untrusted = fresh.make("setup", **through(company))
    assert untrusted.returncode != 0
    assert "Next step: " in untrusted.stdout, untrusted.stdout[-2000:]
    assert "update-ca-certificates" in untrusted.stdout
    assert "Traceback" not in untrusted.stdout
    fresh.trust(company.certificate)
    # The stack's Python is fetched by uv; where it fetches from is not in reach of every machine that tests.
    folder = fresh.root / "srv/python"
    folder.mkdir(parents=True)
    settings = through(company)
    if "3.11" in PYTHONS:
        python_mirror(PYTHONS["3.11"], folder, "/srv/python")
        settings["UV_PYTHON_DOWNLOADS_JSON_URL"] = "/srv/python/python.json"
    done = fresh.make("provision", **settings)
    assert done.returncode == 0, done.stdout[-3000:]
    record = assert_verdict(fresh, done.stdout)
    assert record["training"]["python"]["version"].startswith("3.11.")
    assert company.hosts


def test_a_bare_debian_12_with_a_python_from_elsewhere(company: Proxy, bare: Callable[[str], Fresh]) -> None:
    newest = max((name for name in PYTHONS if 12 <= int(name[2:]) <= 14), key=lambda name: int(name[2:]))
    fresh = bare("bookworm")
    copy_python(PYTHONS[newest], fresh.root / "opt/python")
    fresh.trust(company.certificate)
    fresh.clone()
    done = fresh.make("provision", PATH="/usr/local/bin:/usr/bin:/bin:/opt/python/bin", **through(company))
    assert done.returncode == 0, done.stdout[-3000:]
    record = assert_verdict(fresh, done.stdout)
    assert record["training"]["python"]["version"].startswith("3.11.")  # Debian's own, for the stack
    assert newest in fresh.run(f"{fresh.home}/gpuready/.venv/bin/python --version").stdout
