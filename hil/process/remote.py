"""A device in a process of its own as the bench sees it: its control connection, what it shows, its power."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, Protocol

from emulators.kit.family import Family
from emulators.kit.hmi import LOG_LINES
from emulators.kit.parameters import Value
from emulators.kit.pilot import NO_OFFER, Offer
from hil.bench.environment import Environment
from hil.bench.installation import Installation
from hil.bench.memory import AfterPowerLoss, Settings
from hil.bench.wiring import Bay
from hil.errors import BenchError, ScenarioError
from hil.process import control
from hil.process.containers import Act, Containers
from hil.process.control import Message, TerminalState, encode

BEGIN: Final = 0  #: Number of the call that makes the device.
AGAIN_REAL_S: Final = 0.2  #: How soon a control port is tried again.
ANSWER_REAL_S: Final = 10.0  #: A device's process that does not answer for this long is dead.


class Home(Protocol):
    """Who has powered a device up, and can do it again."""

    def begin_of(self, name: str, settings: Settings) -> Mapping[str, object]:
        """Return what a device is made of."""
        ...

    def tell_everything(self, name: str) -> None:
        """Tell a device that knows nothing yet what is at its terminals, and what time it is."""
        ...

    def lost(self, error: BenchError) -> None:
        """Take the end of a control channel."""
        ...


class ShownElsewhere:
    """What a device in another process shows (``hil.bench.filler.Shown``): it says so whenever that changes."""

    def __init__(self) -> None:
        self.display = ""
        self.leds: dict[str, str] = {}
        self._lines: deque[str] = deque(maxlen=LOG_LINES)

    @property
    def log_lines(self) -> tuple[str, ...]:
        """Return the device log, oldest line first."""
        return tuple(self._lines)

    def take(self, message: Message) -> None:
        """Take what has changed."""
        self.display = message.get("display", self.display)
        self.leds |= message.get("leds", {})
        self._lines.extend(message.get("log", []))


class RemoteSeat:
    """A device in a process of its own (``hil.bench.filler.Seat``), and that process (``hil.bench.links.Peer``).

    Args:
        env: The farm.
        installation: What the device's terminals are wired to.
        name: Its name.
        family: Its family.
        where: Its control port, and the tester's own address beside it.
        token: The run's secret.
        home: Who powers it up.

    Attributes:
        told: What it knows of its terminals, by socket.
        lag_s: How late its latest timer was [s of farm time].
    """

    by_hand = ""

    def __init__(
        self,
        env: Environment,
        installation: Installation,
        name: str,
        family: Family,
        *,
        where: tuple[tuple[str, int], str],
        token: str,
        home: Home,
    ) -> None:
        self.name, self.shown, self.told = name, ShownElsewhere(), dict[int, TerminalState]()
        self.lag_s = 0.0
        self._env, self._installation, self._table, self._home = env, installation, family.parameters, home
        (self._address, self._source), self._token = where, token
        self._in_force: dict[str, str] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None
        self._numbers = itertools.count(BEGIN + 1)  # none twice: the answer to one that was given up may come yet
        self._calls: dict[int, asyncio.Future[Any]] = {}  # that wait for their answer
        charger = env.site.devices.get(name)
        self._sockets = {one.number: one.name for one in charger.outlets} if charger is not None else {}

    # --- its process

    async def power(self, begin: Mapping[str, object]) -> None:
        """Connect, and let the device be made; a process that is just starting gets its time.

        Raises:
            BenchError: Nobody is there, it is garbage, or the device cannot be made.
        """
        sock = await self._connected(begin)
        reader, self._writer = await asyncio.open_connection(sock=sock, limit=control.LONGEST_BYTES)
        self._calls[BEGIN] = begun = self._env.loop.create_future()
        self._listening = self._env.loop.create_task(self._listen(reader), name=f"control channel of {self.name}")
        self.tell("make")
        await self._answer(BEGIN, begun)

    async def _connected(self, begin: Mapping[str, object]) -> socket.socket:
        """Connect to the control port, in scaled time again and again until its process has come up."""
        loop, factor = self._env.loop, self._env.loop.factor
        until_s = loop.time() + ANSWER_REAL_S * (factor or 0.0)
        while True:
            try:
                return await loop.run_in_executor(None, self._join, begin)
            except control.Garbage as error:
                raise BenchError(f"{self.name}: {error}") from error
            except OSError as error:
                if factor is None or loop.time() > until_s:
                    host, port = self._address
                    raise BenchError(f"{self.name}: no control port at {host}:{port}: {error}") from error
            await asyncio.sleep(AGAIN_REAL_S * factor)

    def _join(self, begin: Mapping[str, object]) -> socket.socket:
        """Connect and hand the device what it needs; when it answers it shares this farm's time. It may block."""
        sock = self._dial()
        try:
            answer = control.ask(sock, "begin", token=self._token, name=self.name, **begin)
            if answer["kind"] != "joined":
                raise control.refused(answer) if "refused" in answer else control.Garbage(f"{answer} is no answer.")
        except BaseException:
            sock.close()
            raise
        return sock

    def clock(self) -> control.FarClock:
        """Return how to ask for the clock of its machine; asking blocks.

        Raises:
            OSError: Its process does not answer.
            Garbage: It answers nonsense.
        """
        sock = self._dial()
        try:
            control.ask(sock, "clock", token=self._token, name=self.name)
        except BaseException:
            sock.close()
            raise
        return control.FarClock(sock)

    def _dial(self) -> socket.socket:
        sock = socket.create_connection(self._address, ANSWER_REAL_S, (self._source, 0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio does it for its own sockets only
        return sock

    def tell(self, kind: str, **fields: object) -> None:
        """Send a message."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(encode(kind, **fields))

    async def call(self, what: str, *args: object) -> Any:
        """Let the device do something, and wait for the answer.

        Raises:
            BenchError: Its process does not answer.
        """
        number = next(self._numbers)
        self._calls[number] = answered = self._env.loop.create_future()
        self.tell("call", id=number, what=what, args=args)
        return await self._answer(number, answered)

    async def _answer(self, number: int, answered: asyncio.Future[Any]) -> Any:
        """Wait for the answer to a call; a process that does not answer has failed.

        In lock-step time the conductor finds one that is gone, and one that is there is waited for.
        """
        factor = self._env.loop.factor
        try:
            return await asyncio.wait_for(answered, None if factor is None else ANSWER_REAL_S * factor)
        except TimeoutError:
            raise BenchError(f"{self.name}: its process does not answer for {ANSWER_REAL_S:g} s.") from None
        finally:
            self._calls.pop(number, None)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        why = "its process has closed the control channel"
        try:
            async for message in control.messages(reader):
                try:
                    self._take(message)
                except (LookupError, TypeError, ValueError, AttributeError) as error:
                    raise control.Garbage(f"{str(message)[:200]} makes no sense here: {error!r}") from error
        except control.Garbage as error:
            why = str(error).rstrip(".")
        gone = BenchError(f"{self.name}: {why}.")
        self._give_up(gone)
        self._home.lost(gone)

    def _give_up(self, error: BenchError) -> None:
        """Let every call that waits for an answer end."""
        for waiting in self._calls.values():
            if not waiting.done():
                waiting.set_exception(error)

    def _take_answer(self, message: Message) -> None:
        waiting = self._calls.get(message.get("id", BEGIN))
        if waiting is not None and not waiting.done():
            if "refused" in message:
                waiting.set_exception(control.refused(message))
            else:
                waiting.set_result(message.get("value"))

    def _take(self, message: Message) -> None:
        env = self._env
        match message["kind"]:
            case "begun" | "answer":
                self._take_answer(message)
            case "offer":
                self._bay(message).set_offer(Offer(message["duty_pct"], message["fault"]))
            case "contactor":
                self._bay(message).set_contactor(message["closed"])
            case "shown":
                self.shown.take(message)
            case "in_force":
                self._in_force |= message["parameters"]
            case "trace":
                late = {} if message["at_ns"] == env.instants.now_ns() else {"device_ns": message["at_ns"]}
                env.trace_state(self.name, message["event"], **message["fields"], **late)
            case "frame":
                words = (message["direction"], message["protocol"], message["text"])
                env.frame(self.name, *words, client=message["client"])
            case "lag":
                self.lag_s = message["max_s"]
            case "died":
                env.failures.append(f"{message['what']}:\n{message['text']}")
            case kind:
                raise control.Garbage(f"a bench takes no message {kind!r}.")

    def _bay(self, message: Message) -> Bay:
        return self._installation.bays[self._sockets[message["socket"]]]

    # --- the device

    def in_force(self, parameter: str) -> Value:
        """Return the value that a parameter has in force, or had before the device fell silent."""
        return self._table[parameter].parse(self._in_force[parameter])

    def card(self, id_tag: str) -> None:
        """Hold a card to its reader."""
        self.tell("card", id_tag=id_tag)

    def move_contact(self, contact: str, *, closed: bool) -> None:
        """Close or open a contact."""
        self.tell("contact", contact=contact, closed=closed)
        self._env.trace_state(self.name, "contact", contact=contact, closed=closed)

    async def start(self) -> None:
        """Power up."""
        await self.call("start")

    async def stop(self) -> None:
        """Go: a device whose bench is gone powers down."""
        await self._deafen()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    async def _deafen(self) -> None:
        """Take nothing more from it, also not the end of its connection."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        self._give_up(BenchError(f"{self.name}: its process has gone meanwhile."))

    async def restart(self) -> None:
        """Restart as after *Save, Restart*."""
        await self.call("restart")

    async def fault(self, kind: str | None) -> None:
        """Plant one of the device's own faults, None to heal it."""
        await self.call("fault", kind)

    async def page(self) -> Mapping[str, str]:
        """Return what the device shows on its pages or display."""
        return dict(await self.call("look", "page"))

    async def explain(self) -> str:
        """Return in one sentence what the device does now and why."""
        return str(await self.call("look", "explain"))

    async def available(self) -> list[str]:
        """Return the names that its form has now."""
        return list(await self.call("look", "available"))

    async def text(self, parameter: str) -> str:
        """Return what its form shows for a parameter."""
        return str(await self.call("look", "text", parameter))

    async def edit(self, parameter: str, value: object) -> None:
        """Edit a parameter in its form."""
        await self.call("look", "set", parameter, str(value))

    async def save(self) -> list[str]:
        """Save its form; return the names that wait for a restart."""
        return list(await self.call("look", "save"))

    # --- its power

    async def off(self) -> None:
        """Lose power: its links fall silent everywhere, and its process lets it power down; nobody is told."""
        here = self._env.local(self.name)
        for ip in here:
            self._env.links.silence_elsewhere(ip)
        self.tell("off")
        for ip in here:
            self._env.links.here.power_off(ip)
        self._open()

    async def on(self, settings: AfterPowerLoss) -> None:
        """Get power again."""
        for ip in self._env.local(self.name):
            self._env.links.power_on(ip)
        await self.call("on", settings)

    async def pause(self) -> None:
        """Refuse: nobody can stop its process alone."""
        raise ScenarioError(f"{self.name} cannot be paused here. Allowed: on the compose bench with --speed N.")

    async def resume(self) -> None:
        """Refuse."""
        await self.pause()

    async def reset(self, a: str, b: str | None) -> int:
        """Reset the connections of a link in its process."""
        return int(await self.call("reset", a, b))

    def _open(self) -> None:
        """Open a dead device's contactors, and let it offer nothing: it cannot say so itself."""
        for name in self._sockets.values():
            bay = self._installation.bays[name]
            bay.set_contactor(False)
            bay.set_offer(NO_OFFER)

    async def forget_lag(self) -> None:
        """Let it measure from now on how late its timers are."""
        await self.call("forget_lag")
        self.lag_s = 0.0

    async def lag_p99_s(self) -> float:
        """Return how late the latest 1 % of its timers were, at least [s of farm time]."""
        return float(await self.call("lag_p99"))


class ContainerSeat(RemoteSeat):
    """A device that has a container to itself, in scaled or real time: its power is the container's.

    An engine can take a network away from a container as a whole, with the tester's own access and the control
    channel; it cannot break a path between two. So links fail in the transports here too.

    Args:
        containers: Can do something to its container.
        named: What :class:`RemoteSeat` takes.
    """

    def __init__(self, containers: Containers, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._containers = containers

    async def off(self) -> None:
        """Lose power: the container is killed."""
        await self._deafen()
        self._open()
        await self._act("kill")
        await self.stop()

    async def on(self, settings: AfterPowerLoss) -> None:
        """Get power again: the container starts, and the device in it is made anew."""
        await self._act("start")
        await self.power(self._home.begin_of(self.name, settings))
        self.told.clear()
        self._home.tell_everything(self.name)
        self._env.links.repeat(self.name)
        await self.start()

    async def pause(self) -> None:
        """Let its process stand still."""
        await self._act("pause")

    async def resume(self) -> None:
        """Let it go on; that its timers were late was meant."""
        await self._act("resume")
        await self.forget_lag()

    async def _act(self, what: Act) -> None:
        """Let the engine do something; the farm goes on meanwhile."""
        await self._env.loop.run_in_executor(None, self._containers.act, what, self.name)


class PackedSeat(RemoteSeat):
    """A device that shares its container with others, in scaled or real time.

    Args:
        pack: Who is in the container.
        named: What :class:`RemoteSeat` takes.
    """

    def __init__(self, pack: tuple[str, ...], *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._pack = pack

    async def pause(self) -> None:
        """Refuse: the others would stand still too."""
        raise ScenarioError(
            f"{self.name} cannot be paused alone: {', '.join(self._pack)} share a container. "
            "Allowed: a site with 'pack: 1'."
        )
