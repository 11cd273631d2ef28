"""Meter values: what a meter shows, as ``SampledValue`` of OCPP 1.6 (7.43 and 7.31 to 7.35). Sans-I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from emulators.kit.ocpp.point.equipment import Readings
from emulators.kit.ocpp.point.keys import measurand_of
from emulators.kit.ocpp.profiles.rates import StationSupply
from emulators.kit.ocpp.wire.rpc import Payload
from emulators.kit.phases import PerPhase, line_to_line_v

LINES: Final = ("L1", "L2", "L3")
#: A transaction's data are thinned out when there are more samples.
MOST_SAMPLES: Final = 250

Kind = tuple[str, str, int]  #: Measurand, its unit, and with how many decimals it is told.

#: The reading that a measurand comes from.
_WHOLE: Final[dict[str, tuple[Kind, Callable[[Readings], float | None]]]] = {
    "Energy.Active.Import.Register": (("Energy.Active.Import.Register", "Wh", 0), lambda one: one.energy_wh),
    "Energy.Active.Export.Register": (("Energy.Active.Export.Register", "Wh", 0), lambda one: one.energy_export_wh),
    "Frequency": (("Frequency", "Hertz", 2), lambda one: one.frequency_hz),
    "Temperature": (("Temperature", "Celsius", 1), lambda one: one.temperature_c),
    "SoC": (("SoC", "Percent", 0), lambda one: one.soc_pct),
}
_PHASED: Final[dict[str, tuple[Kind, Callable[[Readings], PerPhase | None]]]] = {
    "Current.Import": (("Current.Import", "A", 2), lambda one: one.current_a),
    "Voltage": (("Voltage", "V", 1), lambda one: one.voltage_v),
    "Power.Active.Import": (("Power.Active.Import", "W", 0), lambda one: one.power_w),
    "Power.Reactive.Import": (("Power.Reactive.Import", "var", 0), lambda one: one.reactive_power_var),
    "Power.Factor": (("Power.Factor", "", 3), lambda one: one.power_factor),
}
_SUMMED: Final = ("Power.Active.Import", "Power.Reactive.Import")  #: Without a phase: all together.
#: Where it is measured, if not at the connector's terminals (``Location``, 7.23).
_PLACES: Final = {"SoC": "EV", "Temperature": "Body"}
_INTERVALS: Final = {
    "Energy.Active.Import.Interval": "Energy.Active.Import.Register",
    "Energy.Active.Export.Interval": "Energy.Active.Export.Register",
}


class Sampler:
    """The meter of one connector as the central system hears of it.

    Args:
        supply: Phases and nominal voltage of the charge point.
        inlet: Whether it is the meter at the grid connection (connector 0).
    """

    def __init__(self, supply: StationSupply, *, inlet: bool) -> None:
        self._supply, self._inlet = supply, inlet
        self._since: dict[tuple[str, str], float] = {}

    def sample(self, entries: list[str], readings: Readings, offered_a: float, context: str) -> list[Payload]:
        """Return the sampled values of some measurands; what the device does not measure is left out.

        Args:
            entries: Measurands, some with a phase (``Voltage.L1``).
            readings: What the meter shows.
            offered_a: What the connector offers [A per phase].
            context: ``Sample.Periodic``, ``Transaction.Begin`` ...
        """
        return [one for entry in entries for one in self._values(entry, readings, offered_a, context)]

    def _values(self, entry: str, readings: Readings, offered_a: float, context: str) -> Iterator[Payload]:
        measurand, phase = measurand_of(entry)
        if measurand in _WHOLE:
            kind, read = _WHOLE[measurand]
            yield from self._one(kind, read(readings), context)
        elif measurand in _INTERVALS:
            _, read = _WHOLE[_INTERVALS[measurand]]
            yield from self._one((measurand, "Wh", 0), self._interval(measurand, context, read(readings)), context)
        elif measurand == "Current.Offered":
            yield from self._one((measurand, "A", 1), offered_a, context)
        elif measurand == "Power.Offered":
            power_w = offered_a * sum(list(self._supply.voltage_v)[: self._supply.phases])
            yield from self._one((measurand, "W", 0), power_w, context)
        elif measurand in _PHASED:
            kind, of_phases = _PHASED[measurand]
            measured = of_phases(readings)
            if measured is None:
                if measurand == "Power.Factor" and phase is None:
                    yield from self._one(kind, readings.total_power_factor, context)
                return
            lines = readings.lines or LINES[: self._supply.phases]
            if phase is not None and not _is_on(phase, lines):
                return
            if phase is None and measurand in _SUMMED:
                yield from self._one(kind, sum(measured), context)
            for name in (phase,) if phase is not None else _phases(measurand, lines):
                yield from self._one(kind, _of_phase(measured, name), context, name)

    def _interval(self, measurand: str, context: str, register_wh: float | None) -> float | None:
        """Return what has been added since the value of the same kind before."""
        if register_wh is None:
            return None
        kind = measurand, context
        before, self._since[kind] = self._since.get(kind, register_wh), register_wh
        return register_wh - before

    def _one(self, kind: Kind, value: float | None, context: str, phase: str | None = None) -> Iterator[Payload]:
        if value is None:
            return
        measurand, unit, decimals = kind
        sampled: Payload = {"value": f"{value:.{decimals}f}", "context": context, "measurand": measurand}
        if phase is not None:
            sampled["phase"] = phase
        sampled["location"] = _PLACES.get(measurand, "Inlet" if self._inlet else "Outlet")
        yield sampled | {"unit": unit} if unit else sampled


def _phases(measurand: str, lines: tuple[str, ...]) -> list[str]:
    """Return the phases of an entry that names none; a voltage is measured against neutral."""
    return [f"{line}-N" if measurand == "Voltage" else line for line in lines]


def _is_on(phase: str, lines: tuple[str, ...]) -> bool:
    """Return whether a meter on these lines measures a phase, or between two of them."""
    return all(part in (*lines, "N") for part in phase.split("-"))


def _of_phase(measured: PerPhase, phase: str) -> float | None:
    """Return the value of a phase; between two phases it is their voltage, 120° apart."""
    by_line = dict(zip(LINES, measured, strict=True))
    first, _, second = phase.partition("-")
    if second in by_line:
        return line_to_line_v(by_line[first], by_line[second])
    return by_line.get(first)


def for_transaction_data(sampled: list[Payload]) -> list[Payload]:
    """Return what the schema of ``StopTransaction`` can carry: it knows no unit of a frequency."""
    return [one for one in sampled if one["measurand"] != "Frequency"]


def thinned(samples: list[Payload]) -> list[Payload]:
    """Return a transaction's samples with every second one between the first and the last left out if they are many."""
    return samples if len(samples) <= MOST_SAMPLES else [*samples[:-1:2], samples[-1]]
