"""Where a station of this family looks for its back office, and what a site can get wrong with it: meter and phases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from emulators.kit.site import (
    BackendLink,
    ChargerSeen,
    MeterSeen,
    Remark,
    Setting,
    SiteView,
    backend_at,
    believed_phases,
    meter_place,
    meter_there,
)

RECEIVED: Final = "Received Measurements"
METER_ADDRESS: Final = "IP address"
PRESET: Final = "Back office preset"
URL, IDENTITY, PASSWORD = "Back office URL", "Identity", "Authorization key"


def backend_link(setting: Setting) -> BackendLink | None:
    """Return where a station with these settings looks for its back office, None when it looks for none."""
    if setting(PRESET) == "None":
        return None
    return backend_at(setting, url=URL, identity=IDENTITY, password=PASSWORD)


def site_rules(site: SiteView, own: Sequence[ChargerSeen]) -> Iterator[Remark]:
    """Yield what there is to say about a site's stations of this family."""
    yield from believed_phases(own, "Phase rotation")
    for device in own:
        yield from _received_measurements(site, device)


def _received_measurements(site: SiteView, device: ChargerSeen) -> Iterator[Remark]:
    """A station's idea of what its smart meter measures is what it measures (ALF-ALB-028)."""
    offered = device.available()
    if RECEIVED not in offered:
        return
    meter: MeterSeen | None
    if METER_ADDRESS in offered:
        meter, remarks = meter_there(site, device, METER_ADDRESS)
        yield from remarks
    else:
        talkers = [talker for _, talker, reader in site.serial_cables() if reader == device.name]
        meter = next((site.meters[talker] for talker in talkers if talker in site.meters), None)
    if meter is not None:
        yield from meter_place(site, device, RECEIVED, meter, (device.name,))
