"""drivers.yml: what is believed, and that every mistake is a line with its place and the next step, all at once."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.installers import document, model
from installers_help import SHA256, entry, file_of


def mistakes(text: str) -> list[str]:
    return [one.shown("drivers.yml") for one in model.parse(text)[1]]


def test_an_entry_with_every_key() -> None:
    given = entry(
        architecture="x86_64",
        families=["turing", "ada"],
        pci=["10DE:2684"],
        products="geforce",
        computers=["desktop"],
        makers=["Dell Inc."],
        arguments=["-s", "-noreboot"],
        packages=["Display.Driver"],
        pinned=True,
    )
    found, wrong = model.parse(file_of(given))
    assert wrong == []
    (one,) = found
    assert one == model.Installer(
        id="nvidia-560.94",
        line=3,
        vendor="nvidia",
        version="560.94",
        windows=("10", "11"),
        sha256=SHA256,
        architecture="x86_64",
        families=("turing", "ada"),
        pci=("10de:2684",),
        products=("geforce",),
        computers=("desktop",),
        makers=("Dell Inc.",),
        file="560.94.exe",
        arguments=("-s", "-noreboot"),
        packages=("Display.Driver",),
        pinned=True,
    )


def test_what_is_not_said_limits_nothing() -> None:
    ((one,), wrong) = model.parse(file_of(entry()))
    assert wrong == []
    assert (one.architecture, one.families, one.pci, one.computers, one.makers) == ("x86_64", (), (), (), ())
    assert (one.arguments, one.pinned) == (None, False)


def test_no_arguments_are_not_the_usual_ones() -> None:
    assert model.parse(file_of(entry(arguments=[])))[0][0].arguments == ()


@pytest.mark.parametrize(
    ("vendor", "written", "version"),
    [
        ("nvidia", "560.94", "560.94"),
        ("nvidia", "32.0.15.6094", "560.94"),
        ("nvidia", "32.0.16.1047", "610.47"),
        ("intel", "101.5590", "101.5590"),
        ("intel", "32.0.101.5590", "101.5590"),
        ("amd", "24.3.1", "24.3.1"),
        ("amd", "20.20.01.05", "20.20.01.05"),
    ],
)
def test_versions_as_the_vendors_number_them(vendor: str, written: str, version: str) -> None:
    families = {"nvidia": None, "intel": ["arc"], "amd": ["rdna2"]}[vendor]
    found, wrong = model.parse(file_of(entry(vendor=vendor, version=written, families=families)))
    assert wrong == []
    assert found[0].version == version


def test_a_version_without_quotes_keeps_its_zero() -> None:
    """YAML's own reading makes 560.9 of it, which is another version."""
    text = file_of(entry(version="560.90")).replace("'560.90'", "560.90")
    assert "version: 560.90\n" in text
    assert model.parse(text)[0][0].version == "560.90"


def test_windows_without_quotes() -> None:
    assert model.parse(file_of(entry(windows=[10, 11])))[0][0].windows == ("10", "11")


