"""Devices in the farm's own process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from emulators.kit.device import CardReader, Device
from emulators.kit.hmi import Hmi
from emulators.kit.parameters import ParameterError, Value
from hil.bench.environment import Environment
from hil.bench.filler import Filler
from hil.bench.host import FarmHost
from hil.bench.installation import Installation
from hil.bench.memory import AfterPowerLoss
from hil.errors import ScenarioError


class InProcess(Filler):
    """Makes devices in this process (arguments as of :data:`hil.bench.filler.MakeFiller`)."""

    def __init__(self, env: Environment, installation: Installation, _names: Sequence[str]) -> None:
        self._env, self._installation = env, installation

    def fill(self, name: str) -> LocalSeat:
        """Make a device (as of the base)."""
        spec = self._env.site.require(name)
        host = FarmHost(
            self._env,
            self._installation,
            name,
            network=spec.network,
            address=spec.address,
            contacts=spec.contacts,
            mobile_address=spec.config().mobile_address,
        )
        try:
            return LocalSeat(self._env, host, spec.family.create(host, spec.config()))
        except ParameterError as error:
            raise ScenarioError(f"{name}: {error}") from error


class LocalSeat:
    """A device in this process (``hil.bench.filler.Seat``).

    Attributes:
        host: What it finds there.
        device: The device.
    """

    by_hand = ""

    def __init__(self, env: Environment, host: FarmHost, device: Device) -> None:
        self.name, self.host, self.device = device.name, host, device
        self._env = env

    @property
    def shown(self) -> Hmi:
        """Return what a person sees at it."""
        return self.device.hmi

    def in_force(self, parameter: str) -> Value:
        """Return the value that a parameter has in force."""
        return self.device.parameters[parameter]

    def card(self, id_tag: str) -> None:
        """Hold a card to its reader."""
        cast(CardReader, self.device).card(id_tag)

    def move_contact(self, contact: str, *, closed: bool) -> None:
        """Close or open a contact."""
        self.host.contacts[contact] = closed
        self._env.trace_state(self.name, "contact", contact=contact, closed=closed)

    async def start(self) -> None:
        """Power up."""
        await self.device.start()

    async def stop(self) -> None:
        """Power down."""
        await self.device.stop()

    async def restart(self) -> None:
        """Restart as after *Save, Restart*."""
        await self.device.restart()

    async def fault(self, kind: str | None) -> None:
        """Plant one of its faults."""
        await self.device.fault(kind)

    async def page(self) -> Mapping[str, str]:
        """Return what its pages show."""
        return self.device.page()

    async def explain(self) -> str:
        """Return what it does now and why."""
        return self.device.explain()

    async def available(self) -> list[str]:
        """Return what its form offers."""
        return self.device.parameters.available()

    async def text(self, parameter: str) -> str:
        """Return what its form shows for a parameter."""
        return self.device.parameters.shown(parameter)

    async def edit(self, parameter: str, value: object) -> None:
        """Edit its form."""
        self.device.parameters.set(parameter, value)

    async def save(self) -> list[str]:
        """Save its form."""
        waiting = self.device.parameters.save()
        self.device.parameters_changed()
        return waiting

    async def off(self) -> None:
        """Lose power: first its links, so that nobody hears what closes then."""
        for ip in self._env.local(self.name):
            self._env.links.silence_elsewhere(ip)
            self._env.links.here.power_off(ip)
        await self.device.stop()

    async def on(self, settings: AfterPowerLoss) -> None:
        """Get power again."""
        for ip in self._env.local(self.name):
            self._env.links.power_on(ip)
        if settings == "factory":
            self.device.parameters.reset()
            self.host.memory.forget()
        self.device.parameters.restart()
        await self.device.start()

    async def pause(self) -> None:
        """Refuse: it shares its process with the farm."""
        raise ScenarioError(f"{self.name} cannot be paused here. Allowed: on the compose bench with --speed N.")

    async def resume(self) -> None:
        """Refuse."""
        await self.pause()

    async def reset(self, a: str, b: str | None) -> int:
        """Do nothing: both ends of its connections are this process's."""
        return 0
