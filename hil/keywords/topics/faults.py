"""Faults: links that are cut, devices that fail in their own way."""

from __future__ import annotations

from robot.api.deco import keyword

from hil.errors import ScenarioError
from hil.keywords.context import Context


class Faults:
    """Words for what goes wrong on purpose."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @keyword(tags=("Stimulus", "Fault"))
    def cut_link(self, device: str, other: str | None = None) -> None:
        """Pull a device's network cable, or break the path between two devices only. The tester's own access stays.

        | Cut Link | CP1 | CP3 |
        | Cut Link | M2 | |
        """
        session = self._context.session
        session.do(lambda: session.farm.cut(device, other))

    @keyword(tags=("Stimulus", "Fault"))
    def restore_link(self, device: str, other: str | None = None) -> None:
        """Undo `Cut Link`.

        | Restore Link | CP1 | CP3 |
        """
        session = self._context.session
        session.do(lambda: session.farm.restore(device, other))

    @keyword(tags=("Stimulus", "Fault"))
    def plant_fault(self, device: str, kind: str) -> None:
        """Give a device one of its own faults; ``none`` heals it.

        A PAC2200 has ``exceptions``, ``timeouts``, ``closed_port``, ``nan:L2``, ``frozen``.

        | Plant Fault | M2 | timeouts |
        """
        session = self._context.session
        fault = None if kind == "none" else kind
        try:
            session.ask(lambda: session.farm.device(device).fault(fault))
        except ValueError as error:
            raise ScenarioError(str(error)) from error
