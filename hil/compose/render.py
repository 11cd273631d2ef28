"""A site as a plain compose file that a person can read and keep."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import SingleQuotedScalarString as _quoted

from hil.bench.capabilities import refuse_seats
from hil.compose.engine import LABEL
from hil.compose.plan import Plan, addresses_name, link_name, project, service
from hil.process.control import WIRES_PORT
from hil.site import DeviceSpec, SeatSpec, Site

IMAGE: Final = "${HIL_IMAGE:?the farm's image: hil compose image}"
TOKEN: Final = "${HIL_TOKEN:?a secret that the bench and its devices share}"
SELDOM_REAL_S: Final = 60
READY: Final = "/run/hilfarm/ready"  #: Is there while the container's port listens.
CONDUCTOR: Final = "hil-conductor"  #: Its service.
SETTINGS: Final = "/var/lib/hilfarm"  #: The image has it, so a new volume there belongs to the image's user.
MEMORY_LIMIT_MB: Final = 128  #: A device takes about 45 MB.
FURTHER_DEVICE_MB: Final = 2  #: Room for each further device of a container; it takes about 0.4 MB.


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
    seats = site.seats
    document = CommentedMap()
    document["name"] = name or project(site.name)
    document["services"] = services = CommentedMap()
    services[CONDUCTOR] = _conductor(site, plan)
    for pack in plan.containers:
        first = pack[0]
        if seats[first].seat == "emulated":
            services[service(first)] = _devices({one: seats[one] for one in pack}, site, plan)
        elif seats[first].seat == "image":
            services[service(first)] = _foreign(first, seats[first], site, plan)
            services[link_name(first)] = _proxy(first, seats[first], site, plan)
        if len(pack) > 1:
            services[addresses_name(pack)] = _addresses(pack, site, plan)
    document["networks"] = networks = CommentedMap()
    for network, subnet in plan.subnets.items():
        config = flow_list(
            flow({"subnet": str(subnet), "gateway": plan.gateways[network], **_kept_free(network, plan)})
        )
        networks[network] = CommentedMap(
            {"internal": True, "labels": flow({LABEL: site.name}), "ipam": CommentedMap({"config": config})}
        )
        if subnet != site.networks[network]:
            networks.yaml_set_comment_before_after_key(
                network, before=f"{site.networks[network]} in the site", indent=2
            )
    document["volumes"] = CommentedMap(
        {
            _volume(pack[0]): CommentedMap({"labels": flow({LABEL: site.name})})
            for pack in plan.containers
            if seats[pack[0]].seat == "emulated"
        }
    )
    document.yaml_set_start_comment(
        f"Site {site.name}, {_whose(site)}. Made by: hil compose render {ref}\n"
        "The devices wait for a bench (hil run --bench compose), which hands each its settings and its terminals."
    )
    return text_of(document)


def text_of(document: CommentedMap) -> str:
    """Return a document as people read it."""
    stream = io.StringIO()
    yaml = YAML()
    yaml.width = 120
    yaml.dump(document, stream)
    return stream.getvalue()


def _whose(site: Site) -> str:
    return "each device in a container of its own" if site.pack == 1 else f"up to {site.pack} devices in a container"


def healthcheck() -> CommentedMap:
    """Return how an engine finds out that a container's port listens: soon, and afterwards seldom.

    A check costs an engine some 50 ms of a CPU, which dozens of containers cannot have every two seconds, and engines
    before 25 know no other interval at the start. So a check that has seen it once takes its time.
    """
    again = f"test -e {READY} && if test -e {READY}.seen; then sleep {SELDOM_REAL_S}; else touch {READY}.seen; fi"
    limits = {"interval": "2s", "timeout": f"{SELDOM_REAL_S + 5}s", "retries": 15, "start_period": "60s"}
    return flow({"test": flow_list("CMD-SHELL", _quoted(again)), **limits})


def _process(site: Site, *command: str) -> CommentedMap:
    """Return what all containers of the farm's own image have in common that stay."""
    return CommentedMap(
        {
            "image": IMAGE,
            "command": flow_list(*command),
            "read_only": True,
            "cap_drop": flow_list("ALL"),
            "security_opt": flow_list(_quoted("no-new-privileges:true")),
            "user": _quoted("1000:1000"),
            "mem_limit": f"{MEMORY_LIMIT_MB}m",
            "environment": flow({"HIL_TOKEN": TOKEN}),
            "tmpfs": flow_list("/tmp", "/run/hilfarm:uid=1000,mode=700"),
            "healthcheck": healthcheck(),
            "stop_grace_period": "3s",
            "labels": flow({LABEL: site.name}),
        }
    )


def _conductor(site: Site, plan: Plan) -> CommentedMap:
    """Return the container that shares virtual time out; in scaled time nobody asks it."""
    found = _process(site, "hil", "conductor")
    found["networks"] = CommentedMap(
        {network: flow({"ipv4_address": plan.conductor(network)}) for network in plan.subnets}
    )
    return found


