"""A LAN's broadcasts without a LAN: members send a datagram to a relay, which hands it to all others. Sans-I/O.

Overlay networks between hosts carry no broadcasts. Each member has a socket of its own for each port it listens on, and
joins with it; the relay tells members apart by where their datagrams come from. All datagrams begin with ``HILR`` and
the version, then one letter:

==========  =====================================================================  ================
``J``       port (2 octets), length of the LAN's name (1), its name, the token      member to relay
``j``       nothing: joined, or still so                                            relay to member
``D``       payload                                                                 member to relay
``d``       IPv4 address of the member that sent it (4 octets), payload             relay to member
``L``       nothing: it leaves                                                      member to relay
==========  =====================================================================  ================

A membership ends when it is not renewed by another ``J``. What is no such datagram is dropped, counted, never answered.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections import Counter
from dataclasses import dataclass
from typing import Final

PORT: Final = 7305
RENEW_S: Final = 5.0  #: How often a member joins again.
EXPIRES_S: Final = 20.0  #: How long a membership lasts.
MOST_MEMBERS: Final = 1024
LONGEST_NAME: Final = 63  #: Octets of a LAN's name.
LARGEST_PAYLOAD: Final = 16_384  #: Octets.

_MAGIC: Final = b"HILR\x01"
_HEAD: Final = len(_MAGIC) + 1
_FROM: Final = 4

Address = tuple[str, int]


def join(lan: str, port: int, token: str) -> bytes:
    """Return the datagram with which a member joins.

    Raises:
        ValueError: The name of the LAN is too long.
    """
    name = lan.encode()
    if len(name) > LONGEST_NAME:
        raise ValueError(f"the name of the LAN {lan!r} is longer than {LONGEST_NAME} octets.")
    return _MAGIC + b"J" + port.to_bytes(2, "big") + bytes([len(name)]) + name + token.encode()


def leave() -> bytes:
    """Return the datagram with which a member leaves."""
    return _MAGIC + b"L"


def data(payload: bytes) -> bytes:
    """Return the datagram for all other members."""
    return _MAGIC + b"D" + payload


@dataclass(frozen=True, slots=True)
class Joined:
    """The relay knows this member."""


@dataclass(frozen=True, slots=True)
class Data:
    """Another member's datagram.

    Attributes:
        sender: Its address.
        payload: What it sent.
    """

    sender: str
    payload: bytes


def from_relay(datagram: bytes) -> Joined | Data | None:
    """Return what a relay says, None if it is nothing that a relay says."""
    match _split(datagram):
        case (b"j", b""):
            return Joined()
        case (b"d", body) if len(body) >= _FROM:
            return Data(str(ipaddress.IPv4Address(body[:_FROM])), body[_FROM:])
    return None


@dataclass(slots=True)
class _Member:
    group: tuple[bytes, int]
    until_s: float


class Relay:
    """The relay of a site.

    Args:
        token: What members have to know.

    Attributes:
        counts: What became of the datagrams: ``joined``, ``renewed``, ``relayed``, ``left``; dropped as ``garbage``,
            ``wrong token``, ``stranger``, ``too large``, ``full``. ``expired`` counts memberships.
    """

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._members: dict[Address, _Member] = {}  # the one that was renewed last is the last
        self._groups: dict[tuple[bytes, int], dict[Address, None]] = {}
        self.counts: Counter[str] = Counter()

    def receive(self, datagram: bytes, sender: Address, now_s: float) -> list[tuple[bytes, Address]]:
        """Return the datagrams to be sent for one that came, each with where to.

        Args:
            datagram: What came.
            sender: IPv4 address and port it came from.
            now_s: The time, from any zero [s].
        """
        self._expire(now_s)
        match _split(datagram):
            case (b"J", body):
                return self._join(body, sender, now_s)
            case (b"D", payload):
                return self._relay(payload, sender)
            case (b"L", b"") if sender in self._members:
                self._forget(sender)
                self.counts["left"] += 1
            case _:
                self.counts["garbage"] += 1
        return []

    @property
    def members(self) -> int:
        """Return how many members there are."""
        return len(self._members)

    def _join(self, body: bytes, sender: Address, now_s: float) -> list[tuple[bytes, Address]]:
        port, size = int.from_bytes(body[:2], "big"), body[2] if len(body) > 2 else 0
        name, token = body[3 : 3 + size], body[3 + size :]
        if not port or not size or size > LONGEST_NAME or len(name) < size:
            self.counts["garbage"] += 1
            return []
        if not hmac.compare_digest(token, self._token):
            self.counts["wrong token"] += 1
            return []
        group = (name, port)
        before = self._members.get(sender)
        if before is None and len(self._members) >= MOST_MEMBERS:
            self.counts["full"] += 1
            return []
        self.counts["renewed" if before is not None and before.group == group else "joined"] += 1
        if before is not None:
            self._forget(sender)
        self._members[sender] = _Member(group, now_s + EXPIRES_S)
        self._groups.setdefault(group, {})[sender] = None
        return [(_MAGIC + b"j", sender)]

    def _relay(self, payload: bytes, sender: Address) -> list[tuple[bytes, Address]]:
        member = self._members.get(sender)
        if member is None:
            self.counts["stranger"] += 1
            return []
        if len(payload) > LARGEST_PAYLOAD:
            self.counts["too large"] += 1
            return []
        self.counts["relayed"] += 1
        datagram = _MAGIC + b"d" + ipaddress.IPv4Address(sender[0]).packed + payload
        return [(datagram, other) for other in sorted(self._groups[member.group]) if other != sender]

    def _expire(self, now_s: float) -> None:
        while self._members:
            oldest = next(iter(self._members))
            if self._members[oldest].until_s > now_s:
                return
            self._forget(oldest)
            self.counts["expired"] += 1

    def _forget(self, sender: Address) -> None:
        group = self._members.pop(sender).group
        del self._groups[group][sender]
        if not self._groups[group]:
            del self._groups[group]


def _split(datagram: bytes) -> tuple[bytes, bytes] | None:
    """Return letter and body, None for garbage."""
    if not datagram.startswith(_MAGIC) or len(datagram) < _HEAD:
        return None
    return datagram[_HEAD - 1 : _HEAD], datagram[_HEAD:]
