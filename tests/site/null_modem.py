"""Two serial ports joined by a null modem, each served over RFC 2217 by pyserial's own ``PortManager``.

What is written at one end is read at the other; RTS drives the other's CTS, DTR its DSR and CD. It stands in for two
terminal server ports; clients are pyserial's ``rfc2217://``. By hand: ``python -m tests.site.null_modem``.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any, Self

from serial.rfc2217 import PortManager


class End:
    """One of the two ports, with what ``PortManager`` uses of ``serial.Serial``."""

    def __init__(self) -> None:
        self.baudrate, self.bytesize, self.parity, self.stopbits = 9600, 8, "N", 1
        self.xonxoff = self.rtscts = self.break_condition = self.ri = False
        self._lines = {"rts": False, "dtr": False}
        self.other: End = self
        self._client: socket.socket | None = None
        self._manager: Any = None
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"rfc2217://127.0.0.1:{self._server.getsockname()[1]}"
        self.heard = 0  #: Bytes that the client has written.
        threading.Thread(target=self._serve, daemon=True).start()

    def _set(self, line: str, is_on: bool) -> None:
        self._lines[line] = is_on
        if self.other._manager is not None:
            self.other._manager.check_modem_lines()

    rts = property(lambda self: self._lines["rts"], lambda self, is_on: self._set("rts", is_on))
    dtr = property(lambda self: self._lines["dtr"], lambda self, is_on: self._set("dtr", is_on))
    cts = property(lambda self: self.other.rts)
    dsr = property(lambda self: self.other.dtr)
    cd = property(lambda self: self.other.dtr)

    def reset_input_buffer(self) -> None:
        """Keep nothing: bytes go over at once."""

    reset_output_buffer = reset_input_buffer

    def write(self, data: bytes) -> None:
        """Send to the client, for ``PortManager``."""
        with self._lock, contextlib.suppress(OSError):
            if self._client is not None:
                self._client.sendall(data)

    def hang_up(self) -> None:
        """End the client's connection, as a server does whose adapter is pulled."""
        with contextlib.suppress(OSError):
            if self._client is not None:
                self._client.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Serve no longer."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.hang_up()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._client, _ = self._server.accept()
                self._client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._manager = PortManager(self, self)
                self._talk(self._client)
                self._manager = None
                self.rts = self.dtr = False  # as when a program closes a port

    def _talk(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            while octets := client.recv(4096):
                data = b"".join(self._manager.filter(octets))
                self.heard += len(data)
                if data and self.other._manager is not None:
                    self.other.write(b"".join(self.other._manager.escape(data)))


class NullModem:
    """Both ends."""

    def __init__(self) -> None:
        self.ours, self.theirs = End(), End()
        self.ours.other, self.theirs.other = self.theirs, self.ours

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.ours.close()
        self.theirs.close()


if __name__ == "__main__":
    with NullModem() as cable, contextlib.suppress(KeyboardInterrupt):
        print(cable.ours.url, cable.theirs.url, flush=True)
        threading.Event().wait()
