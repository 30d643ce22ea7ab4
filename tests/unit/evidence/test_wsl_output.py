"""wsl.exe's output: every recorded one, in every encoding and language, against expectations written by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.evidence import wsl_output
from ansible_collections.gpuready.lab.plugins.plugin_utils.evidence.wsl_output import Versions
from ansible_collections.gpuready.lab.plugins.plugin_utils.remedies import catalogue as remedies

DATA = Path(__file__).resolve().parents[2] / "data"
OUTPUTS = DATA / "wsl_outputs"
STRINGS = json.loads((DATA / "wsl_localized_strings.json").read_text(encoding="utf-8"))

VERSIONS = {
    "01": Versions("2.0.9.0", "5.15.133.1-1"),
    "02": Versions("2.2.4.0", "5.15.153.1-2"),
    "04": Versions("1.2.5.0", "5.15.90.1"),
    "05": Versions("2.7.3.0", "6.6.114.1-1"),
    "07": Versions("0.70.0.0", "5.15.68.1"),
    "08": Versions("0.56.2.0", "5.10.102.1"),
    "10": Versions("1.2.5.0", "5.15.90.1"),
    "11": Versions("1.0.3.0", "5.15.79.1"),
}
# wsl --status and wsl --list, which nobody asks for: they are neither versions nor a failure.
OTHERS = {"13", "14", "16", "17", "19", "20", "22", "23", "25", "26"}
# tail, code
FAILURES = {
    "28": ("Wsl/UpdatePackage/E_ABORT", "E_ABORT"),
    "29": ("Wsl/0x80070422", "0x80070422"),
    "31": ("Wsl/CallMsi/Install/REGDB_E_CLASSNOTREG", "REGDB_E_CLASSNOTREG"),
    "32": ("Wsl/Service/CreateInstance/CreateVm/ConfigureNetworking/HNS/0x80070424", "0x80070424"),
    "34": None,  # the system's own words, without a code
    "35": None,
    "38": ("Wsl/InstallDistro/WSL_E_INSTALL_PROCESS_FAILED", "WSL_E_INSTALL_PROCESS_FAILED"),
}
FILES = {path.name[:2]: path for path in sorted(OUTPUTS.glob("*.stdout.txt"))}


def encodings(text: str) -> list[bytes]:
    """The bytes in which this text may arrive."""
    windows = text.replace("\n", "\r\n")
    inbox = text.replace("\n", "\r\r\n")
    return [
        text.encode(),
        windows.encode(),
        windows.encode("utf-8-sig"),
        windows.encode("utf-16-le"),
        windows.encode("utf-16"),
        windows.encode("utf-16-be"),
        b"\xfe\xff" + windows.encode("utf-16-be"),
        inbox.encode("utf-16-le"),
        windows.encode("utf-16-le") + b"\x0d",  # cut off within a letter
    ]


def test_every_recorded_output_has_an_expectation() -> None:
    assert set(FILES) == set(VERSIONS) | OTHERS | set(FAILURES)


@pytest.mark.parametrize("number", sorted(FILES))
def test_decodes_the_bytes_of_windows(number: str) -> None:
    text = FILES[number].read_text(encoding="utf-8")
    recorded = FILES[number].with_name(FILES[number].name.replace(".txt", ".utf16le.bin")).read_bytes()
    assert wsl_output.decode(recorded) == text
    for data in encodings(text):
        assert wsl_output.decode(data).rstrip("\n") == text.rstrip("\n")


@pytest.mark.parametrize("number", sorted(FILES))
def test_reads_the_recorded_output(number: str) -> None:
    for data in encodings(FILES[number].read_text(encoding="utf-8")):
        text = wsl_output.decode(data)
        assert wsl_output.versions(text) == VERSIONS.get(number)
        found = wsl_output.failure(text)
        expected = FAILURES.get(number)
        assert (None if found is None else (found.tail, found.code)) == expected


def test_utf16_that_somebody_read_as_utf8() -> None:
    entry = next(
        e for e in json.loads((OUTPUTS / "index.json").read_text(encoding="utf-8")) if e["file_prefix"] == "37"
    )
    assert wsl_output.decode(entry["stderr_utf16_as_utf8"]) == "The file cannot ..."


@pytest.mark.parametrize("language", sorted(STRINGS))
def test_version_in_every_language(language: str) -> None:
    seven = (
        "2.6.1.0",
        "6.6.87.2-1",
        "1.0.66",
        "1.2.6353",
        "1.611.1-81528511",
        "10.0.26100.1-240331-1435.ge-release",
        "10.0.26100.4652",
    )
    template = STRINGS[language]["MessagePackageVersions"]
    text = template.replace("{}", "%s") % seven + "\n"
    six = "\n".join(line for line in template.split("\n") if "DXCore" not in line).replace("{}", "%s")
    for data in encodings(text):
        assert wsl_output.versions(wsl_output.decode(data)) == Versions(*seven[:2])
    for data in encodings(six % (seven[:5] + seven[6:])):
        assert wsl_output.versions(wsl_output.decode(data)) == Versions(*seven[:2])


@pytest.mark.parametrize("language", sorted(STRINGS))
def test_messages_of_every_language_are_no_versions(language: str) -> None:
    for name, message in STRINGS[language].items():
        if name not in ("_count", "MessagePackageVersions"):
            text = message.replace("{}", "2.6.1.0") + "\n"
            assert wsl_output.versions(text) is None, name


@pytest.mark.parametrize("language", sorted(STRINGS))
def test_an_error_in_every_language(language: str) -> None:
    own = STRINGS[language]
    error = own["MessageErrorCode"].replace("{}", "%s") % (
        own["MessageDistroNotFound"],
        "Wsl/Service/WSL_E_DISTRO_NOT_FOUND",
    )
    found = wsl_output.failure(error)
    assert found is not None
    assert (found.tail, found.code) == ("Wsl/Service/WSL_E_DISTRO_NOT_FOUND", "WSL_E_DISTRO_NOT_FOUND")


def test_error_codes_are_those_of_wsl() -> None:
    """Every error of WSL's own is known by its name and by its number, as the same."""
    lines = (DATA / "wsl_error_codes.tsv").read_text(encoding="utf-8").splitlines()
    for name, number in (line.split("\t") for line in lines):
        code = remedies.match(name, "wsl")
        assert code is not None, name
        assert remedies.by_number(int(number, 16), channel="wsl") == code, name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "2.6.1.0\n",
        "Kernel\n",
        "uv 0.9.2\nfoo 1.2.3 bar\n",
        "WSL 2.6\nKernel 6.6.87\n",
        "Updating to version: 2.0.3.\n",
        "\ufffd\ufffd",
    ],
)
def test_what_is_no_version_is_none(text: str) -> None:
    assert wsl_output.versions(text) is None


def test_warnings_before_the_versions() -> None:
    text = "wsl: Nested virtualization is not supported.\nWSL version: 2.6.1.0\nKernel version: 6.6.87.2-1\n"
    assert wsl_output.versions(text) == Versions("2.6.1.0", "6.6.87.2-1")


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"\xff\xfe", b"\0", b"\0\0\0", b"\xef\xbb\xbf", "字".encode()[:2], b"a\xff\xfe\0"]
)
def test_no_bytes_are_an_exception(data: bytes) -> None:
    assert isinstance(wsl_output.decode(data), str)


def test_text_in_utf8_that_was_cut_off_or_has_a_nul() -> None:
    assert wsl_output.decode("カーネル バージョン".encode()[:-1]) == "カーネル バージョ"
    assert wsl_output.decode("Versión de WSL: 2.7.3.0\n".encode() + b"\0") == "Versión de WSL: 2.7.3.0\n"
