"""What every test may use: where the project is, and its own ansible."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# The collection is imported from the checkout, never from an installed copy.
sys.path.insert(0, str(ROOT / "collections"))
os.environ.setdefault("ANSIBLE_CONFIG", str(ROOT / "ansible.cfg"))
os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / "collections")
os.environ["ANSIBLE_NOCOLOR"] = "1"
