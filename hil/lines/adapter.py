"""A talker's wire on a real serial port: a USB adapter of this machine, or a terminal server's port (RFC 2217).

Everything that may block (an adapter that hangs, a server that does not answer) is done by a thread of the port's own.
"""

from __future__ import annotations

import errno
import grp
import os
import queue
import termios
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import serial
from serial.tools import list_ports

from emulators.kit.host import SerialSettings
from hil.clock import FarmLoop
from hil.errors import ScenarioError
from hil.lines.real import PORT_ERRORS, RETRY_REAL_S, open_port
from hil.lines.wire import Wire
from hil.site import ALWAYS

LOOK_REAL_S: Final = 0.02  #: How often the modem line is looked at; about what a USB adapter keeps bytes back.
WRITE_REAL_S: Final = 0.2  #: A port that takes nothing for so long loses what was written.
FIRST_STATE_REAL_S: Final = 3.0  #: A terminal server says by then how its modem lines are.
CLOSE_REAL_S: Final = 3.0
PIECES: Final = 32  #: What the thread has not written yet is never more than so many pieces.


def _quiet(_is_requested: bool) -> None:
    """Hear nothing: the talker is off."""


class Adapter:
    """A reader outside the farm, at the other end of a real serial port.

    Args:
        loop: The clock, in real time.
        talker: Whose wire it is.
        port: Device path, or ``rfc2217://HOST:PORT``.
        data_request: The modem line on which the reader asks for data, or ``always``.
        settings: Of the port.
        told: Told why the port went away, and "" when it is back.

    Attributes:
        changed: The talker's: told whether the reader asks for data, whenever that changes.
        cuts: Talkers whose cable to the outside is cut.
        is_requested: Whether the reader asks for data.
        trouble: Why the port is away, "" while it is there.
    """

    def __init__(
        self,
        loop: FarmLoop,
        talker: str,
        *,
        port: str,
        data_request: str,
        settings: SerialSettings,
        told: Callable[[str], None],
    ) -> None:
        self._loop, self._talker, self._told = loop, talker, told
        self.port, self.data_request, self.settings = port, data_request, settings
        self.changed: Callable[[bool], None] = _quiet
        self.cuts: set[str] = set()
        self.is_requested = False
        self.trouble = ""
        self._line_is_on = False
        self._pieces: queue.Queue[bytes] = queue.Queue(PIECES)
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def describe(self) -> dict[str, Any]:
        """Return the port, its modem line and whether data is requested, as JSON has it."""
        return {
            "port": self.port,
            "baudrate": self.settings.baudrate,
            "format": self.settings.format,
            "line": self.data_request,
            "is_requested": self.is_requested,
            "trouble": self.trouble,
        }

    async def open(self) -> None:
        """Open the port.

        Raises:
            ScenarioError: It cannot be opened, or has no modem lines.
        """
        device, is_on = await self._loop.run_in_executor(None, self._open)
        self._hear(is_on, "")
        self._thread = threading.Thread(target=self._work, args=(device, is_on), name=self.port, daemon=True)
        self._thread.start()

    def deliver(self, line: Wire, data: bytes) -> None:
        """Put bytes on the wire; a port that is away or full loses them."""
        if line.name not in self.cuts and not self.trouble:
            with suppress(queue.Full):
                self._pieces.put_nowait(data)

    def look_again(self) -> None:
        """Tell the talker if the reader's request has come or gone, which a cut cable does too."""
        has_cable = self._talker not in self.cuts
        is_requested = self.data_request == ALWAYS or (self._line_is_on and has_cable)
        if is_requested != self.is_requested:
            self.is_requested = is_requested
            self.changed(is_requested)

    def close(self) -> None:
        """Let the port go; may be called twice."""
        self._closing.set()
        with suppress(queue.Full):
            self._pieces.put_nowait(b"")

    async def closed(self) -> None:
        """Close the port and wait until it is."""
        self.close()
        if self._thread is not None:
            await self._loop.run_in_executor(None, self._thread.join, CLOSE_REAL_S)

    def _hear(self, is_on: bool, trouble: str) -> None:
        """Take the news of the port's thread."""
        self._line_is_on = is_on
        if trouble != self.trouble:
            self.trouble = trouble
            self._told(trouble)
        self.look_again()

    # --- in the port's thread

    def _work(self, device: Any, is_on: bool) -> None:
        while device is not None:
            try:
                self._serve(device, is_on)
                return
            except PORT_ERRORS as error:
                self._tell(False, f"{self.port} is gone: {error}")
            finally:
                with suppress(*PORT_ERRORS):
                    device.close()
            device, is_on = self._reopen()

    def _serve(self, device: Any, is_on: bool) -> None:
        """Write what comes while the modem line is on, until the farm closes the port.

        Raises:
            OSError, ValueError, termios.error: It has gone away, in words of pyserial.
        """
        while not self._closing.is_set():
            data = self._next()
            device.read(1)  # nobody talks in that direction; it fails when the port is gone
            while device.in_waiting:
                device.read(device.in_waiting)
            if (now_on := self._is_on(device)) != is_on:
                is_on = now_on
                if not is_on:  # what is not over the wire yet is never sent
                    data = b""
                    self._forget()
                    device.reset_output_buffer()
                self._tell(is_on, "")
            if is_on:
                with suppress(serial.SerialTimeoutException):
                    device.write(data)

    def _next(self) -> bytes:
        try:
            return self._pieces.get(timeout=LOOK_REAL_S)
        except queue.Empty:
            return b""

    def _forget(self) -> None:
        with suppress(queue.Empty):
            while True:
                self._pieces.get_nowait()

    def _is_on(self, device: Any) -> bool:
        return self.data_request == ALWAYS or bool(getattr(device, self.data_request))

    def _tell(self, is_on: bool, trouble: str) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is there to be told
            self._loop.call_soon_threadsafe(self._hear, is_on, trouble)

    def _reopen(self) -> tuple[Any, bool]:
        while not self._closing.wait(RETRY_REAL_S):
            with suppress(ScenarioError):
                device, is_on = self._open()
                self._forget()
                self._tell(is_on, "")
                return device, is_on
        return None, False

    def _open(self) -> tuple[Any, bool]:
        """Return the open port and whether its modem line is on.

        Raises:
            ScenarioError: It cannot be opened, or has no modem lines.
        """
        here = {} if "://" in self.port else {"exclusive": True, "write_timeout": WRITE_REAL_S}
        try:
            device = open_port(self.port, self.settings, **here)
        except PORT_ERRORS as error:
            raise ScenarioError(
                f"{self._talker}: the serial port {_refusal(self.port, self.settings, error)}"
            ) from error
        try:
            return device, self._first_state(device)
        except PORT_ERRORS as error:
            device.close()
            text = f"{self.port} tells nothing of its modem lines ({error}), so nobody can ask for data there"
            allowed = f"Allowed: 'data_request: {ALWAYS}' (--serial {self._talker}={self.port},{ALWAYS})."
            raise ScenarioError(f"{self._talker}: the serial port {text}. {allowed}") from error

    def _first_state(self, device: Any) -> bool:
        """Return whether the modem line is on; a terminal server takes a moment to say it."""
        for _ in range(round(FIRST_STATE_REAL_S / LOOK_REAL_S) if "://" in self.port else 0):
            with suppress(OSError):
                return self._is_on(device)
            self._closing.wait(LOOK_REAL_S)
        return self._is_on(device)


