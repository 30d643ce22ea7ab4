#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action gpuready.lab.gpu_plan, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpu_plan
short_description: Choose the GPU training stack of a PC
version_added: 1.0.0
description:
  - Takes the facts that M(gpuready.lab.gpu_facts) found and the lab's wishes, and says which stack the PC gets, where and
    why, what stands against every other one, and what is in the way.
  - Runs on the controller alone, reaches no PC and changes nothing.
  - The wishes are the inventory variables C(gpuready_experience), C(gpuready_library), C(gpuready_environment),
    C(gpuready_stack), C(gpuready_adapter) and C(gpuready_knows_linux).
  - C(gpuready_stack_dirs) is a list of folders with more stacks.
  - C(gpuready_stack_locks) maps a stack, or C(stack/target), to a lock of the lab's own, as a path or as a mapping with
    C(lock), C(python) and C(extra_index_urls). Relative paths start at the inventory's folder.
options:
  wishes:
    description:
      - Wishes by their names without C(gpuready_), which come before the inventory variables.
    type: dict
    default: {}
attributes:
  check_mode:
    support: full
    description: The plan is the same in check mode.
author:
  - gpuready contributors
"""

EXAMPLES = r"""
- name: Plan
  gpuready.lab.gpu_plan:

- name: Plan as for a professional
  gpuready.lab.gpu_plan:
    wishes:
      experience: professional
      library: pytorch
"""

RETURN = r"""
ansible_facts:
  description: The host's record, with its section C(plan) unless the PC was not looked at.
  returned: always
  type: dict
summary:
  description: The plan as lines for a terminal.
  returned: always
  type: list
  elements: str
msg:
  description: The first line of the summary.
  returned: always
  type: str
"""
