"""A home is used when it is ours alone: owner, rights and links of what is run or believed there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.gpuready.lab.plugins.module_utils.home import trust
from ansible_collections.gpuready.lab.plugins.module_utils.home.folder import Home, Trouble
from ansible_collections.gpuready.lab.plugins.modules import gpu_facts

ENVIRONMENT = "environments/cpu-0123456789ab"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with an interpreter and an environment, as uv leaves them."""
    path = tmp_path / "gpuready"
    python = path / "python/cpython-3.11.9/bin"
    for folder in (python, path / ENVIRONMENT / "bin", path / ENVIRONMENT / "lib/python3.11/site-packages"):
        folder.mkdir(parents=True)
        folder.chmod(0o755)
    for file in (path / "uv", python / "python3.11"):
        file.write_text("#!/bin/sh\ntouch ran\n")
        file.chmod(0o755)
    (path / "python/cpython-3.11").symlink_to("cpython-3.11.9")
    (python / "python3").symlink_to("python3.11")
    (path / ENVIRONMENT / "bin/python").symlink_to(python / "python3.11")
    for file in (path / ENVIRONMENT / "gpuready.json", path / ".lock"):
        file.write_text("{}")
    for folder in (path, *(one for one in path.rglob("*") if one.is_dir() and not one.is_symlink())):
        folder.chmod(0o755)
    return path


def test_a_home_of_ours_is_used(home: Path) -> None:
    trust.check(home)
    trust.check(home.parent / "not there yet")


@pytest.mark.parametrize(
    "name",
    [
        *(
            ".",
            "uv",
            ".lock",
            "python",
            "python/cpython-3.11.9",
            "python/cpython-3.11.9/bin",
            "environments",
            ENVIRONMENT,
        ),
        *("python/cpython-3.11.9/bin/python3.11", f"{ENVIRONMENT}/gpuready.json", f"{ENVIRONMENT}/bin"),
        *(f"{ENVIRONMENT}/lib/python3.11", f"{ENVIRONMENT}/lib/python3.11/site-packages"),
    ],
)
@pytest.mark.parametrize("way", ["everybody", "a group", "another owner"])
def test_what_others_may_write_is_refused(home: Path, name: str, way: str) -> None:
    path = home / name
    if way == "another owner":
        if os.geteuid() != 0:
            pytest.skip("only root gives files away")
        os.chown(path, 65534, -1)
    else:
        if way == "a group":
            os.chown(path, -1, 65534 if os.geteuid() == 0 else os.getegid())
        path.chmod(path.stat().st_mode | (0o002 if way == "everybody" else 0o020))
        if way == "a group" and os.geteuid() != 0:
            pytest.skip("the group of whoever runs this may be their own")
    with pytest.raises(Trouble) as refused:
        trust.check(home)
    assert refused.value.code == "HOME_NOT_OURS"
    assert path.name in str(refused.value)  # uv links 3.11 to 3.11.9


@pytest.mark.parametrize(
    "name", [".", "uv", ".lock", "python", "environments", ENVIRONMENT, f"{ENVIRONMENT}/gpuready.json"]
)
def test_a_link_in_its_place_is_refused(home: Path, name: str) -> None:
    path = home / name
    path.rename(home.parent / "elsewhere")
    path.parent.joinpath(path.name).symlink_to(home.parent / "elsewhere")
    with pytest.raises(Trouble, match="is a link") as refused:
        trust.check(home)
    assert refused.value.code == "HOME_NOT_OURS"


def test_where_it_lies_is_looked_at(home: Path) -> None:
    """Whoever may write in the folder above puts another home in its place; a folder as /tmp keeps each one's own."""
    above = home.parent
    above.chmod(0o777)
    with pytest.raises(Trouble, match="can be written by everybody"):
        trust.check(home)
    above.chmod(0o1777)
    trust.check(home)
    linked = above / "linked"
    linked.symlink_to(above)
    trust.check(linked / home.name)


def test_a_group_of_its_owner_alone_is_no_other(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    class One:
        pw_name = gr_name = "ada"
        gr_mem: tuple[str, ...] = ()

    home.chmod(0o775)
    monkeypatch.setattr(trust.grp, "getgrgid", lambda group: One)
    monkeypatch.setattr(trust.pwd, "getpwuid", lambda user: One)
    trust.check(home)
    One.gr_mem = ("ada", "eve")
    with pytest.raises(Trouble, match="can be written by the group"):
        trust.check(home)


def test_the_lock_is_never_followed(home: Path, tmp_path: Path) -> None:
    (home / ".lock").unlink()
    (home / ".lock").symlink_to(tmp_path / "victim")
    with pytest.raises(Trouble), Home(home).locked(0):
        pass
    assert not (tmp_path / "victim").exists()


def pieces(home: Path) -> dict[str, dict[str, object]]:
    return dict(gpu_facts.collect(str(home), 10)["pieces"])


@pytest.mark.parametrize("spoil", [lambda home: home.chmod(0o777), lambda home: (home / "uv").chmod(0o777)])
def test_a_look_runs_and_believes_nothing_of_it(
    home: Path, spoil: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(home.parent))
    marks = home.parent / "ran"
    for file in (home / "uv", home / "python/cpython-3.11.9/bin/python3.11"):
        file.write_text(f"#!/bin/sh\necho $0 >> {marks}\n")
    before = pieces(home)
    assert before["environments"]["value"]
    assert len(set(marks.read_text().split())) == 2
    marks.unlink()
    spoil(home)
    after = pieces(home)
    assert not marks.exists()
    assert [after[name]["error"]["code"] for name in ("environments", "last_pass")] == ["HOME_NOT_OURS"] * 2  # type: ignore[index]
    assert after["environments"]["value"] is None
