"""Planted faults of statements; see mutant.py."""

from __future__ import annotations

from mutant import Mutant

STATEMENTS_GW: tuple[Mutant, ...] = ()
