"""The farm's TCP and UDP sockets: they keep the ledger, and obey the faults of the farm's links."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from hil.clock.ledger import Address, unread_bytes

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

    from hil.clock.ledger import Connection, Direction, Ledger

LOST_DATAGRAM_S: Final = 0.020
"""Real seconds after which a datagram that is not in its receiver's buffer has been dropped by the kernel."""

_NO_GOODBYE: Final = struct.pack("ii", 1, 0)
"""SO_LINGER of 0 s: closing resets the connection."""

_send = socket.socket.send
_sendmsg = socket.socket.sendmsg
_recv = socket.socket.recv
_recv_into = socket.socket.recv_into
_sendto = socket.socket.sendto
_recvfrom = socket.socket.recvfrom


class StreamSocket(socket.socket):
    """A TCP socket that keeps the ledger and obeys the farm's links.

    Attributes:
        tx: Direction it writes; None if its reader is gone or lives elsewhere.
        rx: Direction it reads; None if its writer lives elsewhere.
        held: What waits for a faulty link: when it arrives [s of farm time], and bytes (None: the FIN). None while the
            link is whole.
        gone: Its transport has closed it.
        was_reset: Somebody reset the connection.
    """

    __slots__ = (
        *("connection", "flushing", "gone", "held", "ledger", "local_ip"),
        *("remote_ip", "rx", "timer", "tx", "was_reset"),
    )

    def __init__(self, ledger: Ledger, sock: socket.socket, peer: Any) -> None:
        local = sock.getsockname()
        super().__init__(sock.family, sock.type, sock.proto, fileno=sock.detach())
        self.setblocking(False)
        self.ledger = ledger
        self.local_ip: str = local[0]
        self.remote_ip: str = peer[0] if peer else ""
        self.tx: Direction | None = None
        self.rx: Direction | None = None
        self.connection: Connection | None = None
        self.held: deque[tuple[float, bytes | None]] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.flushing = False
        self.gone = False
        self.was_reset = False
        if peer:
            ledger.attach(self, (local[0], local[1]), (peer[0], peer[1]))
        ledger.sockets[self] = None
        if ledger.links.is_faulty(self.local_ip, self.remote_ip):
            self.held = deque()

    def send(self, data: Buffer, flags: int = 0, /) -> int:
        if self.held is not None:
            return self._keep(bytes(data))
        return self._send_now(data, flags)

    def _send_now(self, data: Buffer, flags: int = 0) -> int:
        sent = _send(self, data, flags)
        tx = self.tx
        if tx is not None:
            tx.owed += sent
            tx.ledger.in_flight += sent
        return sent

    def sendmsg(self, buffers: Any, *args: Any) -> int:  # what asyncio uses from Python 3.12 on
        if self.held is not None:
            return self._keep(b"".join(bytes(part) for part in buffers))
        sent = _sendmsg(self, buffers, *args)
        tx = self.tx
        if tx is not None:
            tx.owed += sent
            tx.ledger.in_flight += sent
        return sent

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        try:
            self._raise_reset()
            data = _recv(self, bufsize, flags)
        except (BlockingIOError, InterruptedError):
            raise
        except OSError:
            self._received(0)
            raise
        self._received(len(data))
        return data

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        try:
            self._raise_reset()
            count = _recv_into(self, buffer, nbytes, flags)
        except (BlockingIOError, InterruptedError):
            raise
        except OSError:
            self._received(0)
            raise
        self._received(count)
        return count

    def _received(self, count: int) -> None:
        """Book what arrived; 0 is the end (FIN or reset): whatever else was owed is lost."""
        rx = self.rx
        if rx is not None:
            owed = rx.owed
            if count == 0 or count > owed:
                rx.read_ahead(count - owed if count else None)
                count = owed
            rx.owed = owed - count
            rx.ledger.in_flight -= count

    def _raise_reset(self) -> None:
        if self.was_reset:
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))

    def shutdown(self, how: int) -> None:
        if self.held is not None:
            self._keep(None)
            return
        self._shutdown_now(how)

    def _shutdown_now(self, how: int) -> None:
        super().shutdown(how)
        if self.tx is not None and how != socket.SHUT_RD:
            self.tx.finish()

    def close(self) -> None:
        if self.gone:
            return
        self.gone = True
        if self.held is None or self.was_reset:
            self.close_for_good()
        else:
            self._keep(None)  # what is held must still arrive, and the FIN behind it

    def close_for_good(self) -> None:
        """Close although something may be held."""
        self.forget()
        self.held = None
        self.ledger.closed(self)
        super().close()

    def detach(self) -> int:
        self.gone = True
        self.ledger.closed(self)
        return super().detach()

    def look(self) -> None:
        """Find out what has become of the link."""
        if self.held is not None:
            self.release()
        elif self.ledger.links.is_faulty(self.local_ip, self.remote_ip):
            self.held = deque()

    def release(self) -> None:
        """Send what should have arrived by now; also called when the kernel's buffer was full."""
        self._stop_waiting()
        held, loop, links = self.held, self.ledger.loop, self.ledger.links
        if held is None or links.is_cut(self.local_ip, self.remote_ip):
            return
        try:
            while held and held[0][0] <= loop.time():
                due_s, part = held[0]
                if part is None:
                    self._shutdown_now(socket.SHUT_WR)
                elif (sent := self._send_now(part)) < len(part):
                    held[0] = (due_s, part[sent:])
                    continue
                held.popleft()
        except (BlockingIOError, InterruptedError):
            self.flushing = True
            loop.add_flush(self.fileno(), self.release)
            return
        except OSError:
            held.clear()  # the other end has gone meanwhile; the transport learns it from its next read
        if held:
            self.timer = loop.call_at(held[0][0], self.release)
        elif self.gone:
            self.close_for_good()
        elif not links.is_faulty(self.local_ip, self.remote_ip):
            self.held = None

    def forget(self) -> None:
        """Lose what is held."""
        self._stop_waiting()
        if self.held is not None:
            self.held.clear()

    def reset(self) -> None:
        """Let this end find the connection reset by the other, and the other by this one when it closes."""
        self.forget()
        self.was_reset = True
        self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_GOODBYE)
        if self.gone:
            self.close_for_good()
        else:
            with suppress(OSError):  # the kernel may have found it broken before
                super().shutdown(socket.SHUT_RD)  # wakes its reader, which meets the reset

    def await_use(self) -> None:
        """Reset the peer when it uses this connection, which its own host has forgotten."""
        self.forget()
        self.held = None
        self.ledger.loop.add_reader(self.fileno(), self._used)

    def _used(self) -> None:
        self.ledger.loop.remove_reader(self.fileno())
        self.reset()

    def _keep(self, part: bytes | None) -> int:
        """Hold something until it arrives, behind what is held already."""
        held = self.held
        assert held is not None
        if self.was_reset and part is not None:
            self._raise_reset()
        due_s = self.ledger.links.segment_s(self.local_ip, self.remote_ip)
        held.append((max(due_s, held[-1][0]) if held else due_s, part))
        self.release()
        return 0 if part is None else len(part)

    def _stop_waiting(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.flushing:
            self.flushing = False
            self.ledger.loop.remove_flush(self.fileno())


class DatagramSocket(socket.socket):
    """A UDP socket that keeps the ledger and obeys the farm's links.

    Attributes:
        owed: Datagrams sent to this socket by this process and not yet received.
    """

    __slots__ = ("address", "ledger", "local_ip", "owed", "peer", "waiting_since_real_s")

    def __init__(self, ledger: Ledger, sock: socket.socket) -> None:
        local = sock.getsockname()
        try:
            peer: Any = sock.getpeername()
        except OSError:
            peer = None
        super().__init__(sock.family, sock.type, sock.proto, fileno=sock.detach())
        self.setblocking(False)
        self.ledger = ledger
        self.local_ip: str = local[0]
        self.address: Address = (local[0], local[1])
        self.peer: Address | None = (peer[0], peer[1]) if peer else None
        self.owed = 0
        self.waiting_since_real_s: float | None = None
        ledger.datagram_sockets.setdefault(self.address, []).append(self)

    def send(self, data: Buffer, flags: int = 0, /) -> int:
        if self.peer is None:
            return _send(self, data, flags)
        return self._over_link(self.peer, data, lambda sent: _send(self, sent, flags))

    def sendto(self, data: Buffer, *args: Any) -> int:
        target = args[-1]
        return self._over_link((target[0], target[1]), data, lambda sent: _sendto(self, sent, *args))

    def _over_link(self, target: Address, data: Buffer, send: Callable[[Buffer], int]) -> int:
        """Send now, later, or not at all, as the link has it."""
        links, loop = self.ledger.links, self.ledger.loop
        if not links.is_clean:
            arrivals_s = links.datagram_s(self.local_ip, target[0])
            if len(arrivals_s) != 1 or arrivals_s[0] > loop.time():
                kept = bytes(data)
                for arrives_s in arrivals_s:
                    loop.call_at(arrives_s, self._arrive, target, kept, send)
                return len(kept)
        sent = send(data)
        self.ledger.datagram_sent(target)
        return sent

    def _arrive(self, target: Address, data: bytes, send: Callable[[Buffer], int]) -> None:
        """Send what a link has delayed, unless that was cut or the sender went meanwhile."""
        if self.fileno() >= 0 and not self._cut(target[0]):
            with suppress(OSError):  # as a datagram that the network loses
                send(data)
                self.ledger.datagram_sent(target)

    def recvfrom(self, bufsize: int, flags: int = 0, /) -> tuple[bytes, Any]:
        data, address = _recvfrom(self, bufsize, flags)
        if self.owed:
            self.owed -= 1
            self.ledger.in_flight -= 1
        self.waiting_since_real_s = None
        if address and self._cut(address[0]):
            raise BlockingIOError  # a multicast of the other side: dropped here
        return data, address

    def _cut(self, other_ip: str) -> bool:
        return self.ledger.links.is_cut(self.local_ip, other_ip)

    def close(self) -> None:
        sharing = self.ledger.datagram_sockets.get(self.address, [])
        if self in sharing:
            sharing.remove(self)
            if not sharing:
                del self.ledger.datagram_sockets[self.address]
        self.forgive()
        super().close()

    def settled(self, now_real_s: float) -> bool:
        fd = self.fileno()
        if fd < 0 or not self.ledger.loop.reads(fd):
            return True
        if self.waiting_since_real_s is None:
            self.waiting_since_real_s = now_real_s
        if now_real_s - self.waiting_since_real_s < LOST_DATAGRAM_S or unread_bytes(fd):
            return False
        self.ledger.datagrams_lost += self.owed
        self.forgive()
        return True

    def forgive(self) -> None:
        self.ledger.in_flight -= self.owed
        self.owed = 0
        self.waiting_since_real_s = None

    def __repr__(self) -> str:
        return f"UDP to {self.address[0]}:{self.address[1]}: {self.owed} owed"
