# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Installing a GPU's driver: how the vendors' installers are run, what their ends mean, what the device says after."""
