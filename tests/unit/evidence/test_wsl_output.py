"""wsl.exe's output: every recorded one, in every encoding and language, against expectations written by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.evidence import wsl_output
from ansible_collections.gpuready.lab.plugins.plugin_utils.evidence.wsl_output import Distribution, Status, Versions
from ansible_collections.gpuready.lab.plugins.plugin_utils.remedies import catalogue as remedies

DATA = Path(__file__).resolve().parents[2] / "data"
OUTPUTS = DATA / "wsl_outputs"
STRINGS = json.loads((DATA / "wsl_localized_strings.json").read_text(encoding="utf-8"))

ONE = "10.0.25131.1002-220531-1700.rs-onecore-base2-hyp"
VERSIONS = {
    "01": Versions("2.0.9.0", "5.15.133.1-1", "1.0.59", "1.2.4677", "1.611.1-81528511", ONE, "10.0.22631.2715"),
    "02": Versions(
        "2.2.4.0", "5.15.153.1-2", "1.0.61", "1.2.5326", "1.611.1-81528511", "10.0.26091.1-240325-1447.ge-release",
        "10.0.22631.3155",
    ),
    "04": Versions("1.2.5.0", "5.15.90.1", "1.0.51", "1.2.3770", "1.608.2-61064218", ONE, "10.0.22621.1702"),
    "05": Versions(
        "2.7.3.0", "6.6.114.1-1", "1.0.73", "1.2.6676", "1.611.1-81528511", "10.0.26100.1-240331-1435.ge-release",
        "10.0.26200.8457",
    ),
    "07": Versions("0.70.0.0", "5.15.68.1", "1.0.45", "1.2.3575", "1.606.4", ONE, "10.0.22621.674"),
    "08": Versions("0.56.2.0", "5.10.102.1", "1.0.30", "1.2.2924", "1.601.0", None, "10.0.22000.556"),
    "10": Versions("1.2.5.0", "5.15.90.1", "1.0.51", "1.2.3770", "1.608.2-61064218", ONE, "10.0.23471.1000"),
    "11": Versions("1.0.3.0", "5.15.79.1", "1.0.47", "1.2.3575", "1.606.4", ONE, "10.0.19044.2364"),
}  # fmt: skip
STATUSES = {
    "13": Status("Debian", 2, None),
    "14": Status("Ubuntu-22.04", 2, "5.10.102.1"),
    "16": Status(None, 1, None),
}
LISTS = {
    "17": [
        Distribution("Ubuntu-20.04", "Running", 2, True),
        Distribution("rancher-desktop-data", "Stopped", 2, False),
        Distribution("openSUSE-Leap-15.2", "Stopped", 2, False),
        Distribution("rancher-desktop", "Stopped", 2, False),
    ],
    "19": [
        Distribution("Ubuntu", "Running", 2, True),
        Distribution("Legacy", "Stopped", 1, False),
        Distribution("Ubuntu-18.04", "Stopped", 1, False),
        Distribution("docker-desktop", "Running", 2, False),
    ],
    "20": [
        Distribution("MyPengwin", "Running", 2, False),
        Distribution("WLinux", "Running", 2, False),
        Distribution("docker-desktop", "Stopped", 2, False),
        Distribution("docker-desktop-data", "Stopped", 2, False),
    ],
    "22": [],
    "23": [
        Distribution("Arch", None, None, True),
        Distribution("docker-desktop-data", None, None, False),
        Distribution("docker-desktop", None, None, False),
        Distribution("Ubuntu", None, None, False),
    ],
    "25": [Distribution("Ubuntu", None, None, True), Distribution("Ubuntu-20.04", None, None, False)],
    "26": [],  # the distributions that could be installed are not those that are
}
# tail, code, hresult, all codes
FAILURES = {
    "28": ("Wsl/UpdatePackage/E_ABORT", "E_ABORT", None, ("E_ABORT",)),
    "29": ("Wsl/0x80070422", "0x80070422", "0x80070422", ("0x80070422",)),
    "31": ("Wsl/CallMsi/Install/REGDB_E_CLASSNOTREG", "REGDB_E_CLASSNOTREG", None, ("REGDB_E_CLASSNOTREG",)),
    "32": (
        "Wsl/Service/CreateInstance/CreateVm/ConfigureNetworking/HNS/0x80070424", "0x80070424", "0x80070424",
        ("0x80070424",),
    ),
    "34": None,  # the system's own words, without a code
    "35": None,
    "38": (
        "Wsl/InstallDistro/WSL_E_INSTALL_PROCESS_FAILED", "WSL_E_INSTALL_PROCESS_FAILED", "0x80040328",
        ("0x80370114", "WSL_E_INSTALL_PROCESS_FAILED"),
    ),
}  # fmt: skip
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
    assert set(FILES) == set(VERSIONS) | set(STATUSES) | set(LISTS) | set(FAILURES)


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
        if number in STATUSES:
            assert wsl_output.status(text) == STATUSES[number]
        if number in LISTS:
            assert wsl_output.distributions(text) == LISTS[number]
        found = wsl_output.failure(text)
        expected = FAILURES.get(number)
        assert (None if found is None else (found.tail, found.code, found.hresult, found.codes)) == expected


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
        assert wsl_output.versions(wsl_output.decode(data)) == Versions(*seven)
    for data in encodings(six % (seven[:5] + seven[6:])):
        assert wsl_output.versions(wsl_output.decode(data)) == Versions(*seven[:5], None, seven[6])


@pytest.mark.parametrize("language", sorted(STRINGS))
def test_messages_of_every_language_are_no_versions_and_no_lists(language: str) -> None:
    for name, message in STRINGS[language].items():
        if name not in ("_count", "MessagePackageVersions"):
            text = message.replace("{}", "2.6.1.0") + "\n"
            assert wsl_output.versions(text) is None, name
            if not name.startswith(("MessagePrintDistro",)):
                assert wsl_output.distributions(text) == [], name


@pytest.mark.parametrize("language", sorted(STRINGS))
def test_status_list_and_error_in_every_language(language: str) -> None:
    own = STRINGS[language]
    status = f"{own['MessageStatusDefaultDistro']}\n{own['MessageStatusDefaultVersion']}\n".replace("{}", "%s") % (
        "Ubuntu-24.04",
        "2",
    )
    assert wsl_output.status(status) == Status("Ubuntu-24.04", 2, None)
    default = own["MessagePrintDistroDefault"].replace("{}", "Debian")
    listed = f"{own['MessageRegisteredDistrosHeader']}\n{default}\nUbuntu-24.04\n"
    assert wsl_output.distributions(listed) == [
        Distribution("Debian", None, None, True),
        Distribution("Ubuntu-24.04", None, None, False),
    ]
    error = own["MessageErrorCode"].replace("{}", "%s") % (
        own["MessageDistroNotFound"],
        "Wsl/Service/WSL_E_DISTRO_NOT_FOUND",
    )
    found = wsl_output.failure(error)
    assert found is not None
    assert (found.tail, found.code, found.hresult) == (
        "Wsl/Service/WSL_E_DISTRO_NOT_FOUND",
        "WSL_E_DISTRO_NOT_FOUND",
        "0x80040302",
    )


def test_error_codes_are_those_of_wsl() -> None:
    lines = (DATA / "wsl_error_codes.tsv").read_text(encoding="utf-8").splitlines()
    known = {name: f"0x{number:08x}" for name, number in remedies.names("wsl").items() if name.startswith("WSL_E_")}
    assert {name: code.lower() for name, code in (line.split("\t") for line in lines)} == known


def test_a_list_without_words() -> None:
    assert wsl_output.distributions("") == []
    assert wsl_output.distributions("Ubuntu-24.04\nDebian\n") == [
        Distribution("Ubuntu-24.04", None, None, False),
        Distribution("Debian", None, None, False),
    ]


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
