# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The installers of drivers that a lab brings: its file drivers.yml, read, checked, believed."""
