"""Which seats a bench can fill: said for all of them, with file and line, before anything is started."""

from __future__ import annotations

from typing import Final

from hil.errors import Problem, SiteFileError
from hil.site import Site

#: The bench that a seat needs; the embedded one has emulated seats only.
BENCH_OF: Final = {"image": "compose", "real": "attach"}


def refuse_seats(site: Site) -> None:
    """Refuse a site that the embedded bench cannot run.

    Raises:
        SiteFileError: It lists every seat that is not emulated.
    """
    problems = []
    for section, seats in (("devices", site.devices), ("meters", site.meters)):
        for name, spec in seats.items():
            if spec.seat == "emulated":
                continue
            field = f"{section}.{name}.seat"
            mark = site.lines[field]
            text = f"the embedded bench cannot fill the seat {spec.seat!r} ({spec.at or spec.image})."
            allowed = f"Allowed there: emulated. A seat {spec.seat!r} needs the {BENCH_OF[spec.seat]} bench."
            problems.append(Problem(mark.file, mark.line, field, text, allowed))
    if problems:
        raise SiteFileError(problems)
