"""Pure parts of building: uv's words, names of wheels, what the controller offers."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from ansible_collections.gpuready.lab.plugins.plugin_utils.environment.sources import RequestError, Sources
from ansible_collections.gpuready.lab.plugins.plugin_utils.remedies import uv as uv_output
from ansible_collections.gpuready.lab.plugins.plugin_utils.stacks import wheels
from environment_help import lock_of, make_wheel, sha256

# Recorded with uv 0.13.9 on Linux, 2026-11; the Windows lines as Rust's std prints these errors there.
SAID = {
    "HASH_MISMATCH": """error: Failed to download `six==1.16.0`
  cause: Hash mismatch for `six==1.16.0`

         Expected:
           sha256:1e61c47477a1626458e36f7b1d82aa5c9b094fa4802892072e49de9c60c4c926

         Computed:
           sha256:8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254""",
    "INDEX_UNREACHABLE": """error: Request failed after 1 retry in 1.7s
  cause: Failed to fetch: https://127.0.0.1:9/simple/six/
  cause: error sending request for url (https://127.0.0.1:9/simple/six/)
  cause: client error (Connect)
  cause: tcp connect error
  cause: Connection refused (os error 111)""",
    "NO_WHEEL": """error: No solution found when resolving dependencies
  cause: Because six was not found in the provided package locations and you require six==1.16.0, we can conclude that
         your requirements are unsatisfiable.""",
    "INDEX_UNTRUSTED": """error: Failed to fetch: https://pypi.org/simple/six/
  cause: error sending request for url (https://pypi.org/simple/six/)
  cause: client error (Connect)
  cause: invalid peer certificate: UnknownIssuer""",
    "LOCK_UNHASHED": "error: In `--require-hashes` mode, all requirements must have a hash, "
    "but none were provided for: six==1.16.0",
    "DISK_FULL": """error: Failed to download `torch==2.4.1`
  cause: failed to write to the distribution cache
  cause: No space left on device (os error 28)""",
}


@pytest.mark.parametrize("code", SAID)
def test_uvs_words(code: str) -> None:
    explained = uv_output.explain("packages", SAID[code])
    line = explained.line
    assert explained.code == code
    assert "\n" not in line
    assert line.startswith("packages: ")
    assert ";" in line  # a cause and a next step


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("error: x\n  cause: There is not enough space on the disk. (os error 112)", "DISK_FULL"),
        (
            "error: failed to copy\n  cause: Es steht nicht genug Speicherplatz zur Verfügung. (os error 112)",
            "DISK_FULL",
        ),
        ("error: failed to remove\n  cause: Der Prozess kann nicht zugreifen. (os error 32)", "ENVIRONMENT_IN_USE"),
        ("error: Failed to fetch: `https://pypi.org/simple/six/`\n  cause: dns error", "INDEX_UNREACHABLE"),
        ("error: x\n  cause: HTTP status client error (401 Unauthorized) for url (https://a/b)", "INDEX_REFUSED"),
        ("error: Failed to build `gast==0.2.2`\n  cause: The build backend returned an error", "BUILD_FAILED"),
        ("error: failed to create directory\n  cause: Permission denied (os error 13)", "HOME_NOT_WRITABLE"),
        ("cause: Hash-checking is enabled, but no hashes were provided or computed for: a==1+cpu", "HASH_MISMATCH"),
        ("Because foo==1.0 has no wheels with a matching Python ABI tag (e.g., `cp310`)", "NO_WHEEL"),
        ("", "ENVIRONMENT_FAILED"),
        ("thread 'main' panicked", "ENVIRONMENT_FAILED"),
    ],
)
def test_other_words(text: str, code: str) -> None:
    assert uv_output.explain("packages", text).code == code


def test_names_and_hosts_are_said() -> None:
    assert "six==1.16.0 is not the file" in uv_output.explain("packages", SAID["HASH_MISMATCH"]).line
    assert "127.0.0.1:9 cannot be reached" in uv_output.explain("packages", SAID["INDEX_UNREACHABLE"]).line
    assert "packages: six " in uv_output.explain("packages", SAID["NO_WHEEL"]).line


def test_what_the_pc_knows_stands_and_what_was_tried_gives_way() -> None:
    network = SAID["INDEX_UNREACHABLE"]
    for known in ("INTERPRETER_MISSING", "UV_FAILED", None):
        found = uv_output.explain("interpreter", network, known=known)
        assert found.code == "INDEX_UNREACHABLE"
        assert "an archive of that Python" in found.next_step, "the second way"
        assert uv_output.explain("interpreter", "odd\n  last words", known=known).code == "INTERPRETER_MISSING"
    assert uv_output.explain("interpreter", "odd\n  last words").cause.endswith(": last words")
    assert uv_output.explain("interpreter", SAID["DISK_FULL"], known="INTERPRETER_MISSING").code == "DISK_FULL"
    assert uv_output.explain("packages", network, known="ENVIRONMENT_TIME_LIMIT").code == "ENVIRONMENT_TIME_LIMIT"


def test_no_password_is_said() -> None:
    text = "Failed to fetch: https://student:s3cret@mirror.lab/simple/six/ (https://student:s3cret@mirror.lab)"
    explained = uv_output.explain("packages", text)
    assert "s3cret" not in explained.line + uv_output.scrub(text)
    assert "mirror.lab" in explained.line
    assert explained.code == "INDEX_UNREACHABLE"
    text = "https://lab/a.zip?sig=s3cret cannot be fetched (https://anna:s3/cret@lab/b?sig=s3cret); check it"
    assert uv_output.scrub(text) == "https://lab/a.zip cannot be fetched (https://lab/b); check it"


@pytest.mark.parametrize(
    ("file", "platform", "python", "fits"),
    [
        ("six-1.16.0-py2.py3-none-any.whl", "windows", "3.7", True),
        ("numpy-1.23.5-cp310-cp310-win_amd64.whl", "windows", "3.10", True),
        ("numpy-1.23.5-cp310-cp310-win_amd64.whl", "windows", "3.11", False),
        ("numpy-1.23.5-cp310-cp310-win_amd64.whl", "linux", "3.10", False),
        ("numpy-1.23.5-cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "linux", "3.10", True),
        ("grpcio-1.62.3-cp37-cp37m-win_amd64.whl", "windows", "3.7", True),
        ("cryptography-42.0-cp37-abi3-win_amd64.whl", "windows", "3.10", True),
        ("cryptography-42.0-cp39-abi3-win_amd64.whl", "windows", "3.7", False),
        ("libclang-18.1.1-py2.py3-none-win_amd64.whl", "windows", "3.10", True),
        ("tensorflow_directml-1.15.8-2-cp37-cp37m-win_amd64.whl", "windows", "3.7", True),
        ("old-1.0-py2-none-any.whl", "linux", "3.10", False),
        ("gast-0.2.2.tar.gz", "windows", "3.7", True),
        ("notes.txt", "windows", "3.7", False),
        ("broken.whl", "windows", "3.7", False),
    ],
)
def test_fits(file: str, platform: str, python: str, fits: bool) -> None:
    assert (wheels.project_of(file) is not None and wheels.fits(file, platform, python)) is fits


def test_wanted() -> None:
    files = [
        "Six-1.16.0-py2.py3-none-any.whl",
        "gast-0.2.2.tar.gz",
        "setuptools-68.0.0-py3-none-any.whl",
        "wheel-0.40-py3-none-any.whl",
    ]
    files += ["other-1.0-py3-none-any.whl", "google_pasta-0.2.0-py3-none-any.whl"]
    assert wheels.wanted(files, ["six"], "linux", "3.7") == ["Six-1.16.0-py2.py3-none-any.whl"]
    meant = ["gast-0.2.2.tar.gz", "google_pasta-0.2.0-py3-none-any.whl"]
    assert wheels.wanted(files, ["gast", "google-pasta"], "linux", "3.7") == meant


def test_a_wheelhouse_gives_what_the_lock_names(tmp_path: Path) -> None:
    one, two = (make_wheel(tmp_path, "gpalpha", version) for version in ("1.0", "2.0"))
    make_wheel(tmp_path, "gpbeta", "1.0")
    sources = Sources()
    assert sources.wheelhouse(tmp_path, lock_of(two), "linux", "3.12") == [
        {"name": two.name, "sha256": sha256(two.read_bytes())}
    ]
    assert list(sources.files.values()) == [two]
    two.write_bytes(b"changed")
    assert sources.wheelhouse(tmp_path, lock_of(one), "linux", "3.12")[0]["name"] == one.name
    with pytest.raises(RequestError, match="not a folder"):
        sources.wheelhouse(tmp_path / "none", lock_of(one), "linux", "3.12")


def test_archives_of_the_controller(tmp_path: Path) -> None:
    file = tmp_path / "uv.zip"
    file.write_bytes(b"uv")
    good = hashlib.sha256(b"uv").hexdigest()
    sources = Sources()
    assert sources.archive("uv_archive", {"path": "uv.zip", "sha256": good.upper()}, file) == {
        "name": "uv.zip",
        "sha256": good,
    }
    assert sources.files == {good: file}
    share = {"path": r"\\server\share\uv.zip", "sha256": good}
    assert sources.archive("uv_archive", share, None) == share
    assert sources.archive("uv_archive", None, None) is None
    for bad, code in [
        ({"path": "uv.zip", "sha256": "0" * 64}, "HASH_MISMATCH"),
        ({"path": "uv.zip"}, "ARGUMENTS"),
        ({"sha256": good}, "ARGUMENTS"),
        ({"path": "a", "url": "b", "sha256": good}, "ARGUMENTS"),
        ({"file": "a", "sha256": good}, "ARGUMENTS"),
    ]:
        with pytest.raises(RequestError) as caught:
            sources.archive("uv_archive", bad, file)
        assert caught.value.code == code, bad
        assert "uv_archive" in str(caught.value)
