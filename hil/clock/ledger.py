"""The ledger: what this process has sent to itself and not yet received.

The kernel does not always deliver at once (Nagle, windows, ptys, a busy machine): that nothing is readable does not
mean that nothing is on its way. Therefore bytes are counted at both ends of each connection inside this process. Farm
time may only jump when everything that was sent has arrived, or when nobody is going to read it.
"""

from __future__ import annotations

import array
import asyncio
import errno
import fcntl
import os
import select
import socket
import struct
import termios
import tty
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

    from hil.clock.links import Links
    from hil.clock.loop import FarmLoop

YOUNG_CONNECT_S: Final = 0.020
"""Real seconds after which a connect() that is still pending waits for a full backlog, not for the machine."""

LOST_DATAGRAM_S: Final = 0.020
"""Real seconds after which a datagram that is not in its receiver's buffer has been dropped by the kernel."""

_NO_GOODBYE: Final = struct.pack("ii", 1, 0)
"""SO_LINGER of 0 s: closing resets the connection."""

Address = tuple[str, int]

_send = socket.socket.send
_sendmsg = socket.socket.sendmsg
_recv = socket.socket.recv
_recv_into = socket.socket.recv_into
_sendto = socket.socket.sendto
_recvfrom = socket.socket.recvfrom


def unread_bytes(fd: int) -> int:
    """Return what the kernel holds ready for reading on a file (FIONREAD; of UDP the first datagram) [bytes]."""
    count = array.array("i", [0])
    try:
        fcntl.ioctl(fd, termios.FIONREAD, count)
    except OSError:
        return 0
    return count[0]


def anywhere(address: Address) -> Address:
    """Return the address at which a socket for all interfaces gets what is sent to this one."""
    return ("::" if ":" in address[0] else "0.0.0.0", address[1])


class Debt(Protocol):
    """Something that may still be on its way to a reader."""

    def settled(self, now_real_s: float) -> bool:
        """Return whether waiting for it would be pointless."""
        ...

    def forgive(self) -> None:
        """Take it out of the books."""
        ...


class Direction:
    """One direction of a connection inside this process.

    Attributes:
        owed: Bytes sent and not yet received, plus one for a FIN the reader has not seen.
        fin: The writer has finished.
        reader: The socket that reads; None until its end has a transport.
    """

    __slots__ = ("fin", "ledger", "name", "owed", "reader")

    def __init__(self, ledger: Ledger, name: str) -> None:
        self.ledger = ledger
        self.name = name
        self.owed = 0
        self.fin = False
        self.reader: StreamSocket | None = None

    def settled(self, now_real_s: float) -> bool:
        if self.reader is None:
            return True  # not accepted yet, or read without a transport: the zero poll has to do
        # A reader that reads is never settled: what arrives between the poll and this look must be polled again.
        return not self.ledger.loop.reads(self.reader.fileno())  # it has paused or has seen the end

    def forgive(self) -> None:
        self.ledger.in_flight -= self.owed
        self.owed = 0

    def finish(self) -> None:
        if not self.fin:
            self.fin = True
            self.owed += 1
            self.ledger.in_flight += 1

    def __repr__(self) -> str:
        return f"TCP {self.name}: {self.owed} owed{', FIN' if self.fin else ''}"


class Connection:
    """Both directions of a TCP connection whose two ends live in this process."""

    __slots__ = ("client", "client_gone", "down", "key", "server", "server_gone", "up")

    def __init__(self, ledger: Ledger, key: tuple[Address, Address]) -> None:
        (client, server) = key
        self.key = key
        self.up = Direction(ledger, f"{client[0]}:{client[1]} -> {server[0]}:{server[1]}")
        self.down = Direction(ledger, f"{server[0]}:{server[1]} -> {client[0]}:{client[1]}")
        self.client: StreamSocket | None = None
        self.server: StreamSocket | None = None
        self.client_gone = False
        self.server_gone = False


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
            arrives_s = links.datagram_s(self.local_ip, target[0])
            if arrives_s is None or arrives_s > loop.time():
                kept = bytes(data)
                if arrives_s is not None:
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


class PtyEnd:
    """One end of a registered pty.

    Read and write through `read` and `write`, or do the I/O yourself and say so with `took` and `wrote`.
    """

    def __init__(self, ledger: Ledger, fd: int, name: str) -> None:
        self.ledger = ledger
        self.fd = fd
        self.name = name
        self.owed = 0
        self.other: PtyEnd | None = None

    def write(self, data: Buffer) -> int:
        """Write without blocking; return how many bytes the pty took (maybe fewer, or `BlockingIOError`)."""
        count = os.write(self.fd, data)
        self.wrote(count)
        return count

    def read(self, at_most: int = 65536) -> bytes:
        """Read without blocking what has arrived; one write is not always one read."""
        data = os.read(self.fd, at_most)
        self.took(len(data))
        return data

    def wrote(self, count: int) -> None:
        """Book bytes that were written on this end by somebody else's code."""
        if self.other is not None:
            self.other.owed += count
            self.ledger.pty_owed += count

    def took(self, count: int) -> None:
        """Book bytes that were read on this end by somebody else's code."""
        count = min(count, self.owed)
        self.owed -= count
        self.ledger.pty_owed -= count

    def settled(self, now_real_s: float) -> bool:
        return not self.ledger.loop.reads(self.fd)  # nobody reads; see Direction.settled

    def forgive(self) -> None:
        self.took(self.owed)

    def __repr__(self) -> str:
        return f"pty {self.name}: {self.owed} owed"


