#!/usr/bin/env bash
# A meter value that dsmr-parser read goes through ocpp 2.0.1 with one decimal: 1234.567 kWh leaves as 1234.6.
#
# Packages    ocpp 2.1.0 (jsonschema 4.26.0), dsmr-parser 1.11.2
# Behaviour   ocpp encodes every decimal.Decimal of a payload with one decimal, whatever message and field it is in; a
#             float of the same value goes out unchanged. dsmr-parser gives every number as a Decimal, on purpose, since
#             DSMR fixes the decimals (F9(3,3) for energy). In 2.0.1 a sampled value is a JSON number, so the Decimal
#             fits the schema and nobody complains. It rounds by way of a binary float: 0.25 leaves as 0.2, 0.35 as 0.3.
# Surprise    Decimal is the careful choice, and it is the one that loses digits. The encoder is there for the limits of
#             1.6, whose schema allows multiples of 0.1 alone, but it is not tied to them.
# Consequence Each reading in kWh is off by up to 50 Wh, and a power below 50 W told in kW is 0.0. Give float(value) to
#             2.0.1, and the text of the Decimal to 1.6, where a sampled value is a string and stays exact.
# Standard    OCPP 2.0.1 part 2, SampledValueType.value (decimal, no limit to its digits); DSMR P1 companion standard
#             5.0.2, table of the OBIS references (1-0:1.8.1: F9(3,3), kWh).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    ocpp==2.1.0 jsonschema==4.26.0 dsmr-parser==1.11.2
"$work/venv/bin/python" - <<'PY'
import asyncio
import json
import logging
import sys
from decimal import Decimal

from dsmr_parser import telegram_specifications
from dsmr_parser.parsers import TelegramParser
from ocpp.v201 import ChargePoint, call
from ocpp.v16 import ChargePoint as ChargePoint16, call as call16

logging.disable(logging.CRITICAL)
changed = []


def see(what, got, wanted):
    print(f"{what}: {got}")
    if got != wanted:
        changed.append(f"{what}: {got!r}, was {wanted!r}")


def telegram(*lines):
    body = "\r\n".join(["/XMX5LGF0010000000000", "", *lines, "!"])
    return f"{body}{TelegramParser.crc16(body):04X}\r\n"


class Wire:
    async def send(self, text):
        self.text = text


async def send(peer_class, message):
    wire = Wire()
    try:
        await peer_class("CS1", wire, response_timeout=0.01).call(message)
    except TimeoutError:
        return json.loads(wire.text, parse_float=str)[3]["meterValue"][0]["sampledValue"][0]["value"]


def sent_by_201(value):
    return asyncio.run(send(ChargePoint, call.MeterValues(evse_id=0, meter_value=[{
        "timestamp": "2026-01-15T12:00:00Z", "sampled_value": [{"value": value, "unit_of_measure": {"unit": "kWh"}}]}])))


def sent_by_16(value):
    return asyncio.run(send(ChargePoint16, call16.MeterValues(connector_id=0, meter_value=[{
        "timestamp": "2026-01-15T12:00:00Z", "sampled_value": [{"value": value, "unit": "kWh"}]}])))


read = TelegramParser(telegram_specifications.V5).parse(telegram(
    "1-3:0.2.8(50)", "0-0:1.0.0(260115120000W)", "1-0:1.8.1(001234.567*kWh)", "1-0:1.7.0(00.040*kW)"))
energy_kwh, power_kw = read.ELECTRICITY_USED_TARIFF_1.value, read.CURRENT_ELECTRICITY_USAGE.value
see("dsmr-parser reads the energy as", repr(energy_kwh), "Decimal('1234.567')")
see("2.0.1 sends this Decimal as", sent_by_201(energy_kwh), "1234.6")
see("2.0.1 sends the same as a float as", sent_by_201(float(energy_kwh)), "1234.567")
see("2.0.1 sends 0.040 kW as", sent_by_201(power_kw), "0.0")
see("2.0.1 sends 0.25 and 0.35 as", (sent_by_201(Decimal("0.25")), sent_by_201(Decimal("0.35"))), ("0.2", "0.3"))
see("1.6 sends the text of the Decimal as", sent_by_16(str(energy_kwh)), "1234.567")

sys.exit("changed:\n" + "\n".join(changed) if changed else 0)
PY
