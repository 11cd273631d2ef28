"""A site as a Swarm stack file (``docker stack deploy -c``) that a person can read and keep; it spreads over hosts.

A stack differs from a compose file in what Swarm can do: it chooses all addresses itself, passes no host device into a
container, keeps no order of starting, and has no ``security_opt``. So devices are found by name, a relay carries the
broadcasts that an overlay network does not, and a device waits for its bench anyway.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import SingleQuotedScalarString as _quoted

from hil.compose.engine import LABEL
from hil.compose.plan import relay_name, service
from hil.compose.render import IMAGE, flow, flow_list, healthcheck, text_of
from hil.errors import ScenarioError
from hil.site import SeatSpec, Site

RELAY: Final = "hil-relay"  #: Name of the relay's service.
TOKEN_FILE: Final = "${HIL_TOKEN_FILE:?a file with a secret that the bench and its devices share}"
SECRET: Final = "token"  #: Name of the secret in the stack.
NODE_LABEL: Final = "hilfarm"  #: A host with hardware has a value of this label.
LIMIT: Final = "128M"
RESERVED: Final = "48M"  #: A device takes about 45 MB; Swarm places none on a host that has not as much left.
STATE_SIZE: Final = 1 << 16
TEMPORARY_SIZE: Final = 1 << 26

_SERVICE: Final = re.compile(r"[a-zA-Z0-9](?:[-_]*[a-zA-Z0-9])*")
_PLACE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_LONGEST_SERVICE: Final = 40  #: Swarm takes 63 characters with the stack's name.


def render_stack(site: Site, *, ref: str, place: Mapping[str, str] | None = None) -> str:
    """Return the stack file of a site.

    Args:
        site: The site.
        ref: What the user wrote to render it, for the first line.
        place: For each seat that has to be on a certain host: the value of that host's label ``hilfarm``.

    Raises:
        ScenarioError: A seat cannot be a service of a stack, or ``place`` names what is not there.
    """
    place = place or {}
    seats = site.seats
    _refuse(site, seats, place)
    document = CommentedMap({"version": _quoted("3.8")})
    document["services"] = services = CommentedMap()
    networks = {name: flow({"aliases": flow_list(relay_name(name))}) for name in site.networks}
    services[RELAY] = _service(site, ["hil", "relay"], CommentedMap(networks), None)
    for name, spec in seats.items():
        network = spec.network if spec.network in site.networks else next(iter(site.networks))
        command = ["hil", "device", f"{name}={spec.type}"]
        services[service(name)] = _service(site, command, flow_list(network), place.get(name))
        services.yaml_set_comment_before_after_key(
            service(name), before=f"{spec.address or 'no address of its own'} in the site", indent=2
        )
    document["networks"] = lans = CommentedMap()
    for network, subnet in site.networks.items():
        lans[network] = CommentedMap(
            {"driver": "overlay", "attachable": True, "internal": True, "labels": flow({LABEL: site.name})}
        )
        lans.yaml_set_comment_before_after_key(network, before=f"{subnet} in the site", indent=2)
    document["secrets"] = CommentedMap(
        {SECRET: CommentedMap({"file": _quoted(TOKEN_FILE), "labels": flow({LABEL: site.name})})}
    )
    document.yaml_set_start_comment(
        f"Site {site.name} as a stack, each device a service of its own. Made by: hil stack render {ref}\n"
        "The devices wait for a bench (hil run --bench swarm), which hands each its settings and its terminals."
    )
    return text_of(document)


def _refuse(site: Site, seats: Mapping[str, SeatSpec], place: Mapping[str, str]) -> None:
    for name, spec in seats.items():
        if spec.seat == "real" and str(spec.at).startswith("/dev/"):
            raise ScenarioError(
                f"site {site.name}: {name} is real at {spec.at}, and Swarm passes no device of a host (`devices:`) "
                "into a container. Export it with ser2net on its host, see docs/stack.md."
            )
        if spec.seat != "emulated":
            raise ScenarioError(
                f"site {site.name}: a stack fills emulated seats only so far, not {name} ({spec.seat})."
            )
    for name, device in site.devices.items():
        if device.sim is not None:
            raise ScenarioError(
                f"site {site.name}: {name} has a modem, and a stack's services are in one network each so far. "
                "Allowed: the embedded and the compose bench."
            )
    names: dict[str, str] = {RELAY: "the relay"}
    for name in seats:
        one = service(name)
        if not _SERVICE.fullmatch(one) or len(one) > _LONGEST_SERVICE:
            raise ScenarioError(
                f"site {site.name}: {name!r} cannot be the name of a Swarm service. Allowed: letters and digits, "
                f"'-' and '_' between them, up to {_LONGEST_SERVICE} characters."
            )
        if one.lower() in names:
            raise ScenarioError(f"site {site.name}: {names[one.lower()]} and {name!r} would both be the service {one}.")
        names[one.lower()] = repr(name)
    for name, where in place.items():
        if name not in seats:
            raise ScenarioError(f"--place {name}={where}: site {site.name} has no {name}. It has {', '.join(seats)}.")
        if not _PLACE.fullmatch(where):
            raise ScenarioError(f"--place {name}={where}: a label's value is made of letters, digits and . _ -")


def _service(site: Site, command: list[str], networks: CommentedMap | CommentedSeq, place: str | None) -> CommentedMap:
    found = CommentedMap({"image": IMAGE, "command": flow_list(*command)})
    found["user"] = _quoted("1000:1000")
    found["read_only"] = True
    found["cap_drop"] = flow_list("ALL")
    found["sysctls"] = flow({"net.ipv4.ip_unprivileged_port_start": 0})
    found["environment"] = flow({"HIL_TOKEN_FILE": f"/run/secrets/{SECRET}"})
    found["secrets"] = flow_list(SECRET)
    found["volumes"] = CommentedSeq([_memory("/tmp", TEMPORARY_SIZE), _memory("/run/hilfarm", STATE_SIZE)])
    found["stop_grace_period"] = "3s"
    found["healthcheck"] = healthcheck()
    found["labels"] = flow({LABEL: site.name})
    found["networks"] = networks
    found["deploy"] = deploy = CommentedMap({"endpoint_mode": "dnsrr"})  # a name means the container, no balancer
    deploy["restart_policy"] = flow({"condition": "none"})
    limits, reserved = flow({"memory": LIMIT}), flow({"memory": RESERVED})
    deploy["resources"] = flow({"limits": limits, "reservations": reserved})
    if place is not None:
        deploy["placement"] = flow({"constraints": flow_list(f"node.labels.{NODE_LABEL} == {place}")})
    deploy["labels"] = flow({LABEL: site.name})
    return found


def _memory(target: str, size: int) -> CommentedMap:
    return flow({"type": "tmpfs", "target": target, "tmpfs": flow({"size": size})})