# what is changed in the entry -> what is said of it
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"id": None}, "entry 1: id: is missing"),
    ({"id": "a b"}, "entry 1: id: 'a b': letters, digits and . _ + - make an id"),
    ({"vendor": "matrox"}, "vendor: 'matrox' is not one of nvidia, amd, intel"),
    ({"version": "560"}, "version: '560' is no version of nvidia: write it as 560.94"),
    ({"version": "560.94-beta"}, "version: '560.94-beta' is no version of nvidia"),
    (
        {"vendor": "amd", "version": "31.0.24002.92", "families": ["rdna2"]},
        "version: '31.0.24002.92' is no version of amd (AMD's Windows number follows no rule): write it as 24.3.1",
    ),
    ({"vendor": "intel", "version": "101", "families": ["arc"]}, "is no version of intel: write it as 101.5590"),
    ({"vendor": "amd", "version": "24.3.1"}, "families: for which GPUs? amd's packages differ: give families or pci"),
    ({"vendor": "intel", "version": "101.5590"}, "families: for which GPUs?"),
    ({"windows": None}, "windows: is missing: for which Windows: 7, 8.1, 10"),
    ({"windows": ["12"]}, "windows: '12' is not one of 7, 8.1, 10, 11, server-2016"),
    ({"windows": {"a": "10"}}, "windows: this is not a list of texts"),
    ({"windows": ["10", ["11"]]}, "windows: this is not one text"),
    ({"windows": ["10", "10"]}, "windows: it has a value twice"),
    ({"architecture": "mips"}, "architecture: 'mips' is not one of x86_64, arm64"),
    ({"families": ["rdna2"]}, "families: 'rdna2' is not one of fermi, kepler"),
    ({"families": ["x"] * 201}, "families: more than 200 values"),
    ({"pci": ["10de"]}, "pci: '10de' is no vendor and device id: write it as 10de:2684"),
    ({"pci": ["1002:73bf"]}, "pci: 1002:73bf is no GPU of nvidia"),
    ({"products": ["tesla"]}, "products: 'tesla' is not one of geforce, professional, data-center"),
    (
        {"vendor": "amd", "version": "24.3.1", "families": ["rdna2"], "products": ["geforce"]},
        "products: these are NVIDIA's packages, not amd's",
    ),
    ({"computers": ["tower"]}, "computers: 'tower' is not one of desktop, laptop"),
    ({"sha256": None}, "sha256: is missing"),
    ({"sha256": "ab" * 31}, "this is no SHA-256 of 64 hexadecimal digits: run `gpuready drivers FOLDER`"),
    ({"sha256": "g" * 64}, "this is no SHA-256"),
    ({"file": None}, "file: none of file, share, url and windows_update: give one of the four"),
    ({"url": "https://server/a.exe"}, "file: file and url: give one of the four"),
    ({"file": "../a.exe"}, "file: this is no path below the folder of this file: write it as nvidia/setup.exe"),
    ({"file": "a/../../b.exe"}, "file: this is no path below"),
    ({"file": "/etc/passwd.exe"}, "file: this is no path below"),
    ({"file": "~/a.exe"}, "file: this is no path below"),
    ({"file": "C:/a.exe"}, "file: this is no path below"),
    ({"file": "a\\b.exe"}, "file: this is no path below"),
    ({"file": "a//b.exe"}, "file: this is no path below"),
    ({"file": "a.exe\0b.exe"}, "file: this is not one line of text"),
    ({"file": "a\n.exe"}, "file: this is not one line of text"),
    ({"file": "a" * 2000 + ".exe"}, "file: this is not one line of text"),
    ({"file": "driver.msi"}, "file: it ends in none of .exe and .zip"),
    ({"file": "{{ lookup('pipe', 'id') }}.exe"}, "file: this file holds no templates"),
    ({"file": ["a.exe", "b.exe"]}, "file: this is not one text"),
    ({"file": None, "share": "\\\\server\\a.exe"}, "share: this is no file of a share"),
    ({"file": None, "share": "\\\\server\\share\\..\\a.exe"}, "share: this is no file of a share"),
    ({"file": None, "share": "\\\\.\\pipe\\a.exe"}, "share: this is no file of a share"),
    ({"file": None, "share": "\\\\?\\C:\\a.exe"}, "share: this is no file of a share"),
    ({"file": None, "share": "//server/share/a.exe"}, "share: this is no file of a share"),
    ({"file": None, "url": "ftp://server/a.exe"}, "url: this is no URL of http or https"),
    ({"file": None, "url": "file:///a.exe"}, "url: this is no URL of http or https"),
    ({"file": None, "url": "https://server:x/a.exe"}, "url: this is no URL"),
    ({"file": None, "url": "https://server/a b.exe"}, "url: this is no URL of http or https"),
    ({"file": None, "url": "https://server/a.html"}, "url: it ends in none of .exe and .zip"),
    ({"file": "a.zip"}, "inf: which INF file of the archive?"),
    ({"file": "a.zip", "inf": "../a.inf"}, "inf: this is no path of an INF file in the archive"),
    ({"file": "a.zip", "inf": "a.exe"}, "inf: this is no path of an INF file in the archive"),
    ({"inf": "a.inf"}, "inf: it belongs to an archive (.zip)"),
    ({"arguments": ["/user:x", "/password=y"]}, "arguments: a password is in no program's arguments"),
    ({"arguments": ["--password", "hunter2"]}, "arguments: a password is in no program's arguments"),
    ({"packages": ["Display Driver"]}, "packages: 'Display Driver' is no package: write it as Display.Driver"),
    (
        {"vendor": "amd", "version": "24.3.1", "families": ["rdna2"], "packages": ["Display.Driver"]},
        "packages: NVIDIA's installer takes them, not amd's",
    ),
    ({"pinned": "perhaps"}, "pinned: 'perhaps' is not one of true, false"),
    ({"verison": "1"}, "verison: is not a key of this place (id, vendor, version"),
    ({"windows": "?"}, "windows: this is still a question: for which Windows: 7"),
    ({"families": "?"}, "families: this is still a question: for which GPUs?"),
    ({"vendor": "?"}, "vendor: this is still a question: whose driver is it: nvidia, amd, intel?"),
    ({"version": "?"}, "version: this is still a question: which version"),
]


