"""One device in a process of its own (``hil device``): the control port at which a bench powers it up.

The process stays while benches come and go: each ``begin`` makes a fresh device on a fresh loop, as each test has a
fresh farm.
"""

from __future__ import annotations

import asyncio
import hmac
import random
import socket
import threading
import traceback
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from emulators.kit.family import DeviceConfig, Family
from emulators.kit.host import Device, Phase
from emulators.kit.parameters import as_text
from emulators.kit.pilot import PilotState
from hil.bench import control
from hil.bench.control import Message, Terminals, decode, encode, first_line
from hil.bench.kept import KeptSettings
from hil.bench.seat_host import SeatHost
from hil.clock import GrantedLoop, ScaledLoop
from hil.clock.grants import Hello
from hil.clock.links import Delay, Loss
from hil.errors import BenchError

HELLO_TIMEOUT_S: Final = 5.0
REPORT_LAG_S: Final = 5.0  #: How often the device tells how late its timers were, farm time.


class PoweredDevice:
    """One device from ``begin`` to the end of that connection.

    Args:
        family: Its family.
        name: Its name in the site.
        begin: The bench's message.
        kept: Where its settings outlive it.

    Raises:
        BenchError: The conductor that the bench speaks of is not there, or refuses.
    """

    def __init__(self, family: Family, name: str, begin: Message, kept: KeptSettings) -> None:
        self.loop = _clock(begin)
        self._family, self._name, self._begin, self._kept = family, name, begin, kept
        self._writer: asyncio.StreamWriter | None = None
        self._lag_s = 0.0
        self._is_up = False
        self._going: asyncio.Task[None] | None = None  # down, without power

    async def run(self, sock: socket.socket) -> None:
        """Serve the bench until it goes."""
        self.loop.set_exception_handler(self._complained)
        self.loop.links.exempt(sock.getpeername()[0])  # the tester's own access is never cut
        reader, self._writer = await asyncio.open_connection(sock=sock, limit=control.LONGEST_BYTES)
        if isinstance(self.loop, GrantedLoop):
            self.loop.left = reader.feed_eof
        host = self._host = SeatHost(self.loop, self._begin, self._name, self._tell)
        try:
            self._device = self._create(host)
        except Exception as error:
            self._tell("begun", refused=control.refusal(error))
            self._writer.close()
            await asyncio.sleep(0)
            raise
        self._tell("begun")
        calls: set[asyncio.Task[None]] = set()
        try:
            async for message in control.messages(reader):
                if message["kind"] == "call":
                    task = self.loop.create_task(self._call(message))
                    calls.add(task)
                    task.add_done_callback(calls.discard)
                else:
                    self._take(message)
        finally:
            try:
                await self._device.stop()
            except Exception:
                if self._is_up:  # one that never came up may not know how to go down
                    raise
            finally:
                host.serial.close()
                host.instants.clear()
                rest = [*calls, *host.tasks, *([self._going] if self._going is not None else [])]
                for one in rest:
                    one.cancel()
                await asyncio.gather(*rest, return_exceptions=True)
                self._writer.close()
                await asyncio.sleep(0)

    def look(self, message: Message) -> bytes:
        """Answer a question about what a person at the device sees; it runs in the device's loop."""
        device, args = self._device, message.get("args", [])
        looks: dict[str, Callable[..., object]] = {
            "page": lambda: dict(device.page()),
            "explain": device.explain,
            "display": lambda: device.front.display,
            "leds": lambda: dict(device.front.leds),
            "log": lambda: list(device.front.log_lines),
            "offered": device.parameters.offered,
            "text": device.parameters.text,
            "in_force": lambda name: as_text(device.parameters[name]),
            "all_in_force": lambda: {name: as_text(device.parameters[name]) for name in self._family.parameters},
            "set": device.parameters.set,
            "save": device.parameters.save,
            "changed": device.parameters_changed,
            "clock": self.loop.real_s,
        }
        try:
            return encode("answer", value=looks[message["what"]](*args))
        except ValueError as error:
            return encode("answer", refused=control.refusal(error))

    def _create(self, host: SeatHost) -> Device:
        config, table = self._begin["config"], self._family.parameters
        parameters = {name: table[name].parse(text) for name, text in config.pop("parameters").items()}
        if self._begin["settings"] == "kept":
            parameters = self._kept.read()
        device = self._family.create(host, DeviceConfig(name=self._name, parameters=parameters, **config))
        if self._begin["settings"] == "factory":
            device.parameters.reset()
            device.parameters.restart()
        self._kept.follow(device.parameters)
        return device

    def _take(self, message: Message) -> None:
        host = self._host
        match message["kind"]:
            case "epoch":
                self._begin_time(host, message)
            case "terminals":
                host.terminals = Terminals.of(message)
            case "pilot":
                host.pilot, host.cable = PilotState(message["state"]), message["cable_a"]
                if host.pilot_callback is not None:
                    host.call_at(host.now_ns(), lambda: self._pilot(host))
            case "cable":
                host.serial.set_cut(message["label"], message["reader"], message["is_cut"])
            case "off":
                self._going = self.loop.create_task(self._device.stop())
            case _:
                self._link(message)

    def _link(self, message: Message) -> None:
        """Take a fault of a link: every process has the whole table, the sender's acts."""
        links = self.loop.links
        match message:
            case {"kind": "cut", "a": a, "b": b}:
                links.cut(a, b)
            case {"kind": "delay", "a": a, "b": b, "delay_s": delay_s, "jitter_s": jitter_s, "seed": seed}:
                links.delay(a, b, Delay(delay_s, jitter_s, random.Random(seed)))
            case {"kind": "lose", "a": a, "b": b, "probability": probability, "seed": seed}:
                links.lose(a, b, Loss(probability, random.Random(seed)))
            case {"kind": "restore", "a": a, "b": b}:
                links.restore(a, b)
            case {"kind": "power_off", "a": a}:
                links.power_off(a)
            case {"kind": "power_on", "a": a}:
                if a != self._host.local:  # its own comes when it is down: `_power_up`
                    links.power_on(a)
            case {"kind": kind}:
                raise control.Garbage(f"a device takes no message {kind!r}.")

    def _begin_time(self, host: SeatHost, message: Message) -> None:
        loop = self.loop
        if isinstance(loop, ScaledLoop):
            host.instants.begin_at(loop.ns_at(message["real_s"]))
            loop.forget_lag()
            host.every(REPORT_LAG_S, partial(self._report_lag, loop), phase=Phase.METERS)
        else:
            host.instants.begin_at(message["loop_ns"])

    async def _power_up(self, settings: str) -> None:
        """Come up after ``off``, with the settings that were saved or those of the manual."""
        if self._going is not None:
            await self._going
        if self._host.local is not None:
            self.loop.links.power_on(self._host.local)
        if settings == "factory":
            self._device.parameters.reset()
        self._device.parameters.restart()
        await self._device.start()

    async def _reset(self, a: str, b: str | None) -> int:
        return self.loop.links.reset(a, b)

    async def _forget_lag(self) -> None:
        if isinstance(self.loop, ScaledLoop):
            self.loop.forget_lag()
        self._lag_s = 0.0

    @staticmethod
    def _pilot(host: SeatHost) -> None:
        if host.pilot_callback is not None:
            host.pilot_callback(host.pilot)

    async def _call(self, message: Message) -> None:
        device = self._device
        calls: dict[str, Callable[..., Coroutine[Any, Any, int | None]]] = {
            "start": device.start,
            "restart": device.restart,
            "fault": device.fault,
            "on": self._power_up,
            "reset": self._reset,
            "forget_lag": self._forget_lag,
        }
        try:
            value = await calls[message["what"]](*message["args"])
        except (ValueError, OSError) as error:
            self._tell("answer", id=message["id"], refused=control.refusal(error))
        except Exception as error:
            self._host.died(f"{self._name} {message['what']}", error)
            self._tell("answer", id=message["id"], refused=control.refusal(error))
        else:
            self._is_up = True
            self._tell("answer", id=message["id"], value=value)

    def _tell(self, kind: str, **fields: object) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(encode(kind, **fields))

    def _report_lag(self, loop: ScaledLoop) -> None:
        if loop.lag_max_s > self._lag_s:
            self._lag_s = loop.lag_max_s
            self._tell("lag", max_s=self._lag_s)

    def _complained(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is None:
            loop.default_exception_handler(context)
        else:
            self._tell("died", what=context["message"], text="".join(traceback.format_exception(error)))


class Seat:
    """The process of one device.

    Args:
        family: The device's family.
        name: The device's name in the site.
        token: The run's secret.
        settings: File in which the device's settings outlive this process, None for nowhere.
    """

    def __init__(self, family: Family, name: str, token: str, settings: Path | None = None) -> None:
        self._family, self._name, self._token = family, name, token
        self._kept = KeptSettings(settings, family)
        self._begins: SimpleQueue[tuple[socket.socket, Message]] = SimpleQueue()
        self._powered: PoweredDevice | None = None

    def serve(self, *, host: str = "", port: int = control.PORT, ready: Path | None = None) -> None:
        """Serve benches, one after another, for good.

        Args:
            host: Address of the control port, empty for all.
            port: The control port.
            ready: A file that is there while the port listens.
        """
        listener = socket.create_server((host, port))
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        print(f"{self._name} waits for a bench on port {port}", flush=True)
        if ready is not None:
            ready.touch()
        while True:
            sock, begin = self._begins.get()
            try:
                powered = PoweredDevice(self._family, self._name, begin, self._kept)
            except BenchError as error:
                _refuse(sock, error)
                continue
            asyncio.set_event_loop(powered.loop)
            self._powered = powered
            try:
                sock.sendall(encode("joined"))
                powered.loop.run_until_complete(powered.run(sock))
            except Exception:  # a device that cannot be made, or garbage: the next bench finds a fresh one
                traceback.print_exc()
            finally:
                self._powered = None
                sock.close()
                powered.loop.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            sock, peer = listener.accept()
            threading.Thread(target=self._meet, args=(sock, peer[0]), daemon=True).start()

    def _meet(self, sock: socket.socket, peer: str) -> None:
        """Let in who knows the token."""
        sock.settimeout(HELLO_TIMEOUT_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio does it for its own sockets only
        try:
            hello = decode(first_line(sock))
            if not hmac.compare_digest(str(hello.get("token", "")).encode(), self._token.encode()):
                raise control.Garbage("wrong token")
            if hello["kind"] == "begin":
                self._begins.put((sock, hello))
                return
            with sock, sock.makefile("rb") as lines:
                sock.settimeout(None)
                sock.sendall(encode("answer", value=None))
                for line in lines:
                    sock.sendall(self._look(decode(line)))
        except (OSError, TimeoutError, control.Garbage) as error:
            print(f"{self._name}: connection of {peer} refused: {error}", flush=True)
            sock.close()

    def _look(self, message: Message) -> bytes:
        """Ask the device in its own thread."""
        powered = self._powered
        if powered is None:
            return encode("answer", refused={"message": f"{self._name} is not powered."})

        async def ask() -> bytes:
            answer = powered.look(message)
            if isinstance(powered.loop, GrantedLoop):
                await powered.loop.rest()  # whatever it has caused is done when the bench goes on
            return answer

        return asyncio.run_coroutine_threadsafe(ask(), powered.loop).result(HELLO_TIMEOUT_S)


def _clock(begin: Message) -> ScaledLoop | GrantedLoop:
    """Return the clock that the bench asks for.

    Raises:
        BenchError: It asks for a conductor that is not there.
    """
    if "conductor" not in begin:
        return ScaledLoop(begin["factor"])
    host, port = begin["conductor"]
    return GrantedLoop((host, port), Hello.of(begin["hello"]))


def _refuse(sock: socket.socket, error: Exception) -> None:
    with sock, suppress(OSError):
        sock.sendall(encode("refused", refused=control.refusal(error)))
