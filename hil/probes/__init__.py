"""What a tester can see: clients on a device's public interfaces, the same for emulated and real devices."""

from hil.probes.modbus import ModbusProbe
from hil.probes.ocpp import BackendProbe

__all__ = ["BackendProbe", "ModbusProbe"]
