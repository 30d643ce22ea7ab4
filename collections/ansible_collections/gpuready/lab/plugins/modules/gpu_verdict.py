# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name: nothing runs on a PC."""

DOCUMENTATION = r"""
---
module: gpu_verdict
short_description: Judge a PC by its record
version_added: 1.0.0
description:
  - Gives the verdict on the record (C(ansible_facts.gpuready)) that the other modules of this collection made. Nothing runs on the PC.
  - What is missing, contradictory or not finite is never a pass.
options:
  policy:
    description:
      - Thresholds; those left out keep their values.
      - C(loss_ratio) (0.5) the last loss as a part of the first; C(accuracy) (0.9); C(reference_tolerance) (0.01) how far losses and
        BatchNorm statistics may be from the CPU's; C(throughput_floor) (1.0) samples a second as a multiple of the CPU's, null sets the
        check aside; C(max_age_days) (30) of a pass that stands without training.
      - A threshold that everything would pass (C(loss_ratio) above 0.99, C(accuracy) below 0.3, anything that is not finite) is refused
        with the code C(BAD_INPUT). C(docs/verdict.md) has the order of judging and every check.
    type: dict
    default: {}
  failure:
    description: The result of a task that failed (C(ansible_failed_result) in a C(rescue)); it becomes a trouble of the record.
    type: raw
  failed_task:
    description: The name of that task.
    type: str
    default: ""
author: The gpuready authors
"""

EXAMPLES = r"""
- name: Judge
  gpuready.lab.gpu_verdict:
    policy: {throughput_floor: 2.0}
"""

RETURN = r"""
ansible_facts:
  description: The record with its section C(verdict).
  returned: success
  type: dict
  contains:
    gpuready:
      description: The record.
      type: dict
next_step:
  description: What to do next, empty for READY.
  returned: success
  type: str
"""
