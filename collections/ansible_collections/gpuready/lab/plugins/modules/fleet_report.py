# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name: nothing runs on a PC."""

DOCUMENTATION = r"""
---
module: fleet_report
short_description: Write the records of a run as one report
version_added: 1.0.0
description:
  - Collects the records (C(ansible_facts.gpuready)) of the named hosts and writes C(report.json) and its renderings on the controller.
  - All files are written beside their places first and renamed only when every one is on the disk, C(report.json) last, so that a full disk
    leaves the old report as it was. A rendering that is not asked for is removed, so that no old one stands beside the new document.
  - A host without a verdict, or with something else in its place, gets one that says what is missing; a host that is not known to the
    inventory too. One simulated PC makes the report simulated.
  - Writes in check mode too, since a report is the controller's own output; C(run.check) then says so.
options:
  hosts:
    description: Inventory names of the PCs of the report.
    type: list
    elements: str
    required: true
  directory:
    description: Folder on the controller; made if it is not there.
    type: path
    required: true
  formats:
    description: What is written beside C(report.json).
    type: list
    elements: str
    choices: [csv, html, junit, md, prom]
    default: [csv, html, junit, md, prom]
author: The gpuready authors
"""

EXAMPLES = r"""
- name: Write the report
  gpuready.lab.fleet_report:
    hosts: "{{ ansible_play_hosts_all }}"
    directory: /srv/reports/monday
  run_once: true
"""

RETURN = r"""
report:
  description: Path of report.json.
  returned: success
  type: str
summary:
  description: The report for a terminal, a line an element.
  returned: success
  type: list
  elements: str
bad_input:
  description: A line for each PC whose variables are wrong.
  returned: success
  type: list
  elements: str
counts:
  description: PCs by verdict, and their total.
  returned: success
  type: dict
"""
