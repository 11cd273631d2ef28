"""Looks at a meter through its P1 port, with ``dsmr-parser``: telegrams as somebody else's software understands them.

It gets bytes from whoever reads the line and knows nothing of an emulator: a real meter is read the same way.
"""

from __future__ import annotations

import asyncio
import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from dsmr_parser import telegram_specifications
from dsmr_parser.clients.telegram_buffer import TelegramBuffer
from dsmr_parser.exceptions import InvalidChecksumError, ParseError
from dsmr_parser.parsers import TelegramParser

from hil.errors import DeviceNonsense, DeviceSilent, ScenarioError

MOST_PENDING: Final = 65536  #: So much without any telegram is thrown away [characters].
_SPECIFICATIONS: Final = {"5": "V5", "4": "V4", "3": "V3"}
#: By the current of each phase, the power that the phase returns.
_RETURNED_POWER: Final = {"1-0:31.7.0": "1-0:22.7.0", "1-0:51.7.0": "1-0:42.7.0", "1-0:71.7.0": "1-0:62.7.0"}


@dataclass(frozen=True, slots=True)
class P1Telegram:
    """One telegram as ``dsmr-parser`` reads it.

    Attributes:
        at_ns: Farm time at which its last byte came [ns].
        text: As it was on the line.
        values: Values by OBIS reference (``1-0:31.7.0``), numbers in the telegram's unit, times in UTC.
        names: ``dsmr-parser``'s name of each OBIS reference (``INSTANTANEOUS_CURRENT_L1``).
    """

    at_ns: int
    text: str
    values: Mapping[str, object]
    names: Mapping[str, str]

    def value(self, name: str) -> object:
        """Return a value by its OBIS reference or by ``dsmr-parser``'s name.

        Raises:
            ScenarioError: The telegram has no such line; the nearest is named.
        """
        return self.values[self.code(name)]

    def code(self, name: str) -> str:
        """Return the OBIS reference that a name means; raises as :meth:`value`."""
        codes = {other: code for code, other in self.names.items()} | {code: code for code in self.values}
        if name not in codes:
            near = difflib.get_close_matches(name, codes, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ScenarioError(f"the telegram has no {name!r}.{hint} It has: {', '.join(self.values)}.")
        return codes[name]

    def signed_currents_a(self) -> tuple[float, ...]:
        """Return the current of each phase that is there, negative where the phase feeds in [A]."""
        return tuple(self.signed_a(code) for code in _RETURNED_POWER if code in self.values)

    def signed_a(self, name: str) -> float:
        """Return a current with the sign that the power of its phase gives it: negative where it feeds in [A].

        Raises:
            ScenarioError: The telegram has no such line, or it is no current.
        """
        current_a, code = float(str(self.value(name))), self.code(name)
        if code not in _RETURNED_POWER:
            raise ScenarioError(f"{name} is no current of a phase. Allowed: {', '.join(_RETURNED_POWER)}.")
        return -current_a if float(str(self.values.get(_RETURNED_POWER[code], 0))) > 0 else current_a

    def unit(self, name: str) -> str:
        """Return the unit that a value has on the line, empty when it has none."""
        line = next(line for line in self.text.split("\r\n") if line.startswith(f"{self.code(name)}("))
        return line.rpartition("*")[2].removesuffix(")") if "*" in line else ""


class P1Probe:
    """A tester's reader on a P1 port.

    Args:
        name: The meter's name.
        version: Version of the P1 standard, such as ``5.0.2``.
        now_ns: Returns farm time [ns].

    Attributes:
        telegrams: How many telegrams came whole and right.
        rejected: Telegrams that ``dsmr-parser`` refused, by the kind of its error.
    """

    def __init__(self, name: str, version: str, now_ns: Callable[[], int]) -> None:
        self._name, self._now_ns = name, now_ns
        self._parser = TelegramParser(_specification(version))
        self._buffer = TelegramBuffer()
        self._pending = 0
        self._last: P1Telegram | None = None
        self._waiting: list[asyncio.Future[P1Telegram]] = []
        self.telegrams = 0
        self.rejected: Counter[str] = Counter()

    @property
    def last(self) -> P1Telegram | None:
        """Return the last good telegram since the probe has been listening."""
        return self._last

    def receive(self, data: bytes) -> None:
        """Take bytes off the line."""
        self._buffer.append(data.decode("latin-1"))
        self._pending += len(data)
        for text in self._buffer.get_all():
            self._pending = 0
            self._take(text)
        if self._pending > MOST_PENDING:  # it would keep for ever what never ends
            self._buffer, self._pending = TelegramBuffer(), 0

    async def next(self, timeout_s: float) -> P1Telegram:
        """Return the next good telegram.

        Raises:
            DeviceSilent: None came in time [s].
            DeviceNonsense: Some came, but none that ``dsmr-parser`` accepts.
        """
        waiter: asyncio.Future[P1Telegram] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        rejected = self.rejected.total()
        try:
            async with asyncio.timeout(timeout_s):
                return await waiter
        except TimeoutError:
            if wrong := self.rejected.total() - rejected:
                text = f"{self._name} sent {wrong} wrong telegrams within {timeout_s:g} s: {dict(self.rejected)}."
                raise DeviceNonsense(text) from None
            raise DeviceSilent(f"{self._name} sent no telegram within {timeout_s:g} s.") from None
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)

    def _take(self, text: str) -> None:
        try:
            parsed = self._parser.parse(text, throw_ex=True)
        except InvalidChecksumError:
            self.rejected["crc"] += 1
            return
        except (ParseError, ArithmeticError, ValueError, LookupError, TypeError) as error:
            self.rejected[type(error).__name__] += 1  # nonsense with a right CRC, or without any
            return
        self.telegrams += 1
        found = {code: (name, getattr(parsed, name)) for code, name in _lines(text, self._parser)}
        self._last = P1Telegram(
            self._now_ns(),
            text,
            {code: _value(read) for code, (_, read) in found.items()},
            {code: name for code, (name, _) in found.items()},
        )
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(self._last)


def _specification(version: str) -> Any:
    return getattr(telegram_specifications, _SPECIFICATIONS[version[:1]])


def _lines(text: str, parser: TelegramParser) -> Iterator[tuple[str, str]]:
    """Yield the OBIS reference of each line that the parser knows, and its name for it."""
    objects = tuple((one["obis_reference"], one["value_name"]) for one in parser.telegram_specification["objects"])
    for line in text.split("\r\n"):
        code, bracket, _ = line.partition("(")
        if bracket and (name := _name_of(code, objects)):
            yield code, name


@cache
def _name_of(code: str, objects: tuple[tuple[str, str], ...]) -> str | None:
    line = f"{code}(0)\r\n"
    return next((name for pattern, name in objects if re.search(pattern, line, re.MULTILINE | re.DOTALL)), None)


def _value(read: Any) -> object:
    return read.value if hasattr(read, "value") else read
