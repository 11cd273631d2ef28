"""A site as a plain compose file that a person can read and keep."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import SingleQuotedScalarString as _quoted

from hil.bench.control import WIRES_PORT
from hil.bench.seats import refuse_seats
from hil.compose.engine import LABEL
from hil.compose.plan import Plan, link_name, project, service
from hil.site import DeviceSpec, MeterSpec, Site

IMAGE: Final = "${HIL_IMAGE:?the farm's image: hil compose image}"
TOKEN: Final = "${HIL_TOKEN:?a secret that the bench and its devices share}"
READY: Final = "/run/hilfarm/ready"  #: Is there while the container's port listens.
CONDUCTOR: Final = "hil-conductor"  #: Its service.
SETTINGS: Final = "/var/lib/hilfarm"  #: The image has it, so a new volume there belongs to the image's user.
MEMORY_LIMIT: Final = "128m"  #: A device takes about 45 MB.


def render(site: Site, plan: Plan, *, ref: str, name: str = "") -> str:
    """Return the compose file of a site.

    Args:
        site: The site.
        plan: Its addresses.
        ref: How the user named the site, for the first line.
        name: Name of the project, empty for one made of the site's.

    Raises:
        SiteFileError: A seat cannot be filled here.
    """
    refuse_seats(site, "compose")
    seats: dict[str, DeviceSpec | MeterSpec] = {**site.meters, **site.devices}
    document = CommentedMap()
    document["name"] = name or project(site.name)
    document["services"] = services = CommentedMap()
    services[CONDUCTOR] = _conductor(site, plan)
    for one, spec in seats.items():
        if spec.seat != "real":
            make = _device if spec.seat == "emulated" else _foreign
            services[service(one)] = make(one, spec, site, plan)
        if spec.seat == "image":
            services[link_name(one)] = _proxy(one, spec, site, plan)
    document["networks"] = networks = CommentedMap()
    for network, subnet in plan.subnets.items():
        config = _flow_list(_flow({"subnet": str(subnet), "gateway": plan.gateways[network]}))
        networks[network] = CommentedMap(
            {"internal": True, "labels": _flow({LABEL: site.name}), "ipam": CommentedMap({"config": config})}
        )
        if subnet != site.networks[network]:
            networks.yaml_set_comment_before_after_key(
                network, before=f"{site.networks[network]} in the site", indent=2
            )
    document["volumes"] = CommentedMap(
        {
            _volume(one): CommentedMap({"labels": _flow({LABEL: site.name})})
            for one, spec in seats.items()
            if spec.seat == "emulated"
        }
    )
    document.yaml_set_start_comment(
        f"Site {site.name}, each device in a container of its own. Made by: hil compose render {ref}\n"
        "The devices wait for a bench (hil run --bench compose), which hands each its settings and its terminals."
    )
    stream = io.StringIO()
    yaml = YAML()
    yaml.width = 120
    yaml.dump(document, stream)
    return stream.getvalue()


def _process(site: Site, *command: str) -> CommentedMap:
    """Return what all containers of the farm's own image have in common."""
    return CommentedMap(
        {
            "image": IMAGE,
            "command": _flow_list(*command),
            "read_only": True,
            "cap_drop": _flow_list("ALL"),
            "security_opt": _flow_list(_quoted("no-new-privileges:true")),
            "user": _quoted("1000:1000"),
            "mem_limit": MEMORY_LIMIT,
            "environment": _flow({"HIL_TOKEN": TOKEN}),
            "tmpfs": _flow_list("/tmp", "/run/hilfarm:uid=1000,mode=700"),
            "healthcheck": _flow(
                {"test": _flow_list("CMD", "test", "-e", READY), "interval": "2s", "timeout": "5s", "retries": 15}
            ),
            "stop_grace_period": "3s",
            "labels": _flow({LABEL: site.name}),
        }
    )


