#!/usr/bin/env bash
# iso15118 0.31.2 tells the car three times the current that a three-phase limit allows, and fails on a limit of 0 W.
#
# Package     iso15118 0.31.2 (pydantic 1.10.21)
# Behaviour   The station's limits are kept as watts of each phase (max_charge_power, _l2, _l3). For ISO 15118-20 each
#             goes out as it is. For ISO 15118-2 EVSEMaxCurrent is made of them as their *sum* divided by one voltage:
#             three phases of 3680 W at 230 V give 48 A, not 16 A. With 400 V as the voltage (which the package's own
#             example states as nominal) it is 27.6 A. Unequal phases are summed too: the weakest, of 6 A, is told 32 A.
#             A limit of 0 W on all phases raises UnboundLocalError instead of telling 0 A.
# Surprise    The number looks right in every test with one phase. The name of the variable it is in speaks of a phase,
#             and the same three limits are right in -20.
# Consequence Behind a smart charging application that sets the session limits by phase, a car of ISO 15118-2 is invited
#             to overload the fuse; only the duty cycle of the pilot stays between, and at 5 % not even that: there
#             EVSEMaxCurrent is all that the car goes by. A pause by a limit of 0 raises in the middle of the session.
#             Set the watts of one phase alone (that of the weakest), or override get_evse_max_current_limit.
# Standard    ISO 15118-2:2014, AC_EVSEChargeParameter and ChargingStatusRes: EVSEMaxCurrent is the line current that
#             the EVSE allows per phase, as EVMaxCurrent is on the side of the car.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check iso15118==0.31.2 pydantic==1.10.21
"$work/venv/bin/python" - <<'PY'
import asyncio
import logging
import sys

from iso15118.secc.controller.evse_data import CurrentType, EVSEACCLLimits, EVSEDataContext, EVSESessionLimits
from iso15118.secc.controller.interface import EVSEControllerInterface
from iso15118.shared.messages.enums import ControlMode, ServiceV20

logging.disable(logging.CRITICAL)
changed = []


def see(what, got, wanted):
    print(f"{what}: {got}")
    if got != wanted:
        changed.append(f"{what}: {got!r}, was {wanted!r}")


class Station(EVSEControllerInterface):
    """What the package leaves to an integrator is not asked here."""


Station.__abstractmethods__ = frozenset()


def station(volts, *watts_by_phase):
    limits = dict(zip(("max_charge_power", "max_charge_power_l2", "max_charge_power_l3"), watts_by_phase))
    made = Station()
    made.evse_data_context = EVSEDataContext(
        session_limits=EVSESessionLimits(ac_limits=EVSEACCLLimits(**limits, max_charge_reactive_power=0,
                                                                 max_discharge_reactive_power=0)),
        present_voltage=volts, nominal_voltage=volts)
    made.evse_data_context.current_type = CurrentType.AC
    return made


def amperes(volts, *watts_by_phase):
    try:
        told = asyncio.run(station(volts, *watts_by_phase).get_evse_max_current_limit())
    except UnboundLocalError as error:
        return type(error).__name__
    return type(told).__name__, told.get_decimal_value()


def watts_of_20(volts, *watts_by_phase):
    told = asyncio.run(
        station(volts, *watts_by_phase).get_ac_charge_loop_params_v20(ControlMode.SCHEDULED, ServiceV20.AC))
    return tuple(phase.get_decimal_value() for phase in (
        told.evse_target_active_power, told.evse_target_active_power_l2, told.evse_target_active_power_l3))


see("-20: 3680 W by phase", watts_of_20(230, 3680, 3680, 3680), (3680, 3680, 3680))
see("-2: one phase of 3680 W at 230 V [A]", amperes(230, 3680), ("PVEVSEMaxCurrent", 16))
see("-2: three phases of 3680 W at 230 V [A]", amperes(230, 3680, 3680, 3680), ("PVEVSEMaxCurrent", 48))
see("-2: three phases of 3680 W at 400 V [A]", amperes(400, 3680, 3680, 3680), ("PVEVSEMaxCurrent", 27.6))
see("-2: 16, 10 and 6 A as watts at 230 V [A]", amperes(230, 3680, 2300, 1380), ("PVEVSEMaxCurrent", 32))
see("-2: three phases of 0 W", amperes(230, 0, 0, 0), "UnboundLocalError")

sys.exit("changed:\n" + "\n".join(changed) if changed else 0)
PY
