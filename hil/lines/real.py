"""Real serial ports: how they are opened, what it looks like when one goes away, and a reader on one."""

from __future__ import annotations

import os
import termios
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import serial

from emulators.kit.host import SerialSettings
from hil.clock import FarmLoop

#: What pyserial lets out when a port cannot be opened, or has gone away.
PORT_ERRORS: Final = (OSError, ValueError, termios.error)
RETRY_REAL_S: Final = 1.0  #: How often a port that went away is looked for.
MOST_AT_ONCE: Final = 65536  #: [bytes]
PTYS: Final = range(136, 144)  #: Major numbers of pseudo-terminals (Linux, admin-guide/devices.txt).


def open_port(port: str, settings: SerialSettings, **more: Any) -> Any:
    """Return an open port of pyserial; ``more`` are its own arguments.

    A pseudo-terminal has no format: the kernel makes 8N1 of any other, and the C library calls that an error as soon as
    nothing else has changed, which is the second time.

    Raises:
        OSError, ValueError, termios.error: It cannot be opened.
    """
    has_format = not _is_pty(port)
    return serial.serial_for_url(
        port,
        baudrate=settings.baudrate,
        bytesize=settings.bytesize if has_format else serial.EIGHTBITS,
        parity=settings.parity if has_format else serial.PARITY_NONE,
        stopbits=settings.stopbits,
        timeout=0,
        **more,
    )


def _is_pty(port: str) -> bool:
    try:
        return os.major(os.stat(port).st_rdev) in PTYS
    except (OSError, ValueError):  # a URL, or not there
        return False


class RealPort:
    """A real serial device (a USB cable to a real meter) in a reader's port.

    One that goes away, or is not there yet, is silence; it is looked for until it is back.

    Args:
        loop: The clock, in real time.
        path: The device file.
        settings: Of the reader's port.
        receive: Gets what arrives.
        told: Told why the port went away, and "" when it is back.
    """

    def __init__(
        self,
        loop: FarmLoop,
        path: str,
        settings: SerialSettings,
        receive: Callable[[bytes], None],
        told: Callable[[str], None],
    ) -> None:
        self._loop, self._path, self._settings = loop, path, settings
        self._receive, self._told = receive, told
        self._port: Any = None
        self._fd = -1
        self._is_away = self._is_closed = False
        self._look()

    def close(self) -> None:
        """Let the device go; may be called twice."""
        self._is_closed = True
        self._let_go()

    def _let_go(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            self._loop.remove_reader(self._fd)
            with suppress(*PORT_ERRORS):
                port.close()

    def _look(self) -> None:
        """Open the port, or look for it again later."""
        if self._is_closed:
            return
        try:
            self._port = open_port(self._path, self._settings, exclusive=True)
        except PORT_ERRORS as error:
            self._lost(error)
            return
        self._fd = self._port.fileno()
        self._loop.add_reader(self._fd, self._read)
        if self._is_away:
            self._is_away = False
            self._told("")

    def _lost(self, error: Exception) -> None:
        if not self._is_away:
            self._is_away = True
            self._told(f"{self._path} is gone: {error}")
        self._loop.call_later(RETRY_REAL_S, self._look)

    def _read(self) -> None:
        try:
            data = self._port.read(MOST_AT_ONCE)
        except PORT_ERRORS as error:
            self._let_go()
            self._lost(error)
            return
        self._receive(data)
