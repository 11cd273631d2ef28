"""A device, or several, in a process of their own (``hil device``): the control port at which a bench powers them up.

The process stays while benches come and go: each ``begin`` makes a fresh device, and the first one of a bench a fresh
loop, as each test has a fresh farm.
"""

from __future__ import annotations

import asyncio
import gc
import hmac
import random
import socket
import threading
import traceback
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, cast
from urllib.parse import quote

from emulators.kit.device import CardReader, Device
from emulators.kit.family import DeviceConfig, Family, SocketConfig
from emulators.kit.host import Phase
from emulators.kit.parameters import as_text
from emulators.kit.pilot import PilotState
from hil.bench.memory import KeptSettings
from hil.clock import FarmLoop, GrantedLoop, ScaledLoop
from hil.clock.grants import MemberHello
from hil.clock.link_faults import from_message
from hil.errors import BenchError
from hil.process import control
from hil.process.control import Message, TerminalState, decode, encode, first_line
from hil.process.host import ProcessHost

HELLO_TIMEOUT_S: Final = 5.0
REPORT_LAG_S: Final = 5.0  #: How often the device tells how late its timers were, farm time.


class PoweredDevice:
    """One device from ``begin`` to the end of that connection.

    Args:
        family: Its family.
        together: What it shares with the others of this process.
        begin: The bench's message.
        kept: Where its settings outlive it.

    Attributes:
        local: Its address here, None without one.
    """

    def __init__(self, family: Family, together: Together, begin: Message, kept: KeptSettings) -> None:
        self.loop = together.loop
        self.local: str | None = None
        self._name: str = begin["name"]
        self._family, self._together, self._begin, self._kept = family, together, begin, kept
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._lag_s = 0.0
        self._is_up = False
        self._going: asyncio.Task[None] | None = None  # down, without power
        self._told: dict[str, str] = {}  # what the bench knows to be in force

    async def run(self, sock: socket.socket) -> None:
        """Serve the bench until it goes."""
        self.loop.links.exempt(sock.getpeername()[0])  # the tester's own access is never cut
        self._reader, self._writer = await asyncio.open_connection(sock=sock, limit=control.LONGEST_BYTES)
        messages = control.messages(self._reader)
        if await anext(messages, None) is None:  # "make"; in lock-step this process has a turn of its own then
            self._writer.close()
            return
        host = self._host = ProcessHost(self.loop, self._begin, self._name, self.tell, self._kept.memory)
        self.local = host.local
        try:
            self._device = self._create(host)
        except Exception as error:
            self.tell("begun", refused=control.refusal(error))
            self._writer.close()
            await asyncio.sleep(0)
            raise
        self._tell_parameters()
        self.tell("shown", **self._device.hmi.everything)
        self.tell("begun")
        calls: set[asyncio.Task[None]] = set()
        try:
            async for message in messages:
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

    def leave(self) -> None:
        """Go: the bench has, whatever becomes of the connection."""
        if self._reader is not None:
            self._reader.feed_eof()

    async def _look(self, what: str, *args: str) -> object:
        """Answer a question about what a person at the device sees, or do what a person does to its form."""
        device = self._device
        looks: dict[str, Callable[..., object]] = {
            "page": lambda: dict(device.page()),
            "explain": device.explain,
            "available": device.parameters.available,
            "text": device.parameters.shown,
            "set": device.parameters.set,
            "save": self._save,
        }
        return looks[what](*args)

    def _save(self) -> list[str]:
        waiting = self._device.parameters.save()
        self._device.parameters_changed()
        return waiting

    def _tell_parameters(self) -> None:
        """Tell what is in force, as far as the bench does not know it yet."""
        store = self._device.parameters
        now = {name: as_text(store[name]) for name in self._family.parameters}
        if changed := {name: text for name, text in now.items() if self._told.get(name) != text}:
            self._told |= changed
            self.tell("in_force", parameters=changed)

    def _create(self, host: ProcessHost) -> Device:
        config, table = self._begin["config"], self._family.parameters
        parameters = {name: table[name].parse(text) for name, text in config.pop("parameters").items()}
        if self._begin["settings"] == "kept":
            parameters = self._kept.read()
        else:
            self._kept.memory.forget()
        sockets = tuple(SocketConfig(*one) for one in config.pop("sockets"))
        device = self._family.create(
            host, DeviceConfig(name=self._name, parameters=parameters, sockets=sockets, **config)
        )
        if self._begin["settings"] == "factory":
            device.parameters.reset()
            device.parameters.restart()
        self._kept.follow(device.parameters)
        device.parameters.acts = self._tell_parameters
        device.hmi.shown = lambda **what: self.tell("shown", **what)
        return device

    def _take(self, message: Message) -> None:
        host = self._host
        match message["kind"]:
            case "epoch":
                self._begin_time(host, message)
            case "terminals":
                host.sockets[message["socket"]].terminals = TerminalState.of(message)
            case "pilot":
                socket = host.sockets[message["socket"]]
                socket.pilot, socket.cable_a = PilotState(message["state"]), message["cable_a"]
                if socket.callback is not None:
                    host.call_at(host.now_ns(), socket.tell)
            case "card":
                cast(CardReader, self._device).card(message["id_tag"])
            case "contact":
                host.contacts[message["contact"]] = message["closed"]
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
            case {"kind": "spoil", "a": a, "b": b, "fault": fault, "seed": seed}:
                links.spoil(a, b, from_message(fault), random.Random(seed))
            case {"kind": "restore", "a": a, "b": b}:
                links.restore(a, b)
            case {"kind": "power_off", "a": a}:
                links.power_off(a)
            case {"kind": "power_on", "a": a}:
                if not self._together.has(a):  # of its own process each comes when it is down: `_power_up`
                    links.power_on(a)
            case {"kind": kind}:
                raise control.Garbage(f"a device takes no message {kind!r}.")

    def _begin_time(self, host: ProcessHost, message: Message) -> None:
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
            self._kept.memory.forget()
        self._device.parameters.restart()
        await self._device.start()

    async def _reset(self, a: str, b: str | None) -> int:
        return self.loop.links.reset(a, b)

    async def _forget_lag(self) -> None:
        if isinstance(self.loop, ScaledLoop):
            self.loop.forget_lag()
        self._lag_s = 0.0

    async def _lag_p99(self) -> float:
        return self.loop.lag_p99_s if isinstance(self.loop, ScaledLoop) else 0.0

    async def _call(self, message: Message) -> None:
        device = self._device
        calls: dict[str, Callable[..., Coroutine[Any, Any, object]]] = {
            "look": self._look,
            "start": device.start,
            "restart": device.restart,
            "fault": device.fault,
            "on": self._power_up,
            "reset": self._reset,
            "forget_lag": self._forget_lag,
            "lag_p99": self._lag_p99,
        }
        try:
            value = await calls[message["what"]](*message["args"])
        except (ValueError, OSError) as error:
            self.tell("answer", id=message["id"], refused=control.refusal(error))
        except Exception as error:
            self._host.died(f"{self._name} {message['what']}", error)
            self.tell("answer", id=message["id"], refused=control.refusal(error))
        else:
            self._is_up = True
            self.tell("answer", id=message["id"], value=value)

    def tell(self, kind: str, **fields: object) -> None:
        """Send the bench a message."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(encode(kind, **fields))

    def _report_lag(self, loop: ScaledLoop) -> None:
        if loop.lag_max_s > self._lag_s:
            self._lag_s = loop.lag_max_s
            self.tell("lag", max_s=self._lag_s)


class Together:
    """What the devices of a process share for one session of a bench: the loop, from the first to the last of them.

    Args:
        begin: The bench's first message.

    Raises:
        BenchError: The conductor that the bench speaks of is not there, or refuses.

    Attributes:
        session: Which farm of the run this is.
        powered: The devices that are there, by name.
    """

    def __init__(self, begin: Message) -> None:
        self.session: str = begin["session"]
        self.loop = _clock(begin)
        self.loop.set_exception_handler(self._complained)
        if isinstance(self.loop, GrantedLoop):
            self.loop.left = self._leave
        self.powered: dict[str, PoweredDevice] = {}
        self._lock = threading.Lock()
        self._socks: dict[str, socket.socket] = {}  # of all that have begun and not ended
        self._is_over = False
        self._ended = self.loop.create_future()

    def add(self, device: PoweredDevice, name: str, sock: socket.socket) -> bool:
        """Let a device in, from any thread; return False when all the others have gone.

        Raises:
            BenchError: It is there already.
        """
        with self._lock:
            if self._is_over:
                return False
            if name in self._socks:
                raise BenchError(f"{name} has begun already.")
            self._socks[name] = sock
        self.loop.call_soon_threadsafe(self._begin, device, name, sock)
        return True

    def run(self) -> None:
        """Run the loop until the last device has gone."""
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(self._ended)
        finally:
            with self._lock:
                self._is_over = True
            for sock in self._socks.values():
                sock.close()
            self.loop.close()

    def has(self, address: str) -> bool:
        """Return whether an address is that of a device here."""
        return any(device.local == address for device in self.powered.values())

    def _begin(self, device: PoweredDevice, name: str, sock: socket.socket) -> None:
        self.powered[name] = device
        work = self.loop.create_task(self._serve(device, name, sock), name=f"{name} with its bench")
        work.add_done_callback(lambda _: self._end(name))

    async def _serve(self, device: PoweredDevice, name: str, sock: socket.socket) -> None:
        try:
            sock.sendall(encode("joined"))
            await device.run(sock)
        except Exception:  # a device that cannot be made, or garbage: the next bench finds a fresh one
            traceback.print_exc()
        finally:
            sock.close()

    def _end(self, name: str) -> None:
        with self._lock:
            del self.powered[name], self._socks[name]
            self._is_over = not self._socks
        if self._is_over and not self._ended.done():
            self._ended.set_result(None)

    def _leave(self) -> None:
        for device in self.powered.values():
            device.leave()

    def _complained(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Tell the bench, by whichever device: the failure is the farm's."""
        error = context.get("exception")
        if error is None or not self.powered:
            loop.default_exception_handler(context)
        else:
            teller = next(iter(self.powered.values()))
            teller.tell("died", what=context["message"], text="".join(traceback.format_exception(error)))