class PtyLink:
    """A pty whose two ends are read and written by this loop; the slave is None if another process has it."""

    def __init__(self, ledger: Ledger, master_fd: int, slave_fd: int | None) -> None:
        self.master = PtyEnd(ledger, master_fd, "slave -> master")
        self.slave: PtyEnd | None = None
        os.set_blocking(master_fd, False)
        if slave_fd is not None:
            tty.setraw(slave_fd)  # else the line discipline changes the number of bytes
            os.set_blocking(slave_fd, False)
            self.slave = PtyEnd(ledger, slave_fd, "master -> slave")
            self.slave.other, self.master.other = self.master, self.slave
        self._ledger = ledger

    def ends(self) -> list[PtyEnd]:
        """Return the ends that are in this process."""
        return [self.master] if self.slave is None else [self.master, self.slave]

    def close(self) -> None:
        """Forget the link; the caller closes its files."""
        for end in self.ends():
            end.forgive()
            end.other = None
        self._ledger.ptys.pop(self, None)


class Ledger:
    """The books of one loop.

    Attributes:
        in_flight: Bytes, FINs and datagrams sent and not received; 0 is the quick test for "all arrived".
        pty_owed: The same for ptys, which the kernel has to be asked to flush.
        connecting: connect() calls that are pending, and when they started [real s].
        datagrams_lost: Datagrams that the kernel dropped.
    """

    def __init__(self, loop: FarmLoop, links: Links) -> None:
        self.loop = loop
        self.links = links
        self.in_flight = 0
        self.pty_owed = 0
        self.connecting: dict[asyncio.Future[None], float] = {}
        self.datagrams_lost = 0
        self.sockets: dict[StreamSocket, None] = {}
        self.connections: dict[tuple[Address, Address], Connection] = {}
        self.listeners: set[Address] = set()
        self.datagram_sockets: dict[Address, list[DatagramSocket]] = {}
        self.ptys: dict[PtyLink, None] = {}

    def is_own_listener(self, address: Address) -> bool:
        """Return whether a server of this loop listens at an address."""
        if not self.listeners:
            return False
        return address in self.listeners or anywhere(address) in self.listeners

    def expect(self, client: Address, server: Address) -> Connection:
        """Open the books of a connection from this process to itself, when its SYN leaves."""
        key = (client, server)
        stale = self.connections.get(key)
        if stale is not None:
            self._drop(stale)
        connection = self.connections[key] = Connection(self, key)
        return connection

    def attach(self, sock: StreamSocket, local: Address, peer: Address) -> None:
        """Find the books of a socket that gets its transport now; without any its other end lives elsewhere."""
        connection = self.connections.get((local, peer))
        if connection is not None and connection.client is None:
            connection.client, sock.tx, sock.rx = sock, connection.up, connection.down
            other_gone = connection.server_gone
        else:
            connection = self.connections.get((peer, local))
            if connection is None or connection.server is not None:
                return
            connection.server, sock.tx, sock.rx = sock, connection.down, connection.up
            other_gone = connection.client_gone
        sock.connection = connection
        sock.rx.reader = sock
        if other_gone:
            sock.tx = None

    def closed(self, sock: StreamSocket) -> None:
        """Book the end of a socket: its FIN, and what nobody can read any more."""
        self.sockets.pop(sock, None)
        connection, rx, tx = sock.connection, sock.rx, sock.tx
        if connection is None or rx is None:
            return
        sock.connection = sock.rx = sock.tx = None
        rx.forgive()
        rx.reader = None
        if sock is connection.client:
            connection.client_gone = True
            other = connection.server
        else:
            connection.server_gone = True
            other = connection.client
        if other is not None:
            other.tx = None
        if tx is not None:
            tx.finish()
        if connection.client_gone and connection.server_gone:
            self._drop(connection)

    def listener_closed(self, address: Address) -> None:
        """Forget the connections a server never accepted."""
        self.listeners.discard(address)
        for connection in list(self.connections.values()):
            if (
                connection.server is None
                and not connection.server_gone
                and address
                in (
                    connection.key[1],
                    anywhere(connection.key[1]),
                )
            ):
                self._drop(connection)

    def connect_failed(self, connection: Connection) -> None:
        """Forget a connection that did not come about."""
        if connection.client is None and self.connections.get(connection.key) is connection:
            self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        connection.up.forgive()
        connection.down.forgive()
        for end in (connection.client, connection.server):
            if end is not None:
                end.connection = end.rx = end.tx = None
        del self.connections[connection.key]

    def datagram_sent(self, target: Address) -> None:
        """Book a datagram if its receiver is one known socket of this loop; of several the kernel chooses."""
        receivers = self.datagram_sockets.get(target) or self.datagram_sockets.get(anywhere(target), [])
        if len(receivers) == 1:
            receivers[0].owed += 1
            self.in_flight += 1

    def flush_ptys(self) -> None:
        """Make the kernel deliver what was written to ptys: poll(2) waits for its worker, epoll does not."""
        flush = select.poll()
        for link in self.ptys:
            for end in link.ends():
                if end.owed:
                    flush.register(end.fd, select.POLLIN)
        flush.poll(0)

    def unsettled(self, now_real_s: float) -> list[Debt]:
        """Return what is worth waiting for a little longer."""
        debts: list[Debt] = []
        if self.in_flight:
            for connection in self.connections.values():
                debts += [d for d in (connection.up, connection.down) if d.owed]
            debts += [sock for sharing in self.datagram_sockets.values() for sock in sharing if sock.owed]
        if self.pty_owed:
            debts += [end for link in self.ptys for end in link.ends() if end.owed]
        return [debt for debt in debts if not debt.settled(now_real_s)]

    def connects_young(self, now_real_s: float) -> bool:
        """Return whether a connect() has just left; an older one waits for a full backlog."""
        return any(now_real_s - started < YOUNG_CONNECT_S for started in self.connecting.values())
