"""What a tester makes a central system do: answers out of the ordinary, for a charge point and an action."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Manner = Literal["answer", "refuse", "silent", "garbage", "cut"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One answer out of the ordinary.

    Attributes:
        manner: ``answer``: with ``payload`` over the usual confirmation; ``refuse``: CALLERROR; ``silent``: never;
            ``garbage``: ``text`` instead; ``cut``: the connection is reset in the middle of the answer's frame.
        payload: Fields of the confirmation, over those that it would have.
        is_checked: False to send fields that break the schema.
        code: Of the CALLERROR.
        text: Its description, or the garbage.
        delay_s: How long it takes [s].
        is_booked: Whether the message acts: a transaction begins, values are kept. A refused one never does.
    """

    manner: Manner = "answer"
    payload: Mapping[str, Any] = field(default_factory=dict)
    is_checked: bool = True
    code: str = "InternalError"
    text: str = ""
    delay_s: float = 0.0
    is_booked: bool = True


USUAL = Step()


class Script:
    """The steps that wait for their message."""

    def __init__(self) -> None:
        self._steps: dict[tuple[str, str], deque[tuple[Step, int | None]]] = {}

    def add(self, charge_point: str, action: str, step: Step, times: int | None = 1) -> None:
        """Add a step after those that are there.

        Args:
            charge_point: Identity, or empty for each one that has no step of its own.
            action: Name of the message.
            step: What happens.
            times: For so many messages, None for all that follow.
        """
        self._steps.setdefault((charge_point, action), deque()).append((step, times))

    def clear(self, charge_point: str = "", action: str = "") -> None:
        """Forget the steps of a charge point, of an action, of both, or all of them."""
        for key in list(self._steps):
            if charge_point in ("", key[0]) and action in ("", key[1]):
                del self._steps[key]

    def next(self, charge_point: str, action: str) -> Step:
        """Return what happens to a message, and use it up."""
        for key in ((charge_point, action), ("", action)):
            steps = self._steps.get(key)
            if not steps:
                continue
            step, times = steps.popleft()
            if times is None:
                steps.appendleft((step, None))
            elif times > 1:
                steps.appendleft((step, times - 1))
            return step
        return USUAL

    def waiting(self) -> list[dict[str, object]]:
        """Return the steps that wait, as JSON has them."""
        return [
            {"charge_point": point, "action": action, "manner": step.manner, "times": times}
            for (point, action), steps in self._steps.items()
            for step, times in steps
        ]
