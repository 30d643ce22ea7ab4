"""PowerShell coverage of the winlab tests, in one command or in three steps.

python tests/winlab/ps_coverage run [pytest arguments]    instrument, run tests/winlab, print the table
python tests/winlab/ps_coverage prepare DIR               then GPUREADY_PS_COVERAGE=DIR pytest ..., and
python tests/winlab/ps_coverage report DIR                print the table

Ends with 1 when a line neither ran nor stands in unreachable.yml, or when tests failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import measure  # noqa: E402
from winlab import linux_powershell  # noqa: E402


def prepare(work: Path) -> None:
    """Make the instrumented copies."""
    powershell = linux_powershell()
    if powershell is None:
        sys.exit("ps_coverage: no PowerShell for Linux: run tests/winlab/install.sh with pwsh-linux-x64.tar.xz at hand")
    measure.prepare(work, powershell)


def report(work: Path) -> int:
    """Print the table; the exit code."""
    if not (work / "index.json").is_file():
        sys.exit(f"ps_coverage: {work} was not prepared: run `prepare {work}` first")
    result = measure.judge(*measure.gather(work), measure.read_unreachable())
    print(measure.table(result))
    return 1 if result.failed else 0


def main(arguments: list[str]) -> int:
    """Do what the arguments say."""
    match arguments:
        case ["prepare", work]:
            prepare(Path(work).resolve())
            return 0
        case ["report", work]:
            return report(Path(work).resolve())
        case ["run", *rest]:
            with tempfile.TemporaryDirectory(prefix="ps-coverage-") as folder:
                work = Path(folder)
                prepare(work)
                tests = [sys.executable, "-m", "pytest", *(rest or ["tests/winlab"])]
                environment = os.environ | {"GPUREADY_PS_COVERAGE": folder}
                failed = subprocess.run(tests, cwd=measure.CHECKOUT, env=environment, check=False).returncode
                return report(work) or failed
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
