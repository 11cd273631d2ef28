"""The site file: one YAML text that says what is installed, checked and typed.

``load_site("mennekes/car-park")`` returns a :class:`Site`, or raises :class:`hil.errors.SiteFileError` with
every problem.
"""

from hil.site.load import load_site, shipped_sites, site_of, with_serial_port
from hil.site.model import (
    ALWAYS,
    OUTSIDE,
    SECTIONS,
    SERIAL_PORTS,
    SUPPLY,
    BackendSpec,
    Battery,
    DeviceSpec,
    Feeder,
    Fuse,
    Link,
    Load,
    MeterSpec,
    SeatSpec,
    Site,
    Supply,
    VehicleSpec,
    vehicle_presets,
)
from hil.site.values import Profile, duration_ns

__all__ = [
    "ALWAYS",
    "OUTSIDE",
    "SECTIONS",
    "SERIAL_PORTS",
    "SUPPLY",
    "BackendSpec",
    "Battery",
    "DeviceSpec",
    "Feeder",
    "Fuse",
    "Link",
    "Load",
    "MeterSpec",
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
