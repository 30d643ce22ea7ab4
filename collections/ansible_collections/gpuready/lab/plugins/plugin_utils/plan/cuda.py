# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which CUDA toolkit a driver takes, by the release notes of CUDA: the first release of each, on Linux and on Windows.

From 13.0 on Windows has no driver in the toolkit: there it is the branch of the same number.
"""

from __future__ import annotations

from ..facts.model import at_least

_TOOLKITS = (
    ("13.1", "590.44.01", "590"),
    ("13.0", "580.65.06", "580"),
    ("12.9", "575.51.03", "576.02"),
    ("12.8", "570.26", "570.65"),
    ("12.6", "560.28.03", "560.76"),
    ("12.5", "555.42.02", "555.85"),
    ("12.4", "550.54.14", "551.61"),
    ("12.3", "545.23.06", "545.84"),
    ("12.2", "535.54.03", "536.25"),
    ("12.1", "530.30.02", "531.14"),
    ("12.0", "525.60.13", "527.41"),
    ("11.8", "520.61.05", "520.06"),
)
_FIRST_OF_13, _BLACKWELL, _FIRST_OF_BLACKWELL = "7.5", "10.0", "12.8"


def toolkit(driver: str | None, capability: str | None, *, windows: bool) -> str | None:
    """The newest that driver and GPU take, as 12.9; None where there is none, or one of them is not known."""
    for version, on_linux, on_windows in _TOOLKITS:
        if not at_least(driver, on_windows if windows else on_linux):
            continue
        if at_least(version, "13") and not at_least(capability, _FIRST_OF_13):  # no Maxwell, Pascal, Volta
            continue
        if at_least(capability, _BLACKWELL) and not at_least(version, _FIRST_OF_BLACKWELL):
            return None
        return version if capability else None
    return None
