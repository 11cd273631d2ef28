"""``python -m hil``."""

from __future__ import annotations

import sys

from hil.cli import main

sys.exit(main())
