# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tables of hardware: PCI ids, driver versions, the oldest GPUs that are named for something."""
