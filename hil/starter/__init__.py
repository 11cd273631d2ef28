"""``hil init DIR``: a folder to begin with, that runs green at once: a site, a suite, a ``robot.toml``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from hil.errors import ScenarioError

FILES: Final = Path(__file__).parent / "files"
SCHEMA: Final = "sites/site.schema.json"  #: Made from the device families.
#: Where each file goes; names that tools would obey in this repository are written without their dot here.
PLACES: Final = {
    "sites/car-park.yaml": FILES / "sites" / "car-park.yaml",
    "suites/car_park.robot": FILES / "suites" / "car_park.robot",
    "robot.toml": FILES / "robot.toml",
    ".gitignore": FILES / "gitignore",
}


def init(folder: Path) -> list[Path]:
    """Write the starter into a folder; return what was written.

    Raises:
        ScenarioError: Some of the files are there already, or the folder cannot be written; nothing is changed.
    """
    there = [name for name in (*PLACES, SCHEMA) if (folder / name).exists()]
    if there:
        raise ScenarioError(f"{folder} has {', '.join(there)} already. Choose an empty folder: nothing was written.")
    from hil.site.schema import schema_text  # noqa: PLC0415  pydantic is slow to import, and most commands write none

    written = []
    try:
        for name, source in PLACES.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            written.append(target)
        (folder / SCHEMA).write_text(schema_text(), encoding="utf-8")
        written.append(folder / SCHEMA)
    except OSError as error:
        raise ScenarioError(f"{error.filename} cannot be written: {error.strerror}.") from error
    return written
