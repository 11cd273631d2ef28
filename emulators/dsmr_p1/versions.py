"""The versions of the P1 standard that the meter speaks, from ``versions.csv`` and ``obis.csv``."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from emulators.kit.host import SerialSettings
from emulators.kit.p1 import ObisRow, ObisTable

FOLDER: Final = Path(__file__).parent
PORT: Final = "P1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of the P1 standard.

    Attributes:
        name: Its number.
        rows: Lines of the telegram by name, in their order; M-Bus channels are empty.
        period_s: A telegram every so many seconds [s].
        settings: Of the serial line.
        has_crc: The telegram ends with a CRC.
        p1_version: What the version line says, empty without one.
        header: Identification after ``/``.
    """

    name: str
    rows: Mapping[str, ObisRow]
    period_s: int
    settings: SerialSettings
    has_crc: bool
    p1_version: str
    header: str


def _versions() -> Iterator[Version]:
    table = ObisTable.load(FOLDER / "obis.csv")
    with (FOLDER / "versions.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            lines = table.of_version(*row["rows"].split(";"))
            yield Version(
                name=row["version"],
                rows={name: line for name, line in lines.items() if not line.code.startswith("0-n:")},
                period_s=int(row["period_s"]),
                settings=SerialSettings(int(row["baudrate"]), int(row["bytesize"]), row["parity"]),
                has_crc=row["has_crc"] == "yes",
                p1_version=row["p1_version"],
                header=row["header"],
            )


VERSIONS: Final[Mapping[str, Version]] = {version.name: version for version in _versions()}
