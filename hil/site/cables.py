"""The cables of a site: network, P1 and RS-485, how long they may be and where a real serial port ends one."""

from __future__ import annotations

import re
from typing import Final, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from hil.site.part import SitePart
from hil.site.values import Flaw, Names, Number, Text, is_one_of, unknown, wrong

LinkKind = Literal["network", "p1", "rs485"]
DataRequest = Literal["cts", "dsr", "ri", "cd", "always"]

SERIAL_PORTS: Final = {"p1": "P1", "rs485": "RS-485"}
"""Label of the port that each kind of serial cable fits into."""

OUTSIDE: Final = "outside"
"""The far end of a P1 cable whose reader hangs on a real serial port."""

ALWAYS: Final = "always"
"""The data request of a serial port that has no modem lines."""

LONGEST_P1_M: Final = 20
LONGEST_NETWORK_M: Final = 100
LONGEST_RS485_M: Final = 1200  #: TIA/EIA-485 at up to 100 kbit/s.
MOST_RS485_ENDS: Final = 32  #: Unit loads of TIA/EIA-485.


class Link(SitePart):
    """A cable.

    Attributes:
        between: Its two ends: devices and meters; a network cable's also ``switch`` or ``router``, a P1 cable's
            ``outside``. An RS-485 line has up to 32.
        kind: Network cable, the serial cable between a meter's P1 port and a reader, or an RS-485 line.
        cable_m: Its length [m]; at most 100 m (MENNEKES application note 3), P1 20 m (ALF guide 5.3.1.1), RS-485
            1200 m (TIA/EIA-485).
        port: The real serial port at which the reader outside hangs: a device path, or ``rfc2217://HOST:PORT``.
        data_request: The modem line of that port on which the reader asks for data (P1 pin 2), or ``always``.
    """

    kind: LinkKind = "network"
    between: tuple[str, ...] = Field(min_length=2, max_length=MOST_RS485_ENDS)
    cable_m: Number = Field(default=1.0, gt=0, le=LONGEST_RS485_M)
    port: Text | None = None
    data_request: DataRequest = "cts"

    @field_validator("between", mode="before")
    @classmethod
    def _known_ends(cls, raw: object, info: ValidationInfo) -> object:
        kind = info.data.get("kind", "")
        hubs = {"p1": [OUTSIDE], "rs485": []}.get(kind, ["switch", "router"])
        most = MOST_RS485_ENDS if kind == "rs485" else 2
        if isinstance(raw, list | tuple) and len(raw) > 2 and len(raw) > most:
            raise wrong(Flaw(f"{len(raw)} ends are too many.", f"Allowed: {most} for kind {kind!r}."))
        if not isinstance(raw, list | tuple) or len(raw) < 2:
            raise wrong(
                Flaw(f"{raw!r} are no two ends.", f"Allowed: [CP1, {'M1' if kind in SERIAL_PORTS else 'switch'}].")
            )
        if known := Names.of(info).endpoints:
            findings = [
                unknown("device", end, [*sorted(known), *hubs]) for end in raw if not is_one_of(end, {*known, *hubs})
            ]
            if findings:
                raise wrong(*findings)
        return tuple(raw)

    @field_validator("cable_m", mode="after")
    @classmethod
    def _short_enough(cls, value: float, info: ValidationInfo) -> float:
        longest_m, what = {
            "p1": (LONGEST_P1_M, "a P1 cable (ALF guide 5.3.1.1)"),
            "rs485": (LONGEST_RS485_M, "an RS-485 line (TIA/EIA-485)"),
        }.get(info.data.get("kind", ""), (LONGEST_NETWORK_M, "a network cable (MENNEKES application note 3)"))
        if value > longest_m:
            raise wrong(Flaw(f"{value:g} is out of range.", f"Allowed: {longest_m} or less for {what}."))
        return value

    @field_validator("port", mode="after")
    @classmethod
    def _can_be_a_port(cls, value: str | None) -> str | None:
        if value is None or value.startswith("/") or _TERMINAL_SERVER.match(value):
            return value
        raise wrong(Flaw(f"{value!r} is no serial port.", "Allowed: /dev/ttyUSB0, or rfc2217://HOST:PORT."))

    @model_validator(mode="after")
    def _outside_has_a_port(self) -> Self:
        if OUTSIDE in self.between and self.port is None:
            raise wrong(Flaw("the reader outside needs a serial port.", "Write 'port: /dev/ttyUSB0'.", ("between",)))
        for field in ("port", "data_request"):
            if field in self.model_fields_set and OUTSIDE not in self.between:
                text = f"a serial port is for a P1 cable to {OUTSIDE!r}."
                raise wrong(Flaw(text, f"Write 'kind: p1' and 'between: [P1, {OUTSIDE}]'.", (field,)))
        return self


_TERMINAL_SERVER: Final = re.compile(r"rfc2217://[^/:?]+:[0-9]{1,5}(\?.*)?$")