def _refusal(port: str, settings: SerialSettings, error: Exception) -> str:
    """Return why a port cannot be opened, and what to do."""
    match getattr(error, "errno", None):
        case errno.ENOENT | errno.ENXIO | errno.ENODEV:
            found = ", ".join(sorted(one.device for one in list_ports.comports())) or "none"
            return f"{port} is not there. Serial ports of this machine: {found}."
        case errno.EACCES | errno.EPERM:
            return f"{port} may not be opened. Fix: sudo usermod -aG {_group(port)} $USER, then log in again."
        case errno.EBUSY | errno.EAGAIN:
            return f"{port} is busy: another program has it open."
    if isinstance(error, termios.error):
        return f"{port} cannot be set to {settings.baudrate} {settings.format}: {error.args[-1]}."
    if str(error).startswith("Could not configure port"):  # pyserial's words for a file that is no terminal
        return f"{port} is no serial port."
    if "'control'" in str(error):  # pyserial's words for a server that answers control commands in its own way
        return f"{port} cannot be opened: {error}. Fix: rfc2217://HOST:PORT?ign_set_control."
    return f"{port} cannot be opened: {error}."


def _group(port: str) -> str:
    """Return the group that may open a port; on Debian ``dialout``."""
    try:
        name = grp.getgrgid(os.stat(port).st_gid).gr_name
    except (OSError, KeyError):
        return "dialout"
    return "dialout" if name == "root" else name
