"""What a back office changes in the station: the lowest limit leads, and who may charge."""

from __future__ import annotations

import pytest

from emulators.alfen_ng9xx.backend import KEYS
from emulators.alfen_ng9xx.device import PARAMETERS
from emulators.alfen_ng9xx.display import display_text
from emulators.alfen_ng9xx.model import Binding, Station
from emulators.kit.host import NS_PER_S
from emulators.kit.ocpp.point.keys import KeyTable
from emulators.kit.parameters import ParameterStore
from emulators.kit.phases import PerPhase
from emulators.kit.pilot import PilotState


def station() -> Station:
    """Return a station whose vehicle charges and has been probed."""
    found = Station(ParameterStore(PARAMETERS, {}), now_ns=0, log=lambda _: None)
    found.pilot_changed(0, PilotState.C, 32.0)
    found.advance_to(0)
    found.measured(PerPhase(14.0, 0.0, 0.0))
    found.advance_to(61 * NS_PER_S)
    assert (found.signalled_a, found.binding) == (32.0, Binding.STATION)
    return found


@pytest.mark.parametrize(
    ("profile_a", "signalled_a"),
    [(None, 32.0), (40.0, 32.0), (13.0, 13.0), (7.55, 7.5), (6.0, 6.0), (5.9, 0.0), (0.0, 0.0)],
)
def test_a_profile_is_one_more_limit_in_tenths(profile_a: float | None, signalled_a: float) -> None:
    one = station()
    one.profile_a = profile_a
    one.advance_to(62 * NS_PER_S)
    assert one.signalled_a == signalled_a
    assert (one.binding is Binding.PROFILE) == (profile_a is not None and profile_a < 32)


def test_the_display_says_why_it_pauses() -> None:
    one = station()
    one.profile_a = 5.0
    one.advance_to(62 * NS_PER_S)
    assert display_text(one, 0.0, 32.0) == "Chargepoint ready, waiting for power"
    one.permitted = False
    one.advance_to(63 * NS_PER_S)
    assert (display_text(one, 0.0, 32.0), one.binding) == ("Present your card", Binding.NOT_AUTHORISED)


def test_who_is_not_permitted_is_available_nothing() -> None:
    one = station()
    one.permitted = False
    output = one.advance_to(62 * NS_PER_S)
    assert one.signalled_a == 0
    assert output.contactor  # the vehicle has its time to stop
    assert not one.advance_to(68 * NS_PER_S).contactor


def test_nobody_there_is_nobody_refused() -> None:
    one = station()
    one.pilot_changed(0, PilotState.A, None)
    one.permitted = False
    one.advance_to(70 * NS_PER_S)
    assert one.limit_a == 32.0


def test_the_limits_of_the_guide_are_keys_that_nobody_may_change() -> None:
    table = KeyTable.load(KEYS, "6.5.0-4217")
    guide = {
        "ChargeProfileMaxStackLevel": "15", "ChargingScheduleAllowedChargingRateUnit": "Current",
        "ChargingScheduleMaxPeriods": "100", "MaxChargingProfilesInstalled": "45", "OCPPStackVersion": "4.7.0",
    }  # fmt: skip
    assert {name: (table[name].default, table[name].access) for name in guide} == {
        name: (value, "R") for name, value in guide.items()
    }
