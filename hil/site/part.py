"""What every part of a site file is: a frozen model that takes no field it does not know, most with a name."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, PrivateAttr


class SitePart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True)


class Named(SitePart):
    """A part that knows the name under which the site lists it."""

    _name: str = PrivateAttr(default="")

    @property
    def name(self) -> str:
        """Return the name in the site."""
        return self._name
