"""``hil init DIR``: a folder to begin with, that runs green at once: a site, a suite, ``robot.toml``, a CI workflow."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from hil.errors import ScenarioError

FILES: Final = Path(__file__).parent / "files"
SCHEMA: Final = "sites/site.schema.json"  #: Made from the device families.
#: Where each file goes; names that tools would obey in this repository are written without their dot here.
PLACES: Final = {
    "robot.toml": FILES / "robot.toml",
    ".gitignore": FILES / "gitignore",
    ".github/workflows/hil.yaml": FILES / "hil.yaml",
}
_INCLUDE: Final = re.compile(r"^include:\s*(\S+)", re.MULTILINE)
_SCHEMA_LINE: Final = "# yaml-language-server: $schema=site.schema.json"
_OTHER_SCHEMA: Final = re.compile(r"^# yaml-language-server:.*\n")


def init(folder: Path, site: str = "") -> list[Path]:
    """Write the starter into a folder; return what was written, the site first.

    Args:
        folder: Made when it is missing.
        site: A shipped site to begin with; empty for a small car park.

    Raises:
        ScenarioError: Some of the files are there already, the folder cannot be written, or there is no such site;
            nothing is changed.
    """
    texts = _of_shipped(site) if site else _of_starter()
    texts |= {name: source.read_text(encoding="utf-8") for name, source in PLACES.items()}
    there = [name for name in (*texts, SCHEMA) if (folder / name).exists()]
    if there:
        raise ScenarioError(f"{folder} has {', '.join(there)} already. Choose an empty folder: nothing was written.")
    from hil.site.schema import schema_text  # noqa: PLC0415  pydantic is slow to import, and most commands write none

    written = []
    try:
        for name, text in {**texts, SCHEMA: schema_text()}.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            written.append(target)
    except OSError as error:
        raise ScenarioError(f"{error.filename} cannot be written: {error.strerror}.") from error
    return written


def _of_starter() -> dict[str, str]:
    names = ("sites/car-park.yaml", "suites/car_park.robot")
    return {name: (FILES / name).read_text(encoding="utf-8") for name in names}


def _of_shipped(name: str) -> dict[str, str]:
    """Return a shipped site and what it includes, and a first suite for it."""
    from hil.site import load_site, shipped_sites  # noqa: PLC0415  as above

    known = shipped_sites()
    if name not in known:
        raise ScenarioError(f"{name!r} is no shipped site. Allowed: {', '.join(known)}.")
    site = load_site(name)
    assert site.path is not None
    texts: dict[str, str] = {}
    files = [site.path]
    for path in files:
        text = path.read_text(encoding="utf-8")
        texts[f"sites/{path.name}"] = f"{_SCHEMA_LINE}\n{_OTHER_SCHEMA.sub('', text)}"
        files += [path.parent / one for one in _INCLUDE.findall(text) if path.parent / one not in files]
    fuse = site.supply.main_fuse
    suite = (FILES / "suites" / "any_site.robot").read_text(encoding="utf-8")
    for word, value in {
        "SITE": site.path.stem,
        "SOCKET": next(iter(site.outlets)),
        "RATING": f"{fuse.rating_a:g}" if fuse else "9999",
    }.items():
        suite = suite.replace(word, value)
    return {**texts, f"suites/{site.path.stem.replace('-', '_')}.robot": suite}
