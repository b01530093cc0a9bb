"""``python -m ho_imaging`` is ``ho-imaging``."""

import sys

from ho_imaging.cli import run

sys.exit(run())
