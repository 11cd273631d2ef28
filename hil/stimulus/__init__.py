"""What a tester can do to a site: plug a vehicle, switch a load, cut a link."""

from __future__ import annotations

from hil.stimulus.hand import state, verbs

__all__ = ["state", "verbs"]
