"""What a planted fault is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One command that should notice a fault.

    Attributes:
        path: A Robot suite or a pytest file.
        test: A test's name (Robot) or an expression for ``-k`` (pytest).
    """

    path: str
    test: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault.

    Attributes:
        fault: What is wrong, for people; no two faults have the same words.
        file: Source file.
        old: Text that stands there exactly once.
        new: What becomes of it.
        checks: What is run, in this order, until one fails.
        ids: Statements that it violates: of each, a Robot test that carries the id has to fail.
    """

    fault: str
    file: str
    old: str
    new: str
    checks: tuple[Check, ...] = ()
    ids: tuple[str, ...] = ()
