#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Nothing runs on a PC: the action plugin of the same name does it all. Documented in canary.yml, which needs this file."""
