"""What the documentation says is there: its links, its commands, its pictures; and README leads to every page."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from urllib.parse import unquote

import pytest
from typer.main import get_command

from gpuready.commands import app

ROOT = Path(__file__).resolve().parents[2]
_TOP = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
PAGES = sorted([*(ROOT / name for name in _TOP), *(ROOT / "docs").rglob("*.md"), *(ROOT / "roles").glob("*/README.md")])
FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
PROGRAM = get_command(app)


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def links(page: Path) -> list[str]:
    """Where a page's links and pictures lead, but for other hosts."""
    text = FENCED.sub("", page.read_text("utf-8"))
    found = re.findall(r"\]\(([^()\s]+)\)", re.sub(r"`[^`\n]+`", "code", text))
    return [one for one in found if not one.startswith(("https:", "http:"))]


def anchors(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_no_link_is_dead(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / unquote(path)).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target), link


def test_readme_leads_to_every_page() -> None:
    reached, fresh = set(), [ROOT / "README.md"]
    while fresh:
        page = fresh.pop()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            fresh += [(page.parent / link.partition("#")[0]).resolve() for link in links(page) if link[0] != "#"]
    assert set(PAGES) - reached == set()


def test_the_index_names_every_page() -> None:
    index = ROOT / "docs/README.md"
    there = {(index.parent / link).resolve() for link in links(index)}
    assert set(PAGES) - there == {index, ROOT / "README.md"}


def commands(page: Path) -> list[str]:
    """Lines that call gpuready or make, in blocks and in running text; none with words that stand for others."""
    text = page.read_text("utf-8")
    blocks = [block for kind, block in FENCED.findall(text) if kind in ("", "console", "text", "bash")]
    indented = re.findall(r"^ {4,}(.+)$", FENCED.sub("", text), re.MULTILINE)
    inline = re.findall(r"`([^`\n]+)`", FENCED.sub("", text))
    lines = [line.strip().removeprefix("$ ") for line in [*"\n".join(blocks).splitlines(), *indented, *inline]]
    called = [re.sub(r"\s+(#|\(or )\s*.*$", "", re.sub(r"^\S*/gpuready ", "gpuready ", line)) for line in lines]
    ours = [line for line in called if re.match(r"(gpuready|make) [a-z-]", line)]
    return [line for line in ours if not re.search(r"[|\[<]|\.\.\.", line)]


def wrong(line: str) -> str:
    """What the program itself would say against a command; empty where it takes it."""
    program, *words = shlex.split(re.split(r" (?:&&|&) ?", line)[0])
    if program == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
        return ", ".join(word for word in words if "=" not in word and word not in targets)
    if words[0] not in PROGRAM.commands:
        return "" if words[0].startswith("-") else words[0]
    command = PROGRAM.commands[words[0]]
    context = command.make_context(words[0], [], resilient_parsing=True)
    context.resilient_parsing = False  # from here on a mistake is told
    try:
        command.make_parser(context).parse_args(list(words[1:]))
    except Exception as error:  # of the click that typer brings
        return str(error)
    return ""


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_is_one_that_there_is(page: Path) -> None:
    assert {line: found for line in commands(page) if (found := wrong(line))} == {}


def test_commands_are_found_and_wrong_ones_told() -> None:
    assert "gpuready provision -i lab --ask-pass" in commands(ROOT / "README.md")
    assert "make provision" in commands(ROOT / "README.md")
    assert wrong("gpuready provisoin -i lab")
    assert wrong("gpuready plan -i lab --shrot")
    assert wrong("make provisoin")


def test_pictures_are_small_and_each_is_shown() -> None:
    folder = ROOT / "docs/guides/pictures"
    shown = {(page.parent / link).resolve() for page in PAGES for link in links(page) if link.endswith(".png")}
    assert set(folder.iterdir()) == shown
    assert not [one.name for one in shown if one.stat().st_size >= 150_000]
