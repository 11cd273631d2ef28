"""What a test needs, and this run's bench or a seat of its site has not."""

from __future__ import annotations

import os
from collections.abc import Iterable

from hil.bench.capabilities import KNOWN_CAPABILITIES, missing
from hil.site import Site
from hil.site.values import nearest


def lacking(needs: Iterable[str], site: Site | None = None) -> str:
    """Return in a sentence what a test needs that is not there; nothing when all is.

    Args:
        needs: Known capabilities.
        site: The site, None while it is not known: then any seat of the bench will do.
    """
    return missing(os.environ.get("HIL_BENCH", "embedded"), os.environ.get("HIL_SPEED", "max"), needs, site)


def unknown(needs: Iterable[str]) -> str:
    """Return in a sentence which of these names are no capabilities, and what is; nothing when all are."""
    if not (wrong := sorted(set(needs) - KNOWN_CAPABILITIES)):
        return ""
    near = nearest(wrong[0], KNOWN_CAPABILITIES)
    hint = f" Did you mean 'needs:{near}'?" if near is not None else ""
    tags = ", ".join(f"'needs:{name}'" for name in wrong)
    return f"{tags}: there is no such capability.{hint} Allowed: {', '.join(sorted(KNOWN_CAPABILITIES))}."
