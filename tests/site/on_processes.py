"""Runs a suite with each device in a process of its own: ``python -m tests.site.on_processes SUITE OUT``.

In lock-step time. It is a program, because it is run in copies of the source that have more device families than this
one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .processes import Processes


def main(suite: str, output: Path) -> int:
    """Run it; return Robot's exit code."""
    devices = Processes()
    try:
        settings = {**devices.settings, "HIL_RUN_DIR": str(output), "HIL_SPEED": "max"}
        command = [sys.executable, "-m", "robot", "--outputdir", str(output), suite]
        return subprocess.run(command, env={**os.environ, **settings}, check=False).returncode
    finally:
        devices.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
