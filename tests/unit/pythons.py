"""The Pythons of this machine."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST, NEWEST = 6, 14
ASK = "import sys; print('3.%d' % sys.version_info[1], sys.executable)"


def found() -> dict[str, str]:
    """Version to path, from the PATH and from pyenv; a shim of pyenv's may name a version that it does not start."""
    places = [shutil.which(f"python3.{minor}") for minor in range(OLDEST, NEWEST + 1)]
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    places += [str(path) for path in sorted(kept.glob("3.*/bin/python")) if re.match(r"3\.\d+\.\d+$", path.parts[-3])]
    answers = [subprocess.run([p, "-c", ASK], capture_output=True, text=True, check=False) for p in places if p]
    known = dict(answer.stdout.split() for answer in answers if answer.returncode == 0)
    return {platform.python_version().rpartition(".")[0]: sys.executable, **known}


PYTHONS = found()
