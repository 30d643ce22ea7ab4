# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A bundle: the folder of all that a lab without internet needs. Pure: what it holds, and what belongs into it."""
