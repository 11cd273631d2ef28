"""How the project is built: by setuptools, and a wheel gets the schema of site files, made from the device families.

The schema is no source, so it is not committed; an editable install makes none (``make environment`` does, by
``hil schema``).
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import (
    build_editable,
    build_sdist,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

ROOT = Path(__file__).parents[1]
SCHEMA = Path("hil", "site", "schema.json")


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    """Return what a wheel's build needs: to make the schema, the families are imported with all that they import."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*build_meta.get_requires_for_build_wheel(config_settings), *project["dependencies"]]


def build_wheel(wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    """Make the schema, then the wheel; return the wheel's name."""
    subprocess.run([sys.executable, "-m", "hil", "schema", str(SCHEMA)], cwd=ROOT, check=True)
    name: str = build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)
    return name
