"""The vehicles of a site, and the shipped ones of ``vehicles.csv`` that they may begin with."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import Field, model_validator

from emulators.ev import model as ev
from emulators.ev.model import VehicleTraits
from hil.site.part import Named, SitePart
from hil.site.values import Count, DurationNs, Flaw, Number, is_one_of, unknown, wrong


class BatterySpec(SitePart):
    """A vehicle's battery.

    Attributes:
        capacity_kwh: Usable capacity [kWh].
        soc_pct: State of charge at the start [%].
        taper_knee_pct: State of charge from which the current falls, linearly to nothing at 100 % [%].
    """

    capacity_kwh: Number = Field(gt=0)
    soc_pct: Number = Field(default=20.0, ge=0, le=100)
    taper_knee_pct: Number = Field(default=80.0, gt=0, lt=100)


_WAKES: Final = {
    "new duty": ev.WakeRule.NEW_DUTY,
    "edge": ev.WakeRule.EDGE,
    "state F": ev.WakeRule.STATE_F,
    "nothing": ev.WakeRule.UNPLUG,
}


class VehicleSpec(Named):
    """A vehicle; ``preset`` fills what is not written.

    Attributes:
        preset: Row of the table of presets it comes from, empty = none.
        phases: Phases of its on-board charger.
        max_current_a: What it takes at most per phase [A].
        min_start_a: Offer below which it does not begin [A].
        min_hold_a: Offer below which it stops [A].
        quantum_a: Steps in which it follows an offer, rounded down; 0 = exactly [A].
        ramp_a_per_s: How fast its current rises and falls [A/s], None = as the vehicle model does.
        reaction_s: Time from a new offer to the first change; the standard allows 5 s [s].
        reaction_jitter_s: Random part around ``reaction_s``, from the run's seed [s].
        asks_for_a: Constant demand per phase [A], None = all it can take.
        battery: Demand by state of charge instead.
        cable_a: Current rating of its cable by the plug's resistor [A].
        sleep_after_pause_s: A pause of this length sends it to sleep; None = it never sleeps [s].
        wake: What wakes it then: a new duty, the edge from steady pilot to PWM, a step to state F, or nothing.
        refuse_to_resume: Once the station has stopped it, it stays in state B until it is plugged in again.
        ignores_duty_for_s: Fault: acts on a new offer only after this time, instead of after ``reaction_s`` [s].
        overshoot_pct: Fault: takes this much more than it is offered [%].
        departure_ns: When it leaves [ns of farm time], None = it stays.
    """

    preset: str = ""
    phases: Count = Field(default=3, ge=1, le=3)
    max_current_a: Number = Field(default=32.0, gt=0, le=80)
    min_start_a: Number = Field(default=6.0, ge=0)
    min_hold_a: Number = Field(default=6.0, ge=0)
    quantum_a: Number = Field(default=0.0, ge=0)
    ramp_a_per_s: Number | None = Field(default=None, gt=0)
    reaction_s: Number = Field(default=2.0, ge=0, le=5)
    reaction_jitter_s: Number = Field(default=0.0, ge=0, le=5)
    asks_for_a: Number | None = Field(default=None, ge=0)
    battery: BatterySpec | None = None
    cable_a: Number = Field(default=32.0, gt=0)
    sleep_after_pause_s: Number | None = Field(default=None, gt=0)
    wake: Literal["new duty", "edge", "state F", "nothing"] = "edge"
    refuse_to_resume: bool = False
    ignores_duty_for_s: Number = Field(default=0.0, ge=0)
    overshoot_pct: Number = Field(default=0.0, ge=0, le=100)
    departure_ns: DurationNs | None = Field(default=None, alias="departure")

    @model_validator(mode="before")
    @classmethod
    def _from_preset(cls, raw: Any) -> Any:
        if isinstance(raw, str):
            raw = {"preset": raw}
        if not isinstance(raw, Mapping) or not raw.get("preset"):
            return raw
        rows = _preset_rows()
        if not is_one_of(raw["preset"], rows):
            finding = unknown("vehicle preset", raw["preset"], rows)
            raise wrong(Flaw(finding.message, finding.allowed, ("preset",)))
        return {**rows[raw["preset"]], **raw}

    @model_validator(mode="after")
    def _one_demand(self) -> Self:
        if self.asks_for_a is not None and self.battery is not None:
            raise wrong(
                Flaw("'asks_for_a' and 'battery' both say what it asks for.", "Allowed: one of them.", ("asks_for_a",))
            )
        return self

    def traits(self, *, voltage_v: float = 230.0) -> VehicleTraits:
        """Return what the vehicle model is created from, at a site's nominal voltage [V]."""
        battery = None
        if self.battery is not None:
            battery = ev.Battery(
                capacity_kwh=self.battery.capacity_kwh,
                soc_pct=self.battery.soc_pct,
                knee_pct=self.battery.taper_knee_pct,
            )
        like = {
            "phases",
            "max_current_a",
            "min_start_a",
            "min_hold_a",
            "quantum_a",
            "reaction_s",
            "reaction_jitter_s",
            "refuse_to_resume",
            "ignores_duty_for_s",
            "overshoot_pct",
            "asks_for_a",
            "cable_a",
            "sleep_after_pause_s",
        }
        fields = self.model_dump(include=like) | {"wake": _WAKES[self.wake]}
        if self.ramp_a_per_s is not None:
            fields |= {"ramp_up_a_per_s": self.ramp_a_per_s, "ramp_down_a_per_s": self.ramp_a_per_s}
        return VehicleTraits(battery=battery, voltage_v=voltage_v, **fields)


@cache
def _preset_rows() -> Mapping[str, Mapping[str, Any]]:
    """Return the fields of each preset from ``vehicles.csv`` (an empty cell is not set)."""
    rows: dict[str, Mapping[str, Any]] = {}
    with (Path(__file__).parent / "vehicles.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            fields: dict[str, Any] = {
                key: int(text) if key == "phases" else float(text)
                for key, text in row.items()
                if text and key not in ("preset", "source", "capacity_kwh", "taper_knee_pct")
            }
            if row["capacity_kwh"]:
                fields["battery"] = {key: float(row[key]) for key in ("capacity_kwh", "taper_knee_pct") if row[key]}
            rows[row["preset"]] = fields
    return rows


def vehicle_presets() -> dict[str, VehicleSpec]:
    """Return the shipped vehicles by name."""
    return {name: VehicleSpec.model_validate(name) for name in _preset_rows()}
