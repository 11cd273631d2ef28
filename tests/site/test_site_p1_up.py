"""A P1 meter of ``hil up`` in real time, read by pyserial and by dsmr-parser."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import serial
from dsmr_parser import telegram_specifications
from dsmr_parser.clients.telegram_buffer import TelegramBuffer
from dsmr_parser.parsers import TelegramParser

from tests.site.test_site_up import Up

SITE = """
site: by-hand
loads: {house: {feeder: supply, current_a: 10/5/0}}
pv: {roof: {feeder: supply, current_a: 0/12/0}}
meters:
  M1: {type: dsmr_p1}
  M2: {type: dsmr_p1, firmware: 4.2.2, variant: single-phase}
"""


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    (tmp_path / "site.yaml").write_text(SITE, encoding="utf-8")
    with Up(tmp_path, "site.yaml") as farm:
        yield farm


def telegram(path: str, baudrate: int = 115200, *, at_most_s: float = 5.0) -> Any:
    """Return the first whole telegram a client hears that opens the path now, None without any in time."""
    buffer, parser = TelegramBuffer(), TelegramParser(telegram_specifications.V5)
    with serial.Serial(path, baudrate, timeout=0.2) as line:
        for _ in range(round(at_most_s / 0.2)):
            buffer.append(line.read(4096).decode("latin-1"))
            for text in buffer.get_all():
                return parser.parse(text)
    return None


def test_somebody_else_s_client_reads_what_the_plant_carries(up: Up) -> None:
    found = up.endpoints["devices"]
    at = found["M1"]["serial"]
    assert found["M1"] == {"type": "dsmr_p1", "serial": {"path": at["path"], "baudrate": 115200, "format": "8N1"}}
    assert found["M2"]["serial"]["path"] != at["path"]
    assert f"serial {at['path']}, 115200 8N1" in up.text
    first = telegram(at["path"])
    assert [first.INSTANTANEOUS_CURRENT_L1.value, first.INSTANTANEOUS_CURRENT_L2.value] == [10, 7]
    assert float(first.INSTANTANEOUS_ACTIVE_POWER_L2_NEGATIVE.value) == 1.61
    assert up.ask("POST", "/v1/load", {"name": "house", "current_a": [16, 0, 0]})[0] == 200
    assert telegram(at["path"]).INSTANTANEOUS_CURRENT_L1.value == 16
    assert telegram(at["path"], 9600, at_most_s=3) is None
    assert telegram(at["path"]) is not None  # the right speed again
    assert up.end(signal.SIGINT) == 0, up.text