class DeviceProcess:
    """The process of a device, or of several.

    Args:
        families: The devices' families, by their names in the site.
        token: The run's secret.
        settings: Folder in which the devices' settings outlive this process, None for nowhere.
    """

    def __init__(self, families: Mapping[str, Family], token: str, settings: Path | None = None) -> None:
        self._families, self._token = families, token
        self._kept = {
            name: KeptSettings(settings and settings / f"{quote(name, safe='')}.json", family)
            for name, family in families.items()
        }
        self._begins: SimpleQueue[tuple[socket.socket, Message]] = SimpleQueue()
        self._together: Together | None = None

    def serve(self, *, hosts: Sequence[str] = ("",), port: int = control.PORT, ready: Path | None = None) -> None:
        """Serve benches, one after another, for good.

        Args:
            hosts: Addresses of the control port, an empty one for all.
            port: The control port.
            ready: A file that is there while the port listens.
        """
        for host in hosts:
            listener = socket.create_server((host, port))
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        print(
            f"{', '.join(self._families)} {'waits' if len(self._families) == 1 else 'wait'} for a bench on port {port}",
            flush=True,
        )
        gc.freeze()  # what is imported by now stays: no need to look at it again and again
        if ready is not None:
            ready.touch()
        while True:
            sock, begin = self._begins.get()
            try:
                together = Together(begin)
                self._power(together, sock, begin)
            except BenchError as error:
                _refuse(sock, error)
                continue
            self._together = together
            try:
                together.run()
            except Exception:  # the conductor has gone: the next bench brings another one
                traceback.print_exc()
            finally:
                self._together = None

    def _power(self, together: Together, sock: socket.socket, begin: Message) -> bool:
        name = begin["name"]
        device = PoweredDevice(self._families[name], together, begin, self._kept[name])
        return together.add(device, name, sock)

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
            name = str(hello.get("name"))
            if name not in self._families:
                raise control.Garbage(f"there is no {name} here")
            if hello["kind"] == "begin":
                self._begin(sock, hello)
                return
            if hello["kind"] != "clock":
                raise control.Garbage(f"nothing begins with {hello['kind']!r}")
            with sock, sock.makefile("rb") as lines:
                sock.settimeout(None)
                sock.sendall(encode("answer", value=None))
                for _question in lines:
                    sock.sendall(encode("answer", value=FarmLoop.real_s()))
        except (OSError, TimeoutError, control.Garbage) as error:
            print(f"{', '.join(self._families)}: connection of {peer} refused: {error}", flush=True)
            sock.close()

    def _begin(self, sock: socket.socket, begin: Message) -> None:
        """Let a device join the others of its session; a new session waits until the one before is over."""
        together = self._together
        try:
            joins = together is not None and together.session == begin["session"] and self._power(together, sock, begin)
        except BenchError as error:
            _refuse(sock, error)
            return
        if not joins:
            self._begins.put((sock, begin))


def _clock(begin: Message) -> ScaledLoop | GrantedLoop:
    """Return the clock that the bench asks for.

    Raises:
        BenchError: It asks for a conductor that is not there.
    """
    if "conductor" not in begin:
        return ScaledLoop(begin["factor"])
    host, port = begin["conductor"]
    return GrantedLoop((host, port), MemberHello.of(begin["hello"]))


def _refuse(sock: socket.socket, error: Exception) -> None:
    with sock, suppress(OSError):
        sock.sendall(encode("refused", refused=control.refusal(error)))
