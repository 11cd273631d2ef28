"""A device's saved parameters in a file, which outlives the device's process."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final, Literal

from emulators.kit.family import Family
from emulators.kit.parameters import ParameterStore, Value, as_text

#: What a device begins with: the site's parameters (a fresh test), those it has saved, or the defaults of its manual.
Settings = Literal["site", "kept", "factory"]
KIND: Final = "hilfarm settings"


class NothingKept(ValueError):
    """A device is to begin with what it has saved, but there is none, or it cannot be read."""


class KeptSettings:
    """The settings file of one device.

    Args:
        path: The file, None where there is no place for one.
        family: The device's family.
    """

    def __init__(self, path: Path | None, family: Family) -> None:
        self._path, self._family = path, family

    def follow(self, store: ParameterStore) -> None:
        """Keep what a store has saved, now and after each save."""
        if self._path is not None:
            store.keep = lambda: self._write(store)
            self._write(store)

    def read(self) -> dict[str, Value]:
        """Return the parameters that were saved.

        Raises:
            NothingKept: There are none, or they are garbage, or another family's.
        """
        if self._path is None:
            raise NothingKept("this device's process has no place for settings: hil device --settings FOLDER.")
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            if (found["kind"], found["type"]) != (KIND, self._family.type):
                raise NothingKept(f"{self._path}: these are settings of a {found['type']}.")
            return {name: self._family.parameters.named(name).parse(text) for name, text in found["parameters"].items()}
        except (OSError, KeyError, TypeError, AttributeError) as error:
            raise NothingKept(f"{self._path}: no settings are kept there: {error}") from error
        except ValueError as error:
            raise error if isinstance(error, NothingKept) else NothingKept(f"{self._path}: {error}") from error

    def _write(self, store: ParameterStore) -> None:
        """Write all of it or nothing, also when the power goes meanwhile."""
        assert self._path is not None
        parameters = {name: as_text(value) for name, value in store.saved().items()}
        text = json.dumps({"kind": KIND, "type": self._family.type, "parameters": parameters}, indent=2)
        new = self._path.with_suffix(".new")
        with new.open("w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
