"""Planted faults of the statements on sub-distributions and load-management groups (MEN-SUB, MEN-DLM, MEN-NET)."""

from __future__ import annotations

from mutant import Mutant

DLM = "emulators/mennekes_ecu/dlm.py"

STATEMENTS_SUB = (
    Mutant(
        "the 24 h profile replaces the configured limits instead of lowering them",
        DLM,
        "bound = bound.combine(limits.scheduled_a, min)",
        "bound = limits.scheduled_a",
        ids=("MEN-SUB-010",),
    ),
)