def _devices(pack: Mapping[str, SeatSpec], site: Site, plan: Plan) -> CommentedMap:
    """Return the container of a device, or of several, which is known by the first."""
    first = next(iter(pack))
    words = (f"{name}={spec.type}" for name, spec in pack.items())
    found = _process(site, "hil", "device", *words, "--settings", SETTINGS)
    found["mem_limit"] = f"{MEMORY_LIMIT_MB + (len(pack) - 1) * FURTHER_DEVICE_MB}m"
    found["sysctls"] = flow({"net.ipv4.ip_unprivileged_port_start": 0})
    found["volumes"] = flow_list(_quoted(f"{_volume(first)}:{SETTINGS}"))
    if ports := [port for name in pack for port in _serial_devices(name, site)]:
        found["devices"] = flow_list(*(_quoted(f"{port}:{port}") for port in ports))
        found["group_add"] = flow_list("dialout")
    _place(found, first, pack[first], site, plan)
    return found


def _addresses(pack: Sequence[str], site: Site, plan: Plan) -> CommentedMap:
    """Return the container that gives a pack the addresses of all but its first, and ends: an engine gives it one only.

    It alone may do so; the devices' own process has no capability.
    """
    bits = plan.subnets[plan.networks[pack[0]]].prefixlen
    command = flow_list("hil", "addresses", *(f"{plan.addresses[one]}/{bits}" for one in pack[1:]))
    found = CommentedMap({"image": IMAGE, "command": command, "network_mode": _quoted(f"service:{service(pack[0])}")})
    found["read_only"] = True
    found["cap_drop"] = flow_list("ALL")
    found["cap_add"] = flow_list("NET_ADMIN")
    found["security_opt"] = flow_list(_quoted("no-new-privileges:true"))
    found["user"] = _quoted("0:0")
    found["mem_limit"] = f"{MEMORY_LIMIT_MB}m"
    found["labels"] = flow({LABEL: site.name})
    return found


def _kept_free(network: str, plan: Plan) -> dict[str, CommentedMap]:
    """Return what keeps the engine from giving a guest a packed device's address."""
    further = [one for pack in plan.containers if plan.networks[pack[0]] == network for one in pack[1:]]
    return {"aux_addresses": flow({service(one): plan.addresses[one] for one in further})} if further else {}


def _foreign(name: str, spec: SeatSpec, site: Site, plan: Plan) -> CommentedMap:
    """Return the user's own container: behind its link proxy, as it is, told where to ask for its terminals."""
    where = f"http://{plan.tester(plan.networks[name])}:{WIRES_PORT}/wires/{quote(name)}"
    found = CommentedMap({"image": spec.image, "stop_grace_period": "3s", "labels": flow({LABEL: site.name})})
    found["sysctls"] = flow({"net.ipv4.ip_unprivileged_port_start": 0})
    found["environment"] = flow({"HIL_WIRES": _quoted(where), "HIL_WIRES_TOKEN": TOKEN})
    found["depends_on"] = CommentedMap({link_name(name): flow({"condition": "service_healthy"})})
    found["networks"] = CommentedMap({plan.networks[name]: flow({"ipv4_address": plan.hidden[name]})})
    return found


def _proxy(name: str, spec: SeatSpec, site: Site, plan: Plan) -> CommentedMap:
    """Return what is at the device's address instead of the user's container, so that its link can fail."""
    found = _process(site, "hil", "proxy", spec.type, "--name", name, "--to", plan.hidden[name])
    found["sysctls"] = flow({"net.ipv4.ip_unprivileged_port_start": 0})
    _place(found, name, spec, site, plan)
    return found


def _place(found: CommentedMap, name: str, spec: SeatSpec, site: Site, plan: Plan) -> None:
    """Say after whom a container starts, and where it is on the networks."""
    first = {one: meter.seat for one, meter in site.meters.items() if meter.seat != "real"}
    if isinstance(spec, DeviceSpec) and first:
        found["depends_on"] = CommentedMap(
            {
                service(plan.packs[meter][0]): flow(
                    {"condition": "service_healthy" if seat == "emulated" else "service_started"}
                )
                for meter, seat in first.items()
            }
        )
    found["networks"] = CommentedMap({plan.networks[name]: flow({"ipv4_address": plan.addresses[name]})})
    if name in plan.modems:
        network, address = plan.modems[name]
        found["networks"][network] = flow({"ipv4_address": address})
    if spec.address and spec.address != plan.addresses[name]:
        found["networks"].yaml_add_eol_comment(f"{spec.address} in the site", plan.networks[name])


def _serial_devices(name: str, site: Site) -> list[str]:
    """Return the device files of the real meters whose cables are in a device's ports."""
    talkers = [talker for _, talker, reader in site.serial_cables() if reader == name]
    return [at for talker in talkers if (at := site.meters[talker].at) is not None]


def _volume(name: str) -> str:
    """Return the name of the volume with the settings of a device's container, which outlive its restart."""
    return f"settings-{service(name)}"


def flow(values: Mapping[str, Any]) -> CommentedMap:
    """Return a mapping that is written on one line."""
    found = CommentedMap(values)
    found.fa.set_flow_style()
    return found


def flow_list(*values: Any) -> CommentedSeq:
    """Return a list that is written on one line."""
    found = CommentedSeq(values)
    found.fa.set_flow_style()
    return found
