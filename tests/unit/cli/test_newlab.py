"""A lab's folder from a table of its PCs: whatever a spreadsheet writes is read, and what is wrong has a line."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import yaml

from gpuready import GpureadyError, cli, contract, inventory, newlab, project, table

ROOT = project.root()
KNOWN, STACKS = contract.load(ROOT), project.stacks(ROOT)


def pcs_of(tmp_path: Path, content: str | bytes, name: str = "pcs.csv") -> list[table.Pc]:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return table.read(path, KNOWN, STACKS)


def hosts(folder: Path, **more: Any) -> dict[str, Any]:
    return {name: dict(found) for name, found in inventory.hosts([str(folder)], ROOT, **more).items()}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("sign", [";", ",", "\t"])
def test_what_spreadsheets_write_is_read(tmp_path: Path, encoding: str, sign: str) -> None:
    rows = [["Rechner", "IP-Adresse", "Raum", "GPU", "Bemerkung"], ["pc01", "10.0.0.1", "Hörsaal 3", "nvidia", "neu"]]
    rows += [["pc02", "", "", "", ""], ["", "", "", "", ""]]
    text = "\r\n".join(sign.join(row) for row in rows) + "\r\n"
    first, second = pcs_of(tmp_path, text.encode(encoding))
    assert first == table.Pc("pc01", "10.0.0.1", "Hörsaal 3", {"gpuready_adapter": "nvidia"})
    assert second == table.Pc("pc02")


def test_a_cell_may_hold_the_sign_between_columns(tmp_path: Path) -> None:
    (pc,) = pcs_of(tmp_path, 'name,room\npc1,"Lab 3, left"\n')
    assert pc.room == "Lab 3, left"


def test_a_wish_of_several_words_and_the_line_that_excel_writes_first(tmp_path: Path) -> None:
    (pc,) = pcs_of(tmp_path, "sep=;\r\nname;knows linux;rooms of mine\r\npc1;true;2\r\n")
    assert pc == table.Pc("pc1", wishes={"gpuready_knows_linux": "true"})


WRONG = {
    "": "the table is empty",
    "\n\n": "the table is empty",
    "room;gpu\n1;nvidia\n": "line 1: no column is called name",
    "name;pc\na;b\n": "line 1: name and pc mean the same",
    "name;ip\n;10.0.0.1\n": "line 2: this PC has no name",
    "name\npc 1\n": "line 2: 'pc 1' is not a PC's name",
    "name;ip\npc1;10.0.0.1\nPC1;10.0.0.2\n": "line 3: pc1 stands in line 2 already",
    "name;ip\npc1;10.0.0.1\npc2;10.0.0.1\n": "line 3: 10.0.0.1 stands in line 2 already",
    "name;ip\npc1;10.0.0.1 left\n": "line 2: pc1: '10.0.0.1 left' is neither an address nor a name",
    "name;library\npc1;tensorflaw\n": "line 2: pc1: gpuready_library: 'tensorflaw' is not one of",
    "name;room\npc1;{{ lookup('env', 'HOME') }}\n": "a table holds no templates",
    "name;adress\npc1;10.0.0.1\n": "line 1: adress is no column that is read: did you mean address?",
    "name;gpuready_libary\npc1;cuda\n": "line 1: gpuready_libary is no wish: did you mean gpuready_library?",
    "name;gpuready_knows_linux\npc1;maybe\n": "line 2: pc1: gpuready_knows_linux: 'maybe' is not one of",
    "name;room\npc1;1;10.0.0.1\n": "line 2: '10.0.0.1' stands below no column's name",
    "name;ip\npc1;10.0.0.1:5986\n": "line 2: pc1: 10.0.0.1:5986: an address alone; a port is a variable",
    "name\npc1\nAll\n": "line 3: All is Ansible's or the lab's own word",
    "name;room\nroom_1;1\n": "room_1 would be a PC and the group of a room",
    "name\n\n;\n": "there is no PC below the column names",
}


@pytest.mark.parametrize(("content", "said"), WRONG.items())
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(GpureadyError) as error:
        pcs_of(tmp_path, content)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"PK\x03\x04rest", b"name\0\0\xff\n", b"name\xff\x81\x00"])
def test_what_is_no_text_is_told(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(GpureadyError, match="CSV"):
        pcs_of(tmp_path, content)


@pytest.mark.parametrize(
    ("room", "name"),
    [("Hörsaal 3", "room_hoersaal_3"), ("B-12/a", "room_b_12_a"), ("Übung", "room_uebung"), ("教室", "room_other")],
)
def test_a_room_becomes_a_group(room: str, name: str) -> None:
    assert table.group(room) == name


def test_the_folder_is_an_inventory_of_these_pcs(tmp_path: Path) -> None:
    pcs = [
        table.Pc("pc1", "10.0.0.1", "A 1", {"gpuready_adapter": "nvidia"}),
        table.Pc("pc2", None, "A-1"),
        table.Pc("pc3"),
    ]
    folder = newlab.make(tmp_path / "my lab", "domain", pcs, domain="uni.example.de", user="deploy")
    found = hosts(folder)
    assert list(found) == ["pc1", "pc2", "pc3"]
    assert {one["ansible_user"] for one in found.values()} == {"deploy@UNI.EXAMPLE.DE"}
    assert {one["ansible_winrm_transport"] for one in found.values()} == {"kerberos"}
    assert (found["pc1"]["ansible_host"], found["pc1"]["gpuready_adapter"]) == ("10.0.0.1", "nvidia")
    # An address is no name that Kerberos knows.
    assert found["pc1"]["ansible_winrm_kerberos_hostname_override"] == "pc1.uni.example.de"
    assert found["pc2"]["ansible_host"] == "pc2.uni.example.de"
    assert found["pc2"]["room"] == "A-1"
    assert list(hosts(folder, limit="room_a_1_2")) == ["pc2"]  # two rooms whose names are one to Ansible
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(("way", "transport", "port"), [("workgroup", "ntlm", 5985), ("https", "ntlm", 5986)])
def test_the_other_ways(tmp_path: Path, way: str, transport: str, port: int) -> None:
    folder = newlab.make(tmp_path / "lab", way, [table.Pc("pc1", "10.0.0.1")], user="teacher")
    (found,) = hosts(folder).values()
    assert (found["ansible_winrm_transport"], found["ansible_port"], found["ansible_user"]) == (
        transport,
        port,
        "teacher",
    )


def test_without_a_table_there_is_the_commented_example(tmp_path: Path) -> None:
    folder = newlab.make(tmp_path / "lab", "workgroup")
    assert (folder / "hosts.yml").read_text() == (ROOT / "inventories/lab/hosts.yml").read_text()
    with pytest.raises(GpureadyError, match=r"names no PC: fill in its hosts, or `gpuready init pcs\.csv`"):
        hosts(folder)


REFUSED: dict[str, dict[str, Any]] = {
    "--reach smoke: give one of domain, workgroup, https": {"way": "smoke"},
    "--reach domain needs the domain's full name": {"way": "domain"},
    "--domain UNI: give the domain's full name": {"way": "domain", "domain": "UNI"},
    "--user UNI\\\\deploy: give the name alone": {"way": "workgroup", "user": "UNI\\deploy"},
    "--user a: b": {"way": "workgroup", "user": "a: b"},
}


@pytest.mark.parametrize(("said", "given"), REFUSED.items())
def test_what_cannot_be_is_refused_and_nothing_is_made(tmp_path: Path, said: str, given: dict[str, Any]) -> None:
    with pytest.raises(GpureadyError, match=said):
        newlab.make(tmp_path / "lab", **given)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").write_text("mine")
    for name in ("lab", "gone", "file"):
        with pytest.raises(GpureadyError, match="nothing is overwritten"):
            newlab.make(tmp_path / name, "workgroup")
    with pytest.raises(GpureadyError, match="cannot be made: File exists"):
        newlab.make(tmp_path / "file/lab", "workgroup")
    assert (tmp_path / "file").read_text() == "mine"


def test_it_has_the_settings_of_ansibles_own_programs_and_names_itself(tmp_path: Path) -> None:
    folder = newlab.make(tmp_path / "my lab", "workgroup")
    assert "inventory = hosts.yml" in (folder / "ansible.cfg").read_text()
    text = (folder / "group_vars/all.yml").read_text()
    assert f"-i '{folder}'" in text
    assert "inventories/lab" not in text


def test_reports_in_its_folder_are_no_inventory(tmp_path: Path) -> None:
    folder = newlab.make(tmp_path / "lab", "workgroup", [table.Pc("pc1")])
    (folder / "reports").mkdir()
    (folder / "reports/report.json").write_text('{"hosts": []}')
    assert list(hosts(folder)) == ["pc1"]


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        cli.main(list(arguments))
    return int(stop.value.code or 0)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    Path("pcs.csv").write_text("name;ip\npc1;10.0.0.1\n")
    assert run("init", "pcs.csv") == 1
    assert "give --reach" in capsys.readouterr().err
    assert run("init", "pcs.csv", "--reach", "domain") == 1
    assert "give --domain" in capsys.readouterr().err
    assert run("init", "pcs.csv", "--reach", "workgroup") == 0
    assert "lab: 1 PC. See what would become of them: gpuready plan -i lab" in capsys.readouterr().out
    assert yaml.safe_load(Path("lab/hosts.yml").read_text())["all"]["children"]["workgroup"]["hosts"]["pc1"]
    assert run("init", "pcs.csv", "--reach", "workgroup") == 1
    assert run("init", "other", "--to", "third") == 1
    assert "--to names the folder" in capsys.readouterr().err
    assert run("init", "other") == 0  # nobody needs to be asked: the example has all the ways
    assert "other: no PC yet: fill in hosts.yml" in capsys.readouterr().out
    assert run("init", "gone.csv") == 1
    assert "gone.csv: cannot be read: No such file" in capsys.readouterr().err
    assert run("facts", "-i", "pcs.csv") == 1
    assert (
        "pcs.csv: this is a table, not an inventory: `gpuready init pcs.csv` makes one of it" in capsys.readouterr().err
    )
