"""Further addresses for a container's own interface, by the kernel's netlink (``man 7 rtnetlink``).

An engine gives a container one address in a network; several devices in it need one each.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from ipaddress import IPv4Address, IPv4Interface
from typing import Final

from hil.errors import BenchError

SIOCGIFADDR: Final = 0x8915
RTM_NEWADDR: Final = 20
NLM_F_REQUEST, NLM_F_ACK, NLM_F_REPLACE, NLM_F_CREATE = 0x1, 0x4, 0x100, 0x400
IFA_ADDRESS, IFA_LOCAL = 1, 2
_HEADER: Final = struct.Struct("=IHHII")  #: Length, type, flags, sequence number, port.
_ADDRESS: Final = struct.Struct("=BBBBI")  #: Family, prefix length, flags, scope, interface.
_ATTRIBUTE: Final = struct.Struct("=HH4s")  #: Length, type, an IPv4 address.
_ERROR: Final = struct.Struct("=i")


def add_address(further: IPv4Interface) -> None:
    """Give the interface that is in an address's subnet already this address too; twice is once.

    Raises:
        BenchError: No interface is in its subnet, or the kernel refuses.
    """
    attributes = b"".join(
        _ATTRIBUTE.pack(_ATTRIBUTE.size, kind, further.ip.packed) for kind in (IFA_LOCAL, IFA_ADDRESS)
    )
    content = _ADDRESS.pack(socket.AF_INET, further.network.prefixlen, 0, 0, _interface(further)) + attributes
    flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE
    message = _HEADER.pack(_HEADER.size + len(content), RTM_NEWADDR, flags, 1, 0) + content
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.send(message)
        (error,) = _ERROR.unpack_from(kernel.recv(1 << 16), _HEADER.size)
    if error:
        raise BenchError(f"the kernel refuses the address {further}: {os.strerror(-error)}.")


def _interface(further: IPv4Interface) -> int:
    """Return the number of the interface in an address's subnet."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for number, name in socket.if_nameindex():
            try:
                found = fcntl.ioctl(asking, SIOCGIFADDR, struct.pack("256s", name.encode()))
            except OSError:  # it has none
                continue
            if IPv4Address(found[20:24]) in further.network:
                return number
    raise BenchError(f"no interface is in {further.network}: {further} cannot be added.")
