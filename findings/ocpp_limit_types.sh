#!/usr/bin/env bash
# In ocpp 2.1.0 a limit of OCPP 1.6 arrives as int or Decimal, by whether the backend wrote 16 or 16.0.
#
# Packages    ocpp 2.1.0 (jsonschema 4.26.0)
# Behaviour   To check "multiples of 0.1" the package parses the payloads of SetChargingProfile, RemoteStartTransaction
#             and the answer to GetCompositeSchedule of 1.6 again, with Decimal for numbers that have a point, and hands
#             *that* payload to the handler. 16 stays an int, 16.0 and 10.4 become Decimal. Decimal times float raises
#             TypeError, json.dumps refuses it, and Decimal("10.4") == 10.4 is False, without an error. With
#             skip_schema_validation, and in 2.0.1, the same numbers are floats.
# Surprise    Nothing in the types of the API says so, and a station that was tested with a backend which writes 16
#             (JavaScript writes 16.0 so) breaks with one that writes 16.0 (Java, Python).
# Consequence limit * 230.0, the first line of each conversion from A to W, raises inside the handler, and the backend
#             gets InternalError for a valid profile. "Has the limit changed?" is always answered yes for limits such as
#             10.4, so a station applies and reports it again each time. Take float(limit) at the door.
# Standard    OCPP 1.6 edition 2, ChargingSchedulePeriod.limit (decimal, one digit of a fraction at most); RFC 8259,
#             chapter 6: JSON has one kind of number, in which 16 and 16.0 are the same.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check ocpp==2.1.0 jsonschema==4.26.0
"$work/venv/bin/python" - <<'PY'
import asyncio
import json
import logging
import sys

from ocpp.routing import on
from ocpp.v16 import ChargePoint as Peer16, call_result as result16
from ocpp.v201 import ChargePoint as Peer201, call_result as result201

logging.disable(logging.CRITICAL)
changed = []
WRITTEN = ["16", "16.0", "10.4"]
VOLTS = 230.0


def see(what, got, wanted):
    print(f"{what}: {got}")
    if got != wanted:
        changed.append(f"{what}: {got!r}, was {wanted!r}")


class Wire:
    async def send(self, text):
        self.text = text


def schedule(limits):
    periods = ",".join(f'{{"startPeriod":{60 * n},"limit":{limit}}}' for n, limit in enumerate(limits))
    return f'{{"chargingRateUnit":"A","chargingSchedulePeriod":[{periods}]}}'


def profile16(limits):
    return ('{"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":'
            f'"TxDefaultProfile","chargingProfileKind":"Relative","chargingSchedule":{schedule(limits)}}}}}')


def profile201(limits):
    return ('{"evseId":1,"chargingProfile":{"id":1,"stackLevel":0,"chargingProfilePurpose":"TxDefaultProfile",'
            f'"chargingProfileKind":"Relative","chargingSchedule":[{{"id":1,{schedule(limits)[1:]}]}}}}')


def limits_of(schedule):
    return [period["limit"] for period in schedule["charging_schedule_period"]]


class Checked16(Peer16):
    @on("SetChargingProfile")
    async def profile(self, cs_charging_profiles, **_):
        self.got = limits_of(cs_charging_profiles["charging_schedule"])
        return result16.SetChargingProfile(status="Accepted")


class Unchecked16(Peer16):
    @on("SetChargingProfile", skip_schema_validation=True)
    async def profile(self, cs_charging_profiles, **_):
        self.got = limits_of(cs_charging_profiles["charging_schedule"])
        return result16.SetChargingProfile(status="Accepted")


class Checked201(Peer201):
    @on("SetChargingProfile")
    async def profile(self, charging_profile, **_):
        self.got = limits_of(charging_profile["charging_schedule"][0])
        return result201.SetChargingProfile(status="Accepted")


class Watts16(Peer16):
    @on("SetChargingProfile")
    async def profile(self, cs_charging_profiles, **_):
        self.watts = [limit * VOLTS for limit in limits_of(cs_charging_profiles["charging_schedule"])]
        return result16.SetChargingProfile(status="Accepted")


def told(station_class, payload):
    wire = Wire()
    station = station_class("CS1", wire)
    asyncio.run(station.route_message(f'[2,"1","SetChargingProfile",{payload}]'))
    return station, json.loads(wire.text)


def error_of(action):
    try:
        return action()
    except TypeError as error:
        return type(error).__name__


got = told(Checked16, profile16(WRITTEN))[0].got
see("1.6, validated", repr(got), "[16, Decimal('16.0'), Decimal('10.4')]")
see("1.6, validation skipped", repr(told(Unchecked16, profile16(WRITTEN))[0].got), "[16, 16.0, 10.4]")
see("2.0.1, validated", repr(told(Checked201, profile201(WRITTEN))[0].got), "[16, 16.0, 10.4]")
see("limit == 10.4", got[2] == 10.4, False)
see("limit as JSON", [error_of(lambda: json.dumps(limit)) for limit in got], ["16", "TypeError", "TypeError"])
see("handler that works out watts, told 16", told(Watts16, profile16(["16"]))[1][2], {"status": "Accepted"})
see("the same handler, told 16.0", told(Watts16, profile16(["16.0"]))[1][:3:2], [4, "InternalError"])

sys.exit("changed:\n" + "\n".join(changed) if changed else 0)
PY
