"""``python -m ho_imaging`` is ``ho-imaging``."""

import sys

from ho_imaging.cli import main

sys.exit(main())
