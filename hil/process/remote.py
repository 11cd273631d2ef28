"""A device in a process of its own as the bench sees it: its control connection, its parameters, what it shows."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Mapping
from typing import Any, Final, Protocol

from emulators.kit.front import Front
from emulators.kit.parameters import ParameterStore, ParameterTable, Value
from emulators.kit.pilot import Offer
from hil.bench.wiring import Bay
from hil.clock import FarmLoop
from hil.clock.instants import Instants
from hil.errors import BenchError, DeviceFault
from hil.process import control
from hil.process.control import Message, Terminals, encode

BEGIN: Final = 0  #: Number of the call that makes the device.
AGAIN_REAL_S: Final = 0.2  #: How soon a control port is tried again.
ANSWER_REAL_S: Final = 10.0  #: A device's process that does not answer for this long is dead.


class Home(Protocol):
    """What a remote device needs of its farm."""

    loop: FarmLoop
    instants: Instants
    bays: dict[str, Bay]
    failures: list[str]
    lags_s: dict[str, float]

    def tester_of(self, name: str) -> str: ...
    def trace_state(self, who: str, event: str, **fields: object) -> None: ...
    def take_frame(self, name: str, message: Message) -> None: ...
    def lost(self, name: str, error: BenchError) -> None: ...


class Shown(Front):
    """What a remote device shows: asked for each time."""

    def __init__(self, device: RemoteDevice) -> None:
        self._device = device

    @property
    def display(self) -> str:
        """Return the text on the display."""
        return str(self._device.look("display"))

    @property
    def leds(self) -> Mapping[str, str]:
        """Return what each LED shows."""
        return dict(self._device.look("leds"))

    @property
    def log_lines(self) -> tuple[str, ...]:
        """Return the device log."""
        return tuple(self._device.look("log"))


class RemoteParameters(ParameterStore):
    """A remote device's parameters: asked for and edited there."""

    def __init__(self, device: RemoteDevice, table: ParameterTable) -> None:
        self._device, self._table = device, table
        self._remembered: dict[str, str] = {}

    def __getitem__(self, name: str) -> Value:
        remembered = self._remembered.get(name)
        return self._table[name].parse(self._device.look("in_force", name) if remembered is None else remembered)

    def remember(self) -> None:
        """Keep what is in force, for as long as the device cannot be asked."""
        self._remembered = dict(self._device.look("all_in_force"))

    def forget(self) -> None:
        """Ask the device again."""
        self._remembered = {}

    def shown(self, name: str) -> str:
        """Return what the form shows for a parameter."""
        return str(self._device.look("shown", name))

    def offered(self) -> list[str]:
        """Return the names that the form offers now."""
        return list(self._device.look("offered"))

    def set(self, name: str, raw: object) -> None:
        """Edit a parameter in the form."""
        self._device.look("set", name, str(raw))

    def save(self) -> list[str]:
        """Keep the edits; return the names that wait for a restart."""
        return list(self._device.look("save"))

    def restart(self) -> None:
        """Refuse: a remote device restarts as a whole."""
        raise BenchError(f"{self._device.name} restarts as a whole.")


