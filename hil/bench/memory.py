"""A device's saved parameters, and what else it keeps, in files that outlive the device's process."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final, Literal

from emulators.kit.family import Family
from emulators.kit.host import UnreadableMemory
from emulators.kit.parameters import ParameterStore, Value, as_text

#: What a device begins with: the site's parameters (a fresh test), those it has saved, or the defaults of its manual.
Settings = Literal["site", "kept", "factory"]
#: ... when its power is back.
AfterPowerLoss = Literal["kept", "factory"]
KIND: Final = "hilfarm settings"


class NothingKept(ValueError):
    """A device is to begin with what it has saved, but there is none, or it cannot be read."""


class KeptMemory:
    """What one device keeps beside its parameters (``emulators.kit.host.Memory``).

    Args:
        path: Each text gets a file beside this one, None to keep them in this process only.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._texts: dict[str, str] = {}

    def read(self, name: str) -> str | None:
        """Return what was kept, None for nothing.

        Raises:
            UnreadableMemory: Something is there that is no text, or may not be read.
        """
        if self._path is None:
            return self._texts.get(name)
        try:
            return self._file(self._path, name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UnreadableMemory(f"it cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise UnreadableMemory("it is damaged: no text") from error

    def write(self, name: str, text: str) -> None:
        """Keep a text; all of it or nothing, also when the process ends meanwhile."""
        if self._path is None:
            self._texts[name] = text
            return
        file = self._file(self._path, name)
        new = file.with_suffix(".new")
        new.unlink(missing_ok=True)
        new.touch(mode=0o600)  # keys and passwords are kept as well
        new.write_text(text, encoding="utf-8")
        new.replace(file)

    def set_aside(self, name: str) -> None:
        """Put what was kept into a file ``.unreadable``, which takes the place of an older one."""
        if self._path is None:
            self._texts[f"{name} unreadable"] = self._texts.pop(name)
        else:
            file = self._file(self._path, name)
            file.replace(file.with_suffix(".unreadable"))

    def forget(self) -> None:
        """Keep nothing any more: the device is as it left the factory."""
        self._texts.clear()
        for file in self._path.parent.glob(f"{self._path.name}.*.kept") if self._path is not None else ():
            file.unlink()

    @staticmethod
    def _file(path: Path, name: str) -> Path:
        return path.with_name(f"{path.name}.{name}.kept")


class KeptSettings:
    """The settings file of one device.

    Args:
        path: The file, None where there is no place for one.
        family: The device's family.

    Attributes:
        memory: What else the device keeps, beside that file.
    """

    def __init__(self, path: Path | None, family: Family) -> None:
        self._path, self._family = path, family
        self.memory = KeptMemory(path)

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
