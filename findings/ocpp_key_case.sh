#!/usr/bin/env bash
# ocpp 2.1.0 cannot send or take a limit per phase of OCPP 2.1, and it renames the keys of free vendor data.
#
# Packages    ocpp 2.1.0 (jsonschema 4.26.0)
# Behaviour   The package turns every key of a message from snake_case to camelCase by a rule, and back: each "_x"
#             becomes "X". OCPP 2.1 has keys with an underscore *in* the JSON: limit_L2, limit_L3, setpoint_L2,
#             dischargeLimit_L3, maxChargePower_L2 and others. No spelling in Python gives them: "limit_L2" and
#             "limit_l2" both go out as "limitL2", which the package's own schema refuses. With validation off "limitL2"
#             really goes out. On the way in, limit_L2 arrives as limit_l2, so an echo of what came in fails as well.
#             The same rule runs over the payload of DataTransfer, which 2.0.1 leaves to the two vendors ("anyType"):
#             keys there are changed without a word, and "soc", "csms" and "v2x" are replaced even inside other words.
# Surprise    The package ships the schemas of 2.1 and a class for every message, and one limit for all phases works. It
#             is the first unbalanced limit that fails, with an error that speaks of a key that nobody wrote.
# Consequence Three phases are three numbers, but a backend on this package can command only one. Do not turn validation
#             off: the station then gets a key that no standard knows, next to a "limit" that counts for all phases.
#             Under 2.0.1 put vendor data into DataTransfer as one JSON text (as 1.6 demands anyway), not as an object.
# Standard    OCPP 2.1 Edition 1 part 2, ChargingSchedulePeriodType (limit_L2, limit_L3); OCPP 2.0.1 part 2,
#             DataTransferRequest.data ("without specified length or format").
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
from importlib import resources

from ocpp.exceptions import OCPPError
from ocpp.routing import on
from ocpp.v21 import ChargePoint as Peer21, call as call21, call_result as result21
from ocpp.v201 import ChargePoint as Peer201, call as call201

logging.disable(logging.CRITICAL)
changed = []


def see(what, got, wanted):
    print(f"{what}: {got}")
    if got != wanted:
        changed.append(f"{what}: {got!r}, was {wanted!r}")


class Wire:
    """Keeps what goes out; nobody answers."""

    def __init__(self):
        self.sent = []

    async def send(self, text):
        self.sent.append(json.loads(text))


async def send(peer_class, message, **options):
    wire = Wire()
    try:
        await peer_class("CS1", wire, response_timeout=0.01).call(message, **options)
    except TimeoutError:
        return wire.sent[0][3]
    except OCPPError as error:
        return f"{type(error).__name__}: {error.details['cause']}"


def profile(period):
    return call21.SetChargingProfile(evse_id=1, charging_profile={
        "id": 7, "stack_level": 0, "charging_profile_purpose": "TxDefaultProfile", "charging_profile_kind": "Relative",
        "charging_schedule": [{"id": 1, "charging_rate_unit": "A", "charging_schedule_period": [period]}]})


def period_sent(period, **options):
    sent = asyncio.run(send(Peer21, profile(period), **options))
    if isinstance(sent, str):
        return sent
    return sent["chargingProfile"]["chargingSchedule"][0]["chargingSchedulePeriod"][0]


schema = json.loads((resources.files("ocpp") / "v21/schemas/SetChargingProfileRequest.json").read_text("utf-8-sig"))
names = schema["definitions"]["ChargingSchedulePeriodType"]["properties"]
see("keys of a phase in the package's own schema", sorted(name for name in names if name.startswith("limit_")),
    ["limit_L2", "limit_L3"])
see("one limit", period_sent({"start_period": 0, "limit": 16.0}), {"startPeriod": 0, "limit": 16.0})
refused = "FormatViolationError: Additional properties are not allowed ('limitL2' was unexpected)"
for spelling in ("limit_L2", "limit_l2", "limit__L2", "limitL2"):
    see(f"with {spelling}", period_sent({"start_period": 0, "limit": 16.0, spelling: 10.0}), refused)
see("limit_L2 without validation", period_sent({"start_period": 0, "limit": 16.0, "limit_L2": 10.0},
    skip_schema_validation=True), {"startPeriod": 0, "limit": 16.0, "limitL2": 10.0})


class Station(Peer21):
    @on("SetChargingProfile")
    async def profile(self, evse_id, charging_profile, **_):
        self.got = charging_profile["charging_schedule"][0]["charging_schedule_period"][0]
        return result21.SetChargingProfile(status="Accepted")


async def receive():
    station = Station("CS1", Wire())
    await station.route_message(json.dumps([2, "1", "SetChargingProfile", {"evseId": 1, "chargingProfile": {
        "id": 7, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Relative",
        "chargingSchedule": [{"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [
            {"startPeriod": 0, "limit": 16.0, "limit_L2": 10.0, "limit_L3": 6.0}]}]}}]))
    return station.got


got = asyncio.run(receive())
see("a valid period as a handler gets it", got, {"start_period": 0, "limit": 16.0, "limit_l2": 10.0, "limit_l3": 6.0})
see("the same sent on", period_sent(got),
    "FormatViolationError: Additional properties are not allowed ('limitL2', 'limitL3' were unexpected)")

vendor = {"L1_max": 16, "associated": True, "min_soc": 20}
see("vendor data of 2.0.1 that were " + json.dumps(vendor),
    asyncio.run(send(Peer201, call201.DataTransfer(vendor_id="com.example", data=vendor)))["data"],
    {"L1Max": 16, "asSoCiated": True, "minSoC": 20})

sys.exit("changed:\n" + "\n".join(changed) if changed else 0)
PY