def _conductor(site: Site, plan: Plan) -> CommentedMap:
    """Return the container that shares virtual time out; in scaled time nobody asks it."""
    found = _process(site, "hil", "conductor")
    found["networks"] = CommentedMap(
        {network: _flow({"ipv4_address": plan.conductor(network)}) for network in plan.subnets}
    )
    return found


def _device(name: str, spec: DeviceSpec | MeterSpec, site: Site, plan: Plan) -> CommentedMap:
    settings = f"{SETTINGS}/settings.json"
    found = _process(site, "hil", "device", spec.type, "--name", name, "--settings", settings)
    found["sysctls"] = _flow({"net.ipv4.ip_unprivileged_port_start": 0})
    found["volumes"] = _flow_list(_quoted(f"{_volume(name)}:{SETTINGS}"))
    if ports := _serial_devices(name, site):
        found["devices"] = _flow_list(*(_quoted(f"{port}:{port}") for port in ports))
        found["group_add"] = _flow_list("dialout")
    _place(found, name, spec, site, plan)
    return found


def _foreign(name: str, spec: DeviceSpec | MeterSpec, site: Site, plan: Plan) -> CommentedMap:
    """Return the user's own container: behind its link proxy, as it is, told where to ask for its terminals."""
    where = f"http://{plan.tester(plan.networks[name])}:{WIRES_PORT}/wires/{quote(name)}"
    found = CommentedMap({"image": spec.image, "stop_grace_period": "3s", "labels": _flow({LABEL: site.name})})
    found["sysctls"] = _flow({"net.ipv4.ip_unprivileged_port_start": 0})
    found["environment"] = _flow({"HIL_WIRES": _quoted(where), "HIL_WIRES_TOKEN": TOKEN})
    found["depends_on"] = CommentedMap({link_name(name): _flow({"condition": "service_healthy"})})
    found["networks"] = CommentedMap({plan.networks[name]: _flow({"ipv4_address": plan.hidden[name]})})
    return found


def _proxy(name: str, spec: DeviceSpec | MeterSpec, site: Site, plan: Plan) -> CommentedMap:
    """Return what is at the device's address instead of the user's container, so that its link can fail."""
    found = _process(site, "hil", "proxy", spec.type, "--name", name, "--to", plan.hidden[name])
    found["sysctls"] = _flow({"net.ipv4.ip_unprivileged_port_start": 0})
    _place(found, name, spec, site, plan)
    return found


def _place(found: CommentedMap, name: str, spec: DeviceSpec | MeterSpec, site: Site, plan: Plan) -> None:
    """Say after whom a container starts, and where it is on the networks."""
    first = {one: meter.seat for one, meter in site.meters.items() if meter.seat != "real"}
    if isinstance(spec, DeviceSpec) and first:
        found["depends_on"] = CommentedMap(
            {
                service(meter): _flow({"condition": "service_healthy" if seat == "emulated" else "service_started"})
                for meter, seat in first.items()
            }
        )
    found["networks"] = CommentedMap({plan.networks[name]: _flow({"ipv4_address": plan.addresses[name]})})
    if spec.address and spec.address != plan.addresses[name]:
        found["networks"].yaml_add_eol_comment(f"{spec.address} in the site", plan.networks[name])


def _serial_devices(name: str, site: Site) -> list[str]:
    """Return the device files of the real meters whose cables are in a device's ports."""
    talkers = [talker for _, talker, reader in site.serial_cables() if reader == name]
    return [at for talker in talkers if (at := site.meters[talker].at) is not None]


def _volume(name: str) -> str:
    """Return the name of the volume with a device's settings, which outlive a restart of its container."""
    return f"settings-{service(name)}"


def _flow(values: Mapping[str, Any]) -> CommentedMap:
    found = CommentedMap(values)
    found.fa.set_flow_style()
    return found


def _flow_list(*values: Any) -> CommentedSeq:
    found = CommentedSeq(values)
    found.fa.set_flow_style()
    return found
