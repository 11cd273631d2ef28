"""The form of a device's web interface: edit, save, restart.

The emulated devices have no web pages yet; this goes straight to what the pages would edit (each device's fidelity
sheet says so). What the form offers and refuses is the device's, not the tester's.
"""

from __future__ import annotations

from emulators.kit.device import Device
from emulators.kit.parameters import ParameterError
from hil.errors import ScenarioError


class Form:
    """One device's form.

    Args:
        device: The device.
    """

    def __init__(self, device: Device) -> None:
        self._device = device

    def edit(self, parameter: str, value: object) -> None:
        """Edit a parameter; nothing happens until :meth:`save`.

        Raises:
            ScenarioError: Unknown, not offered here, or not an allowed value.
        """
        try:
            self._device.parameters.set(parameter, value)
        except ParameterError as error:
            raise ScenarioError(f"{self._device.name}: {error}") from error

    def refuses(self, parameter: str, value: object) -> bool:
        """Return whether the form refuses a value."""
        try:
            self._device.parameters.set(parameter, value)
        except ParameterError:
            return True
        return False

    def save(self) -> list[str]:
        """Keep the edits; return the parameters that wait for a restart."""
        waiting = self._device.parameters.save()
        self._device.parameters_changed()
        return waiting

    def shown(self, parameter: str) -> str:
        """Return what the form shows for a parameter.

        Raises:
            ScenarioError: Unknown or not offered here.
        """
        try:
            return self._device.parameters.shown(parameter)
        except ParameterError as error:
            raise ScenarioError(f"{self._device.name}: {error}") from error

    def offered(self) -> list[str]:
        """Return the parameters that the form offers now."""
        return self._device.parameters.offered()
