"""A machine that was set up this minute: a bare Debian in a folder, in which a person clones the project and runs make.

What this machine knows of package indexes goes with it, as far as it stands in pip's and uv's settings: a lab's mirror
is no part of the project.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from ansible_collections.gpuready.lab.plugins.module_utils.home import pip as home_pip
from ansible_collections.gpuready.lab.plugins.plugin_utils.environment import packages

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("git", "make", "python3-venv")
USER = "lab"
SMALL_DEV = ROOT / "tests/winlab/small-dev.sh"


def why_not() -> str | None:
    """Why no such machine can be made here; None when one can."""
    if os.geteuid() != 0:
        return "a bare Debian is made by root (debootstrap, chroot)"
    missing = [name for name in ("debootstrap", "unshare") if shutil.which(name) is None]
    return f"there is no {missing[0]} here: install it" if missing else None


def mirror() -> list[str]:
    """Debian's mirror as this machine's apt has it; nothing where it has none, and debootstrap takes its own."""
    if shutil.which("apt-get") is None:
        return []
    command = ["apt-get", "indextargets", "--format", "$(SITE)", "Origin: Debian"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return sorted({site for site in done.stdout.split() if "-security" not in site})[:1]


def index_settings() -> dict[str, str]:
    """This machine's settings of pip and uv, as variables; without certificates, which each machine has itself."""
    pip = packages.pip_settings(home_pip.said(os.environ))
    found = {f"PIP_{key.upper().replace('-', '_')}": " ".join(value.split()) for key, value in pip.items()}
    found |= {key: value for key, value in os.environ.items() if key.startswith("UV_") and "CACHE" not in key}
    return {key: value for key, value in found.items() if "CERT" not in key and key != "PIP_REQUIRE_VIRTUALENV"}


def local_paths(settings: Mapping[str, str]) -> list[Path]:
    """What of the settings lies on this machine's disk: folders of wheels, and indexes with the files beside them."""
    words = [word.removeprefix("file://") for value in settings.values() for word in value.split()]
    found = [Path(word) for word in words if word.startswith("/") and Path(word).exists()]
    return sorted({path.parent if path.name == "simple" else path for path in found})


class Fresh:
    """A bare Debian of this `suite` in a folder, and a user of it who is not root."""

    def __init__(self, folder: Path, suite: str) -> None:
        self.root, self.home = folder / suite, Path("/home") / USER
        self.settings = index_settings()
        command = [
            "debootstrap",
            "--variant=minbase",
            f"--include={','.join(PACKAGES)}",
            suite,
            str(self.root),
            *mirror(),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr
        self.run(f"useradd --create-home {USER}", user="root")

    def remove(self) -> None:
        """Take the folder away: it is some gigabytes by then."""
        shutil.rmtree(self.root)

    def run(self, script: str, user: str = USER, **environment: str) -> subprocess.CompletedProcess[str]:
        """A shell script there, in namespaces of its own: with its end nothing runs on and nothing stays mounted."""
        at = shlex.quote(str(self.root))
        mounts = [f"mount -t proc proc {at}/proc", f"mount -t tmpfs tmpfs {at}/tmp"]
        mounts += [f"mount --rbind /sys {at}/sys", f"{shlex.quote(str(SMALL_DEV))} {at}/dev"]
        for path in local_paths(self.settings):
            target = self.root / path.relative_to("/")
            (target if path.is_dir() else target.parent).mkdir(parents=True, exist_ok=True)
            if not path.is_dir():
                target.touch()
            mounts.append(f"mount --bind {shlex.quote(str(path))} {shlex.quote(str(target))}")
        home = self.home if user == USER else Path("/root")
        variables = {"HOME": str(home), "USER": user, "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
        variables |= self.settings | environment
        given = " ".join(shlex.quote(f"{key}={value}") for key, value in variables.items())
        inside = (
            f"exec chroot --userspec={user} --groups= {at} /usr/bin/env -i {given} /bin/sh -c {shlex.quote(script)}"
        )
        return subprocess.run(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", "\n".join([*mounts, inside])],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1500,
            check=False,
        )

    def clone(self) -> None:
        """The project as it stands here, with what is not committed yet."""
        target = self.root / self.home.relative_to("/") / "gpuready"
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(target)], check=True)
        command = ["git", "ls-files", "--modified", "--others", "--exclude-standard"]
        changed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for name in changed.splitlines():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).unlink(missing_ok=True)
            if os.path.lexists(ROOT / name):
                shutil.copy2(ROOT / name, target / name, follow_symlinks=False)
        self.run(f"chown -R {USER}: {self.home}", user="root")

    def make(self, target: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """`make TARGET` in the clone."""
        return self.run(f"cd {self.home}/gpuready && make {target} && id -u > ../user", **environment)

    def trust(self, certificate: Path) -> None:
        """Make an authority one of the system's, as its administrator does."""
        shutil.copyfile(certificate, self.root / "usr/local/share/ca-certificates/proxy.crt")
        done = self.run("update-ca-certificates", user="root")
        assert done.returncode == 0, done.stdout


def copy_python(python: str, target: Path) -> str:
    """A copy of an interpreter that finds its library wherever it lies; its version."""
    ask = "import sys; print(sys.base_prefix); print('%d.%d.%d' % sys.version_info[:3])"
    prefix, version = subprocess.run(
        [python, "-I", "-c", ask], capture_output=True, text=True, check=True
    ).stdout.split()
    left_out = shutil.ignore_patterns("site-packages", "test", "tests", "__pycache__", "*.a", "idlelib", "share")
    for name in ("bin", "lib", "include"):
        shutil.copytree(Path(prefix) / name, target / name, symlinks=True, ignore=left_out)
    (target / "lib" / f"python{version.rpartition('.')[0]}" / "site-packages").mkdir(parents=True)
    old, new = f"{prefix}/lib\0".encode(), b"$ORIGIN/../lib\0"
    for file in [*(target / "bin").iterdir(), *(target / "lib").glob("*.so*")]:
        if file.is_file() and not file.is_symlink() and file.read_bytes()[:4] == b"\x7fELF":
            file.write_bytes(file.read_bytes().replace(old, new.ljust(len(old), b"\0")))
    return version


def python_mirror(python: str, folder: Path, seen_at: str) -> None:
    """A lab's own place for interpreters: an archive of this one in the folder, and `python.json`, uv's list of it.

    `seen_at` is the folder's path on the machine that reads it.
    """
    version = copy_python(python, folder / "python")
    numbers = dict(zip(("major", "minor", "patch"), map(int, version.split(".")), strict=True))
    archive = folder / f"cpython-{version}+20260101-x86_64-unknown-linux-gnu-install_only.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        tar.add(folder / "python", "python")
    shutil.rmtree(folder / "python")
    system = {"arch": {"family": "x86_64", "variant": None}, "os": "linux", "libc": "gnu"}
    named = {"name": "cpython", "prerelease": "", "variant": None, "build": "20260101"}
    where = {"url": f"file://{seen_at}/{archive.name}", "sha256": hashlib.sha256(archive.read_bytes()).hexdigest()}
    entry = {**named, **numbers, **system, **where}
    (folder / "python.json").write_text(json.dumps({f"cpython-{version}-linux-x86_64-gnu": entry}))