class RemoteDevice:
    """A device in a container (``emulators.kit.device.Device``).

    Args:
        farm: Its farm.
        name: Its name.
        table: Its parameters.
        address: Where its control port is.
        token: The run's secret.
    """

    def __init__(self, farm: Home, name: str, table: ParameterTable, address: tuple[str, int], token: str):
        self.name = name
        self.memory = RemoteParameters(self, table)
        self.parameters: ParameterStore = self.memory
        self.front: Front = Shown(self)
        self._farm, self._address, self._token = farm, address, token
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None
        self._calls: dict[int, asyncio.Future[Any]] = {}
        self._eyes: socket.socket | None = None
        self._looking = threading.Lock()  # Robot's thread asks too, when a test fails
        self.told: Terminals | None = None

    async def power(self, begin: Mapping[str, object]) -> None:
        """Connect, and let the device be made; a process that is just starting gets its time.

        Raises:
            BenchError: Nobody is there, it is garbage, or the device cannot be made.
        """
        sock = await self._connected(begin)
        reader, self._writer = await asyncio.open_connection(sock=sock, limit=control.LONGEST_BYTES)
        self._calls[BEGIN] = begun = self._farm.loop.create_future()
        self._listening = self._farm.loop.create_task(self._listen(reader), name=f"control channel of {self.name}")
        self.tell("make")
        await self._answer(BEGIN, begun)

    async def _connected(self, begin: Mapping[str, object]) -> socket.socket:
        """Connect to the control port, in scaled time again and again until its process has come up."""
        loop, factor = self._farm.loop, self._farm.loop.factor
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
        source = (self._farm.tester_of(self.name), 0)
        sock = socket.create_connection(self._address, ANSWER_REAL_S, source)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio does it for its own sockets only
            answer = control.ask(sock, "begin", token=self._token, name=self.name, **begin)
            if answer["kind"] != "joined":
                raise control.refused(answer) if "refused" in answer else control.Garbage(f"{answer} is no answer.")
        except BaseException:
            sock.close()
            raise
        return sock

    def tell(self, kind: str, **fields: object) -> None:
        """Send a message."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(encode(kind, **fields))

    async def start(self) -> None:
        """Power up."""
        await self.call("start")

    async def stop(self) -> None:
        """Go: a device whose bench is gone powers down."""
        await self.deafen()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    async def deafen(self) -> None:
        """Take nothing more from it, also not the end of its connection."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        if self._eyes is not None:
            self._eyes.close()
            self._eyes = None

    async def restart(self) -> None:
        """Restart as after *Save, Restart*."""
        await self.call("restart")

    def parameters_changed(self) -> None:
        """Let saved parameters that need no restart act."""
        self.look("changed")

    def page(self) -> Mapping[str, str]:
        """Return what the device shows on its pages or display."""
        return dict(self.look("page"))

    def explain(self) -> str:
        """Return in one sentence what the device does now and why."""
        return str(self.look("explain"))

    def card(self, id_tag: str) -> None:
        """Hold a card to its reader."""
        self.tell("card", id_tag=id_tag)

    async def fault(self, kind: str | None) -> None:
        """Plant one of the device's own faults, None to heal it."""
        await self.call("fault", kind)

    def look(self, what: str, *args: str) -> Any:
        """Ask what a person at the device sees, and wait for the answer: about a millisecond.

        Raises:
            DeviceFault: The device's process does not answer.
        """
        with self._looking:
            try:
                if self._eyes is None:
                    self._eyes = socket.create_connection(self._address, timeout=ANSWER_REAL_S)
                    self._eyes.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    control.ask(self._eyes, "look", token=self._token, name=self.name)
                answer = control.ask(self._eyes, "look", what=what, args=args)
                if not {"value", "refused"} & answer.keys():
                    raise control.Garbage(f"{answer} is no answer.")
            except (OSError, control.Garbage) as error:
                raise DeviceFault(f"{self.name}: its process does not answer: {error}") from error
        if "refused" in answer:
            raise control.refused(answer)
        return answer["value"]

    def ask_clock_s(self) -> float:
        """Return what its machine's monotonic clock shows [s] (errors as :meth:`look`)."""
        return float(self.look("clock"))

    async def call(self, what: str, *args: object) -> Any:
        """Let the device do something, and wait for the answer.

        Raises:
            BenchError: Its process does not answer.
        """
        number = max(self._calls, default=0) + 1
        self._calls[number] = answered = self._farm.loop.create_future()
        self.tell("call", id=number, what=what, args=args)
        return await self._answer(number, answered)

    async def _answer(self, number: int, answered: asyncio.Future[Any]) -> Any:
        """Wait for the answer to a call; a process that does not answer has failed.

        In lock-step time the conductor finds one that is gone, and one that is there is waited for.
        """
        factor = self._farm.loop.factor
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
        for waiting in self._calls.values():
            if not waiting.done():
                waiting.set_exception(gone)
        self._farm.lost(self.name, gone)

    def _take(self, message: Message) -> None:
        farm = self._farm
        match message["kind"]:
            case "begun" | "answer":
                waiting = self._calls.get(message.get("id", BEGIN))
                if waiting is not None and not waiting.done():
                    if "refused" in message:
                        waiting.set_exception(control.refused(message))
                    else:
                        waiting.set_result(message.get("value"))
            case "offer":
                farm.bays[self.name].set_offer(Offer(message["duty_pct"], message["fault"]))
            case "contactor":
                farm.bays[self.name].set_contactor(message["closed"])
            case "trace":
                late = {} if message["at_ns"] == farm.instants.now_ns() else {"device_ns": message["at_ns"]}
                farm.trace_state(self.name, message["event"], **message["fields"], **late)
            case "frame":
                farm.take_frame(self.name, message)
            case "lag":
                farm.lags_s[self.name] = message["max_s"]
            case "died":
                farm.failures.append(f"{message['what']}:\n{message['text']}")
            case kind:
                raise control.Garbage(f"a bench takes no message {kind!r}.")
