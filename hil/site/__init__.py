"""The site file: one YAML text that says what is installed, checked and typed.

``load_site("mennekes/car-park")`` returns a :class:`Site`, or raises :class:`hil.errors.SiteFileError` with
every problem.
"""

from emulators.kit.site import SUPPLY
from hil.site.cables import ALWAYS, OUTSIDE, SERIAL_PORTS, Link
from hil.site.installation import Feeder, Fuse, Load, Supply
from hil.site.load import load_site, shipped_sites, site_of, with_serial_port
from hil.site.model import Site
from hil.site.seats import SECTIONS, BackendSpec, DeviceSpec, MeterSpec, Outlet, SeatSpec
from hil.site.values import Profile, duration_ns
from hil.site.vehicles import BatterySpec, VehicleSpec, vehicle_presets

__all__ = [
    "ALWAYS",
    "OUTSIDE",
    "SECTIONS",
    "SERIAL_PORTS",
    "SUPPLY",
    "BackendSpec",
    "BatterySpec",
    "DeviceSpec",
    "Feeder",
    "Fuse",
    "Link",
    "Load",
    "MeterSpec",
    "Outlet",
    "Profile",
    "SeatSpec",
    "Site",
    "Supply",
    "VehicleSpec",
    "duration_ns",
    "load_site",
    "shipped_sites",
    "site_of",
    "vehicle_presets",
    "with_serial_port",
]
