"""What a charge point keeps without power, as one text. Sans-I/O.

A device's flash: a checksum, then the state as JSON. Damage is known by the checksum, so that a station begins with
nothing rather than with half of it; a state that this software cannot take is for the reader to refuse.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from emulators.kit.host import UnreadableMemory
from emulators.kit.ocpp.wire.rpc import Payload

#: By name: what differs whenever the part has changed, and what returns the part for JSON.
Parts = Mapping[str, tuple[object, Callable[[], Any]]]


class Packer:
    """Makes the text of one charge point's state; a part that has not changed is not encoded again."""

    def __init__(self) -> None:
        self._texts: dict[str, tuple[object, str]] = {}

    def pack(self, parts: Parts) -> str:
        """Return the text of a state."""
        for name, (revision, as_json) in parts.items():
            if name not in self._texts or self._texts[name][0] != revision:
                self._texts[name] = revision, json.dumps(as_json())
        state = ", ".join(f'"{name}": {self._texts[name][1]}' for name in parts)
        return f"{_checksum(state)}\n{state}\n"


def unpack(text: str) -> Payload:
    """Return the state of which a text was made.

    Raises:
        UnreadableMemory: It is not as it was made.
    """
    checksum, _, state = text.partition("\n")
    if not state.endswith("\n") or checksum != _checksum(state[:-1]):
        raise UnreadableMemory("it is damaged: its checksum is wrong")
    found: Payload = json.loads(f"{{{state}}}")
    return found


def _checksum(state: str) -> str:
    return f"{zlib.crc32(state.encode()):08x}"