@pytest.mark.parametrize(("change", "said"), WRONG, ids=[said[:50] for _, said in WRONG])
def test_a_mistake_is_one_line_with_its_place(change: dict[str, Any], said: str) -> None:
    text = file_of(entry(**change))
    found, wrong = model.parse(text)
    assert found == ()
    (line,) = [one.shown("drivers.yml") for one in wrong]
    name = "entry 1" if change.get("id", 0) != 0 else "nvidia-560.94"
    assert line.startswith("drivers.yml: line ")
    assert f": {name}: " in line
    assert said in line
    assert line.isprintable()
    key = next(iter(change), "")
    if key in text and "none of file, share and url" not in said:  # the line of the key itself
        at = int(line.split("line ")[1].split(":")[0])
        assert any(word in text.splitlines()[at - 1] for word in (key, *change, "- ", "file"))


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@server/a.exe",
        "https://hunter2@server/a.exe",
        "https://server/a.exe?token=hunter2",
        "https://server/a.exe?X-Amz-Signature=hunter2",
        "https://server/a.exe?a=1&sig=hunter2",
    ],
)
def test_a_url_with_a_secret_is_refused_and_not_repeated(url: str) -> None:
    (line,) = mistakes(file_of(entry(file=None, url=url)))
    assert "in a URL ends in logs: put the file on a share" in line
    assert "hunter2" not in line


@pytest.mark.parametrize(
    "change",
    [
        {"url": "https://us.download.nvidia.com/Windows/560.94/560.94-desktop.exe"},
        {"url": "http://10.0.0.1:8080/drivers/560.94.exe?room=3"},
        {"share": r"\\server\share\nvidia\560.94.exe"},
        {"share": r"\\server\share$\Treiber für Räume\560.94.exe"},
        {"file": "nvidia/560.94-desktop (1).exe"},
        {"file": "Treiber/Grafik.ZIP", "inf": "Display/nv_disp.inf"},
        {"url": "https://server/a.zip?x=1", "inf": "a.inf"},
    ],
)
def test_where_an_installer_may_come_from(change: dict[str, Any]) -> None:
    found, wrong = model.parse(file_of(entry(**{"file": None, **change})))
    assert wrong == []
    assert found[0].source == next(iter(change.values()))


def test_every_mistake_is_told_at_once_in_the_order_of_the_lines() -> None:
    first, second = entry(version="x", windows=["95"], sha256="?"), entry(id="b", vendor="?", colour="red")
    lines = mistakes(file_of(first, second, "text", entry(id="c", pinned="x")))
    assert [line.split(": ")[2:4] for line in lines] == [
        ["nvidia-560.94", "version"],
        ["nvidia-560.94", "windows"],
        ["nvidia-560.94", "sha256"],
        ["b", "vendor"],
        ["b", "colour"],
        ["entry 3", "this is no mapping of keys"],
        ["c", "pinned"],
    ]
    numbers = [int(line.split("line ")[1].split(":")[0]) for line in lines]
    assert numbers == sorted(numbers)


def test_entries_that_stand_in_each_others_way() -> None:
    other = "cd" * 32
    lines = mistakes(
        file_of(entry(), entry(file="b.exe"), entry(id="other", version="561.09", sha256=other), entry(id="x", pci="?"))
    )
    assert any("NVIDIA-560.94".lower() in line and "id: stands in line 3 already" in line for line in lines)
    assert any("it is for the same PCs as that of line 3: keep one" in line for line in lines)
    assert any("other: sha256: line 3 has another for the same 560.94.exe" in line for line in lines)


def test_an_id_in_other_letters_is_the_same_id() -> None:
    assert "id: stands in line 3 already" in mistakes(file_of(entry(), entry(id="NVIDIA-560.94", version="561.09")))[0]


def test_one_file_for_several_kinds_of_pcs() -> None:
    found, wrong = model.parse(file_of(entry(families=["ada"], packages=["Display.Driver"]), entry(id="rest")))
    assert wrong == []
    assert len(found) == 2


