"""A home is used when it is ours alone: owner, rights and links of what is run or believed there."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from ansible_collections.gpuready.lab.plugins.module_utils.home import trust
from ansible_collections.gpuready.lab.plugins.module_utils.home.folder import Home, Trouble
from ansible_collections.gpuready.lab.plugins.modules import gpu_facts

ENVIRONMENT = "environments/cpu-0123456789ab"
KERNEL = "jupyter/kernels/gpuready-cpu/kernel.json"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with an interpreter and an environment, as uv leaves them."""
    path = tmp_path / "gpuready"
    python = path / "python/cpython-3.11.9/bin"
    environment = path / ENVIRONMENT
    for folder in (python, environment / "bin", environment / "lib/python3.11/site-packages", path / "jobs/training"):
        folder.mkdir(parents=True)
        folder.chmod(0o755)
    for file in (path / "uv", python / "python3.11"):
        file.write_text("#!/bin/sh\ntouch ran\n")
        file.chmod(0o755)
    (path / "python/cpython-3.11").symlink_to("cpython-3.11.9")
    (python / "python3").symlink_to("python3.11")
    (path / ENVIRONMENT / "bin/python").symlink_to(python / "python3.11")
    (path / KERNEL).parent.mkdir(parents=True)
    for file in (path / ENVIRONMENT / "gpuready.json", path / ".lock", path / KERNEL):
        file.write_text("{}")
        file.chmod(0o644)
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
            "jobs",
            "jobs/training",
        ),
        *("python/cpython-3.11.9/bin/python3.11", f"{ENVIRONMENT}/gpuready.json", f"{ENVIRONMENT}/bin"),
        *(f"{ENVIRONMENT}/lib/python3.11", f"{ENVIRONMENT}/lib/python3.11/site-packages"),
        *("jupyter", "jupyter/kernels", "jupyter/kernels/gpuready-cpu", KERNEL),
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
    "name", [".", "uv", ".lock", "python", "environments", ENVIRONMENT, "jobs/training", f"{ENVIRONMENT}/gpuready.json"]
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


class Group(NamedTuple):
    gr_name: str
    gr_mem: tuple[str, ...] = ()


class User(NamedTuple):
    pw_name: str
    pw_uid: int
    pw_gid: int


ME, EVE = os.geteuid(), 4711
HOUSE = 100 if ME == 0 else os.getegid()  # a group


@pytest.mark.parametrize(
    ("group", "others", "ours"),
    [
        (Group("ada"), (), True),
        (Group("ada", ("ada",)), (), True),
        (Group("ada"), (User("eve", EVE, HOUSE + 1),), True),
        (Group("ada"), (User("toor", 0, HOUSE),), True),  # root's other name
        (Group("ada", ("ada", "eve")), (), False),
        (Group("ada", ("eve",)), (), False),
        (Group("ada"), (User("eve", EVE, HOUSE),), False),  # whose own group it is too
        (Group("students"), (), False),
        (Group("students", ("ada",)), (), False),
        (Group("root"), (), False),
        (None, (), False),  # a number without a name
    ],
)
@pytest.mark.parametrize("mode", [0o775, 0o2775])  # what is made in it gets its group: that lets nobody in
def test_a_group_of_its_owner_alone_is_no_other(
    home: Path, monkeypatch: pytest.MonkeyPatch, mode: int, group: Group | None, others: tuple[User, ...], ours: bool
) -> None:
    def known(number: int) -> Group:
        if group is None:
            raise KeyError(number)
        return group

    ada = User("ada", ME, HOUSE)
    monkeypatch.setattr(trust.grp, "getgrgid", known)
    monkeypatch.setattr(trust.pwd, "getpwuid", lambda user: ada)
    monkeypatch.setattr(trust.pwd, "getpwall", lambda: [ada, *others])
    os.chown(home, -1, HOUSE)
    home.chmod(mode)
    if ours:
        trust.check(home)
        return
    with pytest.raises(Trouble, match="can be written by the group"):
        trust.check(home)


def access_list(*entries: tuple[int, int, int]) -> bytes:
    """As the kernel keeps it: what each (tag, rights, who) may."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in sorted(entries))


NOBODY = 0xFFFFFFFF
OWNER, GROUP, OTHER = (1, 7, NOBODY), (4, 5, NOBODY), (0x20, 5, NOBODY)


@pytest.mark.parametrize("name", [".", "environments", f"{ENVIRONMENT}/lib/python3.11/site-packages"])
@pytest.mark.parametrize("named", [(2, 7, EVE), (8, 7, EVE)])  # a user, a group
def test_an_access_list_that_lets_others_write_is_seen(
    home: Path, name: str, named: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mode says nothing of them: it shows the group, and the most that anybody gets."""
    monkeypatch.setattr(trust, "_private", lambda group, owner: True)  # as root's is
    path, key = home / name, "system.posix_acl_access"
    try:
        os.setxattr(path, key, access_list(OWNER, named, GROUP, (0x10, 7, NOBODY), OTHER))
    except OSError:
        pytest.skip("this file system has no access lists")
    assert path.stat().st_mode & 0o777 == 0o775
    with pytest.raises(Trouble, match=r"its access list .* names them") as refused:
        trust.check(home)
    assert refused.value.code == "HOME_NOT_OURS"
    os.setxattr(path, key, access_list(OWNER, named, GROUP, (0x10, 5, NOBODY), OTHER))  # to read and run alone
    trust.check(home)


def test_rights_that_cannot_be_read_are_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **more: object) -> bytes:
        raise OSError(5, "Input/output error")

    home.chmod(0o775)
    monkeypatch.setattr(trust, "_private", lambda group, owner: True)
    monkeypatch.setattr(os, "getxattr", broken)
    assert isinstance(trust.refusal(home), OSError)


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
