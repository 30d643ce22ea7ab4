# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a module works in gpuready's home on a Linux PC, and how it answers when something stops it.

Runs on the PC, under Python 3.9 or later.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .contents import default_home
from .folder import Home, Trouble, of_os
from .trust import check

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


def run(module: AnsibleModule, act: Callable[[Home, dict[str, Any], bool], dict[str, Any]]) -> None:
    """Do it in a home that is ours alone and exit with its result, or fail with what stopped it.

    Other exceptions are the caller's.
    """
    os.umask(0o022)
    with suppress(OSError):
        os.chdir("/")
    try:
        home = Home(Path(module.params["home"]).absolute() if module.params["home"] else default_home())
        check(home.path)
        result = act(home, module.params, module.check_mode)
    except Trouble as trouble:
        module.fail_json(
            msg=trouble.message,
            code=trouble.code,
            phase=trouble.phase,
            program_rc=trouble.rc,
            details=trouble.details.splitlines(),
            failures=trouble.failures,
        )
    except OSError as error:
        meant = of_os(error, "working in gpuready's folder")
        module.fail_json(msg=meant.message, code=meant.code)
    module.exit_json(**result, home=str(home.path))
