# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Codes: what a word, number or exit of a program means, and the next step."""