# the file's whole text -> what is said of it
TEXTS = {
    "": "drivers.yml: it is empty",
    "# nothing\n": "drivers.yml: it is empty",
    "- a\n": "drivers.yml: line 1: this is no mapping with schema_version and installers",
    "schema_version: 1\n": "drivers.yml: line 1: installers: it holds no list of entries",
    "schema_version: 1\ninstallers: []\n": "drivers.yml: line 2: installers: it holds no list of entries",
    "schema_version: 1\ninstallers: {a: b}\n": "drivers.yml: line 2: installers: it holds no list of entries",
    "installers: [\n": "drivers.yml: line 2: ",
    "a: b: c\n": "drivers.yml: line 1: mapping values are not allowed ",
    "a: 1\n---\nb: 2\n": "drivers.yml: line 2: but found another document",
    "schema_version: 1\ninstallers: &a [*a]\n": "drivers.yml: line 2: an anchor or alias (& or *)",
    "a: &x [1]\nb: *x\n": "drivers.yml: line 1: an anchor or alias",
    "a: [[[[[[[[1]]]]]]]]\n": "drivers.yml: line 1: nested too deeply",
    "a: " + "[" * 100_000: "drivers.yml: line 1: nested too deeply",
    "a: " + "x" * 2**20: "drivers.yml: it has more than 1048576 characters",
    "\0": "drivers.yml: ",
    "a: \x1b[31m\n": "drivers.yml: ",
}


@pytest.mark.parametrize(("text", "said"), TEXTS.items(), ids=[said[13:50] for said in TEXTS.values()])
def test_a_file_that_is_none(text: str, said: str) -> None:
    found, wrong = model.parse(text)
    lines = [one.shown("drivers.yml") for one in wrong]
    assert found == ()
    assert any(line.startswith(said) for line in lines), lines
    assert all(line.isprintable() for line in lines)


def test_a_bomb_of_aliases_is_refused_before_it_is_built() -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 10))
    assert mistakes(f"l0: &l0 [x]\n{levels}\n") == [
        "drivers.yml: line 1: an anchor or alias (& or *): write each entry out"
    ]


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system ['id']", "!vault abc", "!!binary aGk="])
def test_a_tag_is_refused(tag: str) -> None:
    text = file_of(entry()).replace("sha256: " + SHA256, f"sha256: {tag}")
    assert any("a tag (" in line and line.startswith("drivers.yml: line 10: ") for line in mistakes(text))


def test_a_key_twice_is_a_mistake() -> None:
    text = file_of(entry()) + "  vendor: amd\n"
    (line,) = mistakes(text.replace("  vendor: amd\n", "  vendor: nvidia\n"))
    assert line == "drivers.yml: line 11: vendor: stands in line 4 already: keep one"


def test_an_unknown_schema_is_not_guessed_at() -> None:
    text = file_of(entry()).replace("schema_version: 1", "schema_version: 2")
    assert mistakes(text) == ["drivers.yml: line 1: schema_version: 2 is not known here: 1 is"]


def test_too_many_entries() -> None:
    text = file_of(*(entry(id=f"e{n}", version=f"5{n // 100:02}.{n % 100:02}", file=f"{n}.exe") for n in range(1001)))
    assert mistakes(text)[0] == "drivers.yml: line 2: installers: more than 1000 entries: no lab has so many"


def test_what_a_key_is_called_reaches_no_terminal() -> None:
    (line,) = [line for line in mistakes(file_of(entry(**{"\x1b[31mred": "x"}))) if "not a key" in line]
    assert line.isprintable()


def test_the_lines_of_values() -> None:
    content, wrong = document.read("a:\n  - b\n  - c: d\n")
    assert wrong == []
    assert content is not None
    assert isinstance(content.content, dict)
    assert [one.line for one in content.content["a"].content or [] if isinstance(one, document.Value)] == [2, 3]


def test_windows_update_is_a_source_without_a_file() -> None:
    one = entry(windows_update="true", accept_licence="true", file=None, sha256=None)
    (found,), wrong = model.parse(file_of(one))
    assert not wrong
    assert (found.windows_update, found.accept_licence, found.sha256, found.source) == (
        True,
        True,
        "",
        "Windows Update",
    )


@pytest.mark.parametrize(("change", "said"), [
    ({"windows_update": "true", "file": None}, "sha256: Windows Update brings the driver, and there is no file"),
    ({"windows_update": "true", "sha256": None}, "file: file and windows_update: give one of the four"),
    ({"windows_update": "true", "file": None, "sha256": None, "packages": ["Display.Driver"]}, "packages: Windows Upd"),
    ({"accept_licence": "true"}, "accept_licence: it belongs to windows_update"),
])  # fmt: skip
def test_what_windows_update_has_no_use_for_is_a_mistake(change: dict[str, Any], said: str) -> None:
    _, (wrong,) = model.parse(file_of(entry(**change)))
    assert wrong.text.startswith(said)
