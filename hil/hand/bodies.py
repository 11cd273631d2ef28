"""What the side-band's requests carry: what a person does at a site, as the fields of a JSON object."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from emulators.kit.http_api import Body
from emulators.kit.phases import PerPhase
from hil.site import VehicleSpec
from hil.site.ranges import SOURCE_CURRENT, of_field

Current = Annotated[float, Field(ge=SOURCE_CURRENT.least, le=SOURCE_CURRENT.most, allow_inf_nan=False)]
_PHASES: Final = of_field(VehicleSpec, "phases")
_MAX_CURRENT: Final = of_field(VehicleSpec, "max_current_a", "A")

SOCKET: Final = "the name of a charging point of the site, or of one of its sockets (CP1/2) where it has several"


class Plug(Body):
    """A vehicle to plug in: one that the site or the presets know by name, or one described here."""

    point: str = Field(description=SOCKET)
    vehicle: str | None = Field(default=None, description="the name of a vehicle of the site or of a preset, or null")
    phases: int = Field(
        default=3, ge=_PHASES.least, le=_PHASES.most, description="1, 2 or 3, the phases of its on-board charger"
    )
    max_current_a: float = Field(
        default=32.0, gt=_MAX_CURRENT.least, le=_MAX_CURRENT.most,
        description=f"a number {_MAX_CURRENT.plain}, what it takes at most per phase [A]",
    )  # fmt: skip


class Unplug(Body):
    """A vehicle to take away."""

    point: str = Field(description=SOCKET)


class SourceBody(Body):
    """What a load draws, or a PV system feeds in."""

    name: str = Field(description="the name of a load or PV system of the site, or of the feeder that has only one")
    current_a: Current | Annotated[list[Current], Field(min_length=3, max_length=3)] = Field(
        description=f"a number from {SOURCE_CURRENT.plain} that means each phase, or three of them for L1, L2, L3 [A]"
    )

    @property
    def per_phase_a(self) -> PerPhase:
        """Return the three currents [A]."""
        return PerPhase(*self.current_a) if isinstance(self.current_a, list) else PerPhase.all(self.current_a)


class Cable(Body):
    """A network cable, or the path between two devices only."""

    device: str = Field(description="the name of a device of the site")
    other: str | None = Field(
        default=None, description="the name of the path's other end, or null for the device's own cable"
    )


class ParameterBody(Body):
    """A parameter to look at or to set, by the manual's own name."""

    device: str = Field(description="the name of a device of the site")
    name: str | None = Field(default=None, description="the parameter's name in the manual, or null for all of them")
    value: str | None = Field(default=None, description="the new value as the device's form takes it, or null to look")
    restart: bool = Field(default=False, description="true to restart the device after saving, or false")


class Restart(Body):
    """A device to restart; unsaved edits are lost."""

    device: str = Field(description="the name of a device of the site")


class Do(Body):
    """A keyword of the farm's Robot library to run, with its arguments as a test writes them."""

    keyword: str = Field(description="a keyword's name, such as Plug In Vehicle")
    args: list[str] = Field(default_factory=list, description='a list of texts, such as ["CP1", "phases=3"]')
