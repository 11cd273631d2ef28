"""The ledger: what this process has sent to itself and not yet received.

The kernel does not always deliver at once (Nagle, windows, ptys, a busy machine): that nothing is readable does not
mean that nothing is on its way. Therefore bytes are counted at both ends of each connection inside this process. Farm
time may only jump when everything that was sent has arrived, or when nobody is going to read it.
"""

from __future__ import annotations

import array
import asyncio
import fcntl
import os
import select
import termios
import tty
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

    from hil.clock.links import Links
    from hil.clock.loop import FarmLoop
    from hil.clock.sockets import DatagramSocket, StreamSocket

YOUNG_CONNECT_S: Final = 0.020
"""Real seconds after which a connect() that is still pending waits for a full backlog, not for the machine."""

Address = tuple[str, int]


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

    def read_ahead(self, count: int | None) -> None:
        """Take note of bytes that came before they were owed, None for the end: here both ends are in one book."""

    def finish(self) -> None:
        if not self.fin:
            self.fin = True
            self.owed += 1
            self.ledger.in_flight += 1

    def __repr__(self) -> str:
        return f"TCP {self.name}: {self.owed} owed{', FIN' if self.fin else ''}"


class Beyond(Protocol):
    """The traffic of this process with others that share its time."""

    def connect(self, client: Address, server: Address) -> None:
        """Book a connect to another process when its SYN leaves."""
        ...

    def attach(self, sock: StreamSocket, local: Address, peer: Address) -> None:
        """Open the books of a connection to another process."""
        ...

    def closed(self, sock: StreamSocket) -> None:
        """Book the end of a socket: its FIN, and what nobody can read any more."""
        ...

    def datagram_sent(self, target: Address) -> None:
        """Book a datagram to another process."""
        ...

    def debts(self) -> Sequence[Debt]:
        """Return what is on its way to this process."""
        ...


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
        beyond: The traffic with other processes, None if nobody asks for it.
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
        self.beyond: Beyond | None = None

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
                if self.beyond is not None:
                    self.beyond.attach(sock, local, peer)
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
            if self.beyond is not None:
                self.beyond.closed(sock)
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
        """Book a datagram."""
        if self.beyond is None or target in self.datagram_sockets:
            self.expect_datagrams(target, 1)
        else:
            self.beyond.datagram_sent(target)

    def expect_datagrams(self, target: Address, count: int) -> None:
        """Take datagrams into the books if one known socket of this loop gets them; of several the kernel chooses."""
        receivers = self.datagram_sockets.get(target) or self.datagram_sockets.get(anywhere(target), [])
        if len(receivers) == 1:
            receivers[0].owed += count
            self.in_flight += count

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
            if self.beyond is not None:
                debts += self.beyond.debts()
        if self.pty_owed:
            debts += [end for link in self.ptys for end in link.ends() if end.owed]
        return [debt for debt in debts if not debt.settled(now_real_s)]

    def connects_young(self, now_real_s: float) -> bool:
        """Return whether a connect() has just left; an older one waits for a full backlog."""
        return any(now_real_s - started < YOUNG_CONNECT_S for started in self.connecting.values())
