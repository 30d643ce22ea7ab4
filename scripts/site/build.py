"""Make the documentation's pages in dist/site (`make site`). A warning of any part is an error.

The sources keep their places, so that a link between two of them is the same here and in a checkout: README.md is the
first page, docs/README.md says what there is, and what has a specification (modules, roles, command line, Python) is
made from that.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / ".cache/site"
SOURCE = WORK / "source"
PROGRAMS = Path(sys.executable).parent
REFERENCE = "reference"


def main(target: Path) -> int:
    """Build, and say where the first page is."""
    shutil.rmtree(WORK, ignore_errors=True)
    _copy()
    (SOURCE / REFERENCE).mkdir()
    (SOURCE / REFERENCE / "commands.md").write_text(_commands(), "utf-8")
    shutil.copy(Path(__file__).with_name("python.rst"), SOURCE / REFERENCE)
    _collection()
    shutil.rmtree(target, ignore_errors=True)
    command = [PROGRAMS / "sphinx-build", "--quiet", "--fail-on-warning", "--keep-going", "--jobs", "2"]
    done = subprocess.run([*command, "-c", Path(__file__).parent, "-d", WORK / "trees", SOURCE, target], check=False)
    if done.returncode == 0:
        shutil.copy(target / "README.html", target / "index.html")
        print(f"{target / 'index.html'}")
    return done.returncode


def _copy() -> None:
    for name in ("CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "docs", "inventories/lab"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, SOURCE / name)
        else:
            (SOURCE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, SOURCE / name)
    for page in (ROOT / "roles").glob("*/README.md"):
        (SOURCE / page.parent.relative_to(ROOT)).mkdir(parents=True)
        shutil.copy(page, SOURCE / page.relative_to(ROOT))
    codes = SOURCE / "docs/codes.md"  # one title, so that its parts are not beside the other pages
    title, below = codes.read_text("utf-8").split("\n", 1)
    codes.write_text(f"{title}\n{re.sub(r'^#', '##', below, flags=re.MULTILINE)}", "utf-8")
    first = (ROOT / "README.md").read_text("utf-8")
    (SOURCE / "README.md").write_text(f"{first}\n{contents((ROOT / 'docs/README.md').read_text('utf-8'))}", "utf-8")


def contents(index: str) -> str:
    """The site's table of contents: the headings and links of docs/README.md, then what is made from specifications."""
    made = [f"{REFERENCE}/commands", f"{REFERENCE}/collection/index", f"{REFERENCE}/python"]
    parts = {"": ["docs/README"]}
    for heading, below in re.findall(r"^## (.+)\n((?:(?!## ).*\n?)*)", index, re.MULTILINE):
        links = re.findall(r"^- \[[^]]+\]\(([^)]+)\.md\)", below, re.MULTILINE)
        parts[heading] = [os.path.normpath(f"docs/{link}") for link in links]
    parts["Reference"] = made
    trees = (
        "\n".join(("```{toctree}", ":hidden:", f":caption: {heading}" if heading else "", "", *pages, "```", ""))
        for heading, pages in parts.items()
    )
    return "\n".join(trees)


def _commands() -> str:
    """The help of each command, as the program gives it."""
    from typer.main import get_command

    from gpuready.commands import app

    program = get_command(app)
    context = program.make_context("gpuready", [], resilient_parsing=True, terminal_width=110, max_content_width=110)
    parts = ["# The command line\n", _block(program.get_help(context))]
    for name, command in program.commands.items():
        if not command.hidden:
            below = command.make_context(name, [], parent=context, resilient_parsing=True)
            parts += [f"## gpuready {name}\n", _block(command.get_help(below))]
    return "\n".join(parts)


def _block(text: str) -> str:
    return f"```text\n{text}\n```\n"


def _collection() -> None:
    """What antsibull-docs makes of the specs of modules, roles and other plugins."""
    (WORK / "antsibull.cfg").write_text(
        'collection_url = {\n    * = "index.html"\n}\n'
        'collection_install = {\n    * = "ansible-galaxy collection install dist/gpuready-lab-*.tar.gz"\n}\n'
    )
    made = SOURCE / REFERENCE / "collection"
    made.mkdir()
    settings = ("--config-file", WORK / "antsibull.cfg")
    options = ("--use-current", "--fail-on-error", "--squash-hierarchy", "--no-add-antsibull-docs-version")
    subprocess.run(
        [PROGRAMS / "antsibull-docs", *settings, "collection", *options, "--dest-dir", made, "gpuready.lab"],
        env={
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
            "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",  # it calls ansible-doc
        },
        check=True,
    )
    for page in made.glob("*.rst"):  # the theme has a table of contents of its own
        page.write_text(page.read_text("utf-8").replace(".. contents::\n   :local:\n   :depth: 1\n", ""), "utf-8")


if __name__ == "__main__":
    sys.exit(main(ROOT / "dist/site"))
