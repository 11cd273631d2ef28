"""Binds the meter to its terminals and to its P1 port. No behaviour in here: that is :mod:`model`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

from emulators.dsmr_p1.faults import FAULTS, SPOILS
from emulators.dsmr_p1.model import Meter, Terminals, spoilt
from emulators.dsmr_p1.versions import FOLDER, PORT, VERSIONS
from emulators.kit.family import DeviceConfig
from emulators.kit.hmi import Hmi
from emulators.kit.host import Cancel, Host, Phase, SerialPort
from emulators.kit.parameters import ParameterError, ParameterStore, ParameterTable

PARAMETERS: Final = ParameterTable.load(FOLDER / "parameters.csv")
LOCAL: Final = ZoneInfo("Europe/Amsterdam")
LONGEST_ID: Final = 48


class DsmrP1:
    """A DSMR meter on a host."""

    def __init__(self, host: Host, config: DeviceConfig) -> None:
        identifier = str(config.parameters.get("Equipment identifier", ""))
        if len(identifier) > LONGEST_ID or not identifier.isascii():
            allowed = f"Allowed: at most {LONGEST_ID} ASCII characters."
            raise ParameterError("Equipment identifier", f"{identifier!r} is not possible.", allowed)
        self.name = config.name
        self._host = host
        self.hmi = Hmi(host)
        self._wiring = host.meter_wiring()
        self.parameters = ParameterStore(PARAMETERS, config.parameters)
        phases = 1 if config.variant == "single-phase" else 3
        self.meter = Meter(VERSIONS[config.firmware], phases, config.name, self.parameters)
        self._frames = host.frame_hook("p1")
        self._port: SerialPort | None = None
        self._sending: Cancel | None = None  # every telegram, while data is requested
        self._breaking: Cancel | None = None  # a restart inside the telegram that is on the wire
        self._fault: str | None = None
        self._line_is_on = True
        self._last = b""  # telegram

    async def start(self) -> None:
        """Power up: the first telegram comes one period later."""
        if self._port is not None:
            return
        self.meter.power_up()
        self._port = await self._host.serial_port(PORT, self.meter.version.settings, lambda _data: None)
        self._line_is_on = self._port.on_data_request(self._line_changed)
        if self._is_requested:
            self._begin()

    async def stop(self) -> None:
        """Power down, also inside a telegram; energies are kept."""
        self._end()
        if self._port is not None:
            self._port.close()
            self._port = None

    async def restart(self) -> None:
        """Switch off and on: a telegram that is on the wire ends there."""
        await self.stop()
        self.parameters.restart()
        await self.start()

    def parameters_changed(self) -> None:
        """Let saved parameters act: the model looks at them for each telegram."""

    def page(self) -> Mapping[str, str]:
        """Return the lines of the last telegram by OBIS reference, and the state of the data request."""
        lines = [line.partition("(") for line in self._last.decode("ascii").split("\r\n") if "(" in line]
        request = "asserted" if self._is_requested else "released"
        return {code: value.removesuffix(")") for code, _, value in lines} | {"Data request": request}

    def explain(self) -> str:
        """Return in one sentence what the meter says, and its fault if it has one."""
        page = self.page()
        currents = "/".join(page[code] for code in ("1-0:31.7.0", "1-0:51.7.0", "1-0:71.7.0") if code in page)
        said = f"{self.name} says {currents or 'no currents'}" if self._last else f"{self.name} has said nothing yet"
        return said + (f" with the fault {self._fault!r}" if self._fault else "") + "."

    async def fault(self, kind: str | None) -> None:
        """Plant one of the meter's faults in place of the one before, None to heal it.

        Raises:
            ValueError: There is no such fault; the message lists what there is.
        """
        if kind is not None:
            FAULTS.parse(self.name, kind)
        self._fault = kind
        self.meter.frozen = kind == "frozen"
        self._host.trace("fault", fault=kind or "none")
        self._obey_request()

    @property
    def _is_requested(self) -> bool:
        return self._line_is_on and self._fault != "request_dropped"

    def _line_changed(self, is_on: bool) -> None:
        self._line_is_on = is_on
        self._host.trace("data_request", asserted=is_on)
        self._obey_request()

    def _obey_request(self) -> None:
        """Begin or end sending when the data request has come or gone."""
        if self._port is None or self._is_requested == (self._sending is not None):
            return
        if self._is_requested:
            self._begin()
            self._say()  # the meter sends at once, then every period
        else:
            self._end()
            self._port.discard()  # the data stops at once, even inside a telegram

    def _begin(self) -> None:
        self._sending = self._host.every(self.meter.version.period_s, self._say, phase=Phase.METERS)

    def _end(self) -> None:
        for due in (self._sending, self._breaking):
            if due is not None:
                due.cancel()
        self._sending = self._breaking = None

    def _say(self) -> None:
        wiring = self._wiring
        self.meter.sample(
            Terminals(wiring.currents_a(), wiring.voltage_v(), wiring.import_wh(), wiring.export_wh()),
        )
        if self._fault == "silent" or self._port is None:
            return
        self._last = data = self.meter.telegram(self._host.utc().astimezone(LOCAL))
        if self._fault in SPOILS.spellings:
            data = spoilt(data, str(self._fault), self._host.rng)
        elif self._fault == "restart":
            self._fault = None
            half_ns = self.meter.version.settings.wire_ns(len(data) // 2)
            self._breaking = self._host.call_at(self._host.now_ns() + half_ns, self._break)
        if self._frames is not None:
            self._frames("tx", data.decode("latin-1"))
        self._port.write(data)

    def _break(self) -> None:
        self._host.trace("restart")
        self._host.spawn(self.restart(), name=f"{self.name} restarts")
