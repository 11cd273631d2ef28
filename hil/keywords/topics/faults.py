"""Faults: links that are cut, slow or lossy, devices that lose their power or fail in their own way."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from robot.api.deco import keyword

from hil.clock.link_faults import Delay, Loss
from hil.errors import ScenarioError
from hil.keywords.context import Context
from hil.keywords.values import Percent
from hil.tester import Settings

NO_JITTER: Final = timedelta(0)


class Faults:
    """Words for what goes wrong on purpose; docs/faults.md says what each bench can do."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @keyword(tags=("Stimulus", "Fault"))
    def cut_link(self, device: str, other: str | None = None) -> None:
        """Pull a device's network cable, or break the path between two devices only. The tester's own access stays.

        | Cut Link | CP1 | CP3 |
        | Cut Link | M2 | |
        """
        session = self._context.session
        session.call(session.tester.links.cut(device, other))

    @keyword(tags=("Stimulus", "Fault"))
    def delay_link(
        self, device: str, other: str | None = None, *, delay: timedelta, jitter: timedelta = NO_JITTER
    ) -> None:
        """Let everything arrive later that goes over a device's network cable, or between two devices only.

        Each direction has the delay, so an answer comes after two of them. With ``jitter`` each packet takes up to
        that much more; TCP keeps its order. The tester's own access is not delayed.

        | Delay Link | CP1 | M2 | delay=2 s | |
        | Delay Link | CP3 | | delay=100 ms | jitter=50 ms |
        """
        delay_s, jitter_s = delay.total_seconds(), jitter.total_seconds()
        if delay_s + jitter_s == 0:
            raise ScenarioError("a delay and its jitter are both 0 s. Allowed: one of them above 0 s.")
        session = self._context.session
        session.call(session.tester.links.spoil(device, other, Delay(delay_s, jitter_s)))

    @keyword(tags=("Stimulus", "Fault"))
    def drop(self, device: str, other: str | None = None, *, loss: Percent) -> None:
        """Lose packets at random on a device's network cable, or between two devices only.

        Datagrams are gone. TCP sends again what was lost: it comes late by 0.2 s, by 0.6 s when that is lost too, and
        so on. The tester's own access loses nothing. To lose everything: `Cut Link`.

        | Drop | CP3 | | loss=20 % |
        | Drop | CP1 | CP3 | loss=50 % |
        """
        session = self._context.session
        session.call(session.tester.links.spoil(device, other, Loss(loss.pct / 100)))

    @keyword(tags=("Stimulus", "Fault"))
    def reset_link(self, device: str, other: str | None = None) -> None:
        """Reset the TCP connections of a device, or between two devices only, once and now, as a firewall does.

        The tester's own stay. It is an error if there is none.

        | Reset Link | CP1 | M2 |
        """
        session = self._context.session
        session.ask(lambda: session.tester.links.reset(device, other))

    @keyword(tags=("Stimulus", "Fault"))
    def partition(self, *groups: str) -> None:
        """Cut every path between groups of devices; a device in no group, and the tester, reach everybody.

        A group is an argument, its devices are divided by commas; ``|`` divides groups in one argument.

        | Partition | CP1, CP2 | CP3, CP4 |
        """
        named = [[name.strip() for name in group.split(",") if name.strip()] for group in "|".join(groups).split("|")]
        session = self._context.session
        session.call(session.tester.links.partition(named))

    @keyword(tags=("Stimulus", "Fault"))
    def restore_link(self, device: str, other: str | None = None) -> None:
        """Undo `Cut Link`, `Delay Link`, `Drop` and every other fault of this link.

        | Restore Link | CP1 | CP3 |
        """
        session = self._context.session
        session.call(session.tester.links.restore(device, other))

    @keyword(tags=("Stimulus", "Fault"))
    def heal(self) -> None:
        """Undo `Partition` and every fault of every link.

        | Heal |
        """
        session = self._context.session
        session.call(session.tester.links.heal())

    @keyword(tags=("Stimulus", "Fault"))
    def kill(self, device: str) -> None:
        """Take a device's power away without goodbye: its contactor opens, nothing is on its pilot, it is silent.

        Its connections are not closed: the others learn of it by their own timeouts.

        | Kill | CP1 |
        """
        session = self._context.session
        session.ask(lambda: session.tester.mains(device).kill())

    @keyword(tags=("Stimulus", "Fault"))
    def restart(self, device: str, *, settings: Settings = "kept") -> None:
        """Switch a device's power off and on; one that was killed is switched on.

        Unsaved edits are lost; with ``settings=factory`` it comes up with the defaults of its manual. To restart it by
        its own menu, as after *Save*: `Restart Device`.

        | Restart | CP1 | |
        | Restart | CP3 | settings=factory |
        """
        session = self._context.session
        session.ask(lambda: session.tester.mains(device).restart(settings))

    @keyword(tags=("Stimulus", "Fault"))
    def pause(self, device: str) -> None:
        """Let a device's processor stand still, as a hanging firmware: its connections stay open and nobody answers.

        Its contactor and its pilot stay as they are. Only where a device has a process of its own.

        | Pause | CP1 |
        """
        session = self._context.session
        session.ask(lambda: session.tester.mains(device).pause())

    @keyword(tags=("Stimulus", "Fault"))
    def resume(self, device: str) -> None:
        """Let a device go on that was paused; it finds what came meanwhile.

        | Resume | CP1 |
        """
        session = self._context.session
        session.ask(lambda: session.tester.mains(device).resume())

    @keyword(tags=("Stimulus", "Fault"))
    def plant_fault(self, device: str, kind: str) -> None:
        """Give a device one of its own faults; ``none`` heals it.

        A PAC2200 has ``exceptions``, ``timeouts``, ``closed_port``, ``nan:L2``, ``frozen``.

        | Plant Fault | M2 | timeouts |
        """
        session = self._context.session
        fault = None if kind == "none" else kind
        session.ask(lambda: session.tester.defect(device).set(fault))
