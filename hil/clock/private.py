"""Every part of asyncio's selector loop that the farm's clock leans on although it is not documented.

Nothing else in the project touches these names. A Python that is not in `TESTED_PYTHONS` is refused: a clock that
silently jumps too far is worse than none.
"""

from __future__ import annotations

import asyncio
import heapq
import sys
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from hil.errors import BenchError

TESTED_PYTHONS: Final = ((3, 11), (3, 12), (3, 13))


def tested_pythons() -> list[str]:
    """Return the versions of Python that the clock was tested with, for people."""
    return [f"{major}.{minor}" for major, minor in TESTED_PYTHONS]


def check_python() -> None:
    """Raise `BenchError` unless the running Python is one the clock was tested with."""
    running = tuple(sys.version_info[:2])
    if running not in TESTED_PYTHONS:
        tested = ", ".join(tested_pythons())
        raise BenchError(f"The farm's clock was not tested with Python {running[0]}.{running[1]}. Tested: {tested}.")


if TYPE_CHECKING:
    import socket

    class SelectorLoop(asyncio.SelectorEventLoop):
        """`asyncio.SelectorEventLoop` with the private names that are used here."""

        _ready: deque[asyncio.Handle]
        _scheduled: list[asyncio.TimerHandle]
        _clock_resolution: float
        _thread_id: int | None
        _ssock: socket.socket

        def _check_closed(self) -> None: ...
        def _write_to_self(self) -> None: ...
        def _add_writer(self, fd: int, callback: Any, *args: Any) -> asyncio.Handle: ...
        def _remove_writer(self, fd: int) -> bool: ...
        def _sock_connect(self, fut: asyncio.Future[None], sock: socket.socket, address: Any) -> None: ...
        def _start_serving(self, protocol_factory: Any, sock: socket.socket, *args: Any, **kwargs: Any) -> None: ...
        def _stop_serving(self, sock: socket.socket) -> None: ...
        def _make_socket_transport(
            self,
            sock: socket.socket,
            protocol: Any,
            waiter: Any = None,
            *,
            extra: dict[str, Any] | None = None,
            server: Any = None,
        ) -> asyncio.Transport: ...
        def _make_ssl_transport(
            self, rawsock: socket.socket, protocol: Any, sslcontext: Any, *args: Any, **kwargs: Any
        ) -> asyncio.Transport: ...
        def _make_datagram_transport(
            self, sock: socket.socket, protocol: Any, address: Any = None, *args: Any, **kwargs: Any
        ) -> asyncio.DatagramTransport: ...

else:
    SelectorLoop = asyncio.SelectorEventLoop


class OrderedTimer(asyncio.TimerHandle):
    """A timer that runs after those set before it for the same instant, which a heap alone does not promise."""

    __slots__ = ("_number",)
    _when: float
    _scheduled: bool
    _number: int

    def schedule(self, heap: list[asyncio.TimerHandle], number: int) -> None:
        """Put it into a loop's heap of timers, behind those with a lower number."""
        self._number = number
        heapq.heappush(heap, self)
        self._scheduled = True

    def __lt__(self, other: Any) -> bool:
        when, others = self._when, other._when
        return bool(when < others or (when == others and self._number < other._number))
