"""Faults of lock-step time."""

from __future__ import annotations

from typing import Final

from mutant import Check, Mutant

CONDUCTOR = "hil/clock/conductor.py"
GRANTED = "hil/clock/granted.py"
LOCKSTEP = "tests/unit/clock/test_clock_lockstep.py"

MUTANTS_LOCKSTEP: Final = (
    Mutant(
        "meters look before the others have made an instant",
        CONDUCTOR,
        "return self._early[place:] + self._early[:place] + self._meters",
        "return self._meters + self._early[place:] + self._early[:place]",
        (Check(LOCKSTEP, "meters_are_last"),),
    ),
    Mutant(
        "time moves although nobody waits for it",
        CONDUCTOR,
        "if not self._left and not any(last.idle & Idle.FLOWS for last in lasts):",
        "if not lasts:",
        (Check(LOCKSTEP, "time_stands"),),
    ),
    Mutant(
        "several run at a time",
        CONDUCTOR,
        "        if self._running:\n            return None",
        "        if False:\n            return None",
        (Check(LOCKSTEP, "one_member_runs"),),
    ),
    Mutant(
        "what was read before it was owed is waited for again",
        GRANTED,
        "            self._ahead += count",
        "            self._ahead += 0",
        (Check("tests/unit/clock/test_clock_lockstep.py", "read_before_it_was_owed"),),
    ),
    Mutant(
        "what is sent to a connection that was reset is waited for",
        GRANTED,
        "            self._ended = True",
        "            self._ended = False",
        (Check("tests/unit/clock/test_clock_lockstep.py", "sent_to_a_connection_that_was_reset"),),
    ),
    Mutant(
        "datagrams to other processes are not told",
        GRANTED,
        "        self._count(key(Traffic.DATAGRAM, target, target))",
        "        key(Traffic.DATAGRAM, target, target)",
        (Check(LOCKSTEP, "datagram"),),
    ),
)
