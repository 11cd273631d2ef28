"""What is installed: the main connection, its feeders and fuses, and the consumers and generators on them."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from emulators.kit.phases import PerPhase
from emulators.kit.site import SUPPLY
from hil.plant.fuse import rating_range_a
from hil.site.part import Named, SitePart
from hil.site.values import CsvProfile, CurrentProfile, FeederName, Flaw, Number, Profile, wrong

FuseType = Literal["gG", "B", "C", "D"]
Trip = Literal["earliest", "latest", "typical"]


class Fuse(SitePart):
    """An over-current device.

    Attributes:
        rating_a: Rated current [A].
        type: gG fuse (IEC 60269) or circuit breaker B, C or D (IEC 60898).
        trip: Where in its band it opens; the site's ``trip`` when it says nothing.
    """

    rating_a: Number = Field(gt=0)
    type: FuseType = "gG"
    trip: Trip = "earliest"

    @model_validator(mode="after")
    def _is_in_the_plants_table(self) -> Self:
        low_a, high_a = rating_range_a(self.type)
        if not low_a <= self.rating_a <= high_a:
            allowed = "Allowed: gG {:g} to {:g} A; B, C, D up to {:g} A.".format(
                *rating_range_a("gG"), rating_range_a("B")[1]
            )
            text = f"the plant has no {self.type} of {self.rating_a:g} A."
            raise wrong(Flaw(text, allowed, ("rating_a",)))
        return self


class Supply(SitePart):
    """The main connection.

    Attributes:
        voltage_v: Voltage L-N [V].
        main_fuse: Main fuse, None when the site does not care.
    """

    voltage_v: Number = Field(default=230.0, gt=0, le=400)
    main_fuse: Fuse | None = None


class Feeder(Named):
    """A line of the installation.

    Attributes:
        from_: The feeder it hangs on, or ``supply``.
        fuse: Fuse at its beginning.
        cable_a: What its conductors carry for good [A].
    """

    from_: FeederName = Field(default=SUPPLY, alias="from")
    fuse: Fuse | None = None
    cable_a: Number | None = Field(default=None, gt=0)


class Load(Named):
    """A consumer, or a PV system (then its currents are what it generates).

    Attributes:
        feeder: Where it hangs.
        current_a: Currents written in the site file.
        csv: Currents from a file beside it.
    """

    feeder: FeederName
    current_a: CurrentProfile | None = None
    csv: CsvProfile | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.current_a is not None and self.csv is not None:
            raise wrong(Flaw("'current_a' and 'csv' both say what flows.", "Allowed: one of them.", ("csv",)))
        return self

    @property
    def profile(self) -> Profile:
        """Return (farm time [ns], currents from then on [A]), from 0 on; nothing flows when the site says nothing."""
        return self.csv or self.current_a or ((0, PerPhase.zero()),)
