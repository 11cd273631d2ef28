"""The configuration keys of a charge point (OCPP 1.6, 9), as data.

A family's ``ocpp_keys.csv`` completes and overrides the standard's table (``keys.csv`` beside this module). Columns:

``key,type,min,max,values,default,unit,access,reboot,from_fw,source``

``type`` is one of boolean, integer, text, list (a comma-separated list out of ``values``, which are separated by ``|``),
measurands, rotation, enum (one of ``values``), hex. ``access`` is R, RW or W (never shown); ``reboot`` yes: a change acts
after a reboot; ``from_fw``: first firmware that has the key.
"""

from __future__ import annotations

from pathlib import Path


class KeyTable:
    """The keys of a device family."""

    @classmethod
    def load(cls, path: Path | None = None, firmware: str = "") -> KeyTable:
        """Return the standard's keys, completed and overridden by a family's table.

        Raises:
            ValueError: A row of the table is wrong.
        """
        raise NotImplementedError
