"""``hil backend``: the central system of a running farm, from a second shell."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from hil.cli.command import Commands, add_command, importing
from hil.errors import ExitCode, ScenarioError

NOT_CONNECTED: Final = "not connected"
CHECKED: Final = "is_checked="
FIELDS: Final = "as idTag=T1 connectorId=1, or one JSON object; is_checked=false: also what breaks the schema"


def add(commands: Commands) -> None:
    """Add the command."""
    text = "list charge points and transactions of a running farm's central system, or send a command"
    backend = add_command(commands, "backend", _list, text)
    _where(backend)
    backend.add_argument("--json", action="store_true", help="as JSON")
    verbs = backend.add_subparsers(title="commands", metavar="VERB")
    send = add_command(verbs, "send", _send, "send a command to a charge point, and print its answer")
    _where(send, default=argparse.SUPPRESS)
    send.add_argument("charge_point", metavar="CHARGE_POINT", help="its identity")
    send.add_argument("action", metavar="ACTION", help="such as RemoteStartTransaction")
    send.add_argument("fields", metavar="FIELD", nargs="*", help=FIELDS)
    send.add_argument("--timeout", type=float, default=30.0, metavar="S", help="farm seconds to wait (default: 30)")


def _where(parser: argparse.ArgumentParser, **default: object) -> None:
    """Add the options that say which central system is meant; a verb's own leave those of the command as they are."""
    text = "which farm (default: the one that runs in this folder)"
    parser.add_argument("--endpoints", type=Path, metavar="FILE", help=text, **default)  # type: ignore[arg-type]
    text = "which central system, where there are several"
    parser.add_argument("--backend", metavar="NAME", help=text, **({"default": ""} | default))  # type: ignore[arg-type]


def _ask(args: argparse.Namespace, verb: str, body: Mapping[str, object] | None) -> dict[str, Any]:
    with importing():
        import asyncio  # noqa: PLC0415

        from emulators.kit.family import family  # noqa: PLC0415
        from hil.hand.client import Client, backend_at, find  # noqa: PLC0415  aiohttp is slow to import

    async def ask() -> dict[str, Any]:
        farm = find(args.endpoints)
        name, url, kind = backend_at(farm, args.backend)
        parameter = family(kind).api_token
        async with Client(farm) as client:
            found = await client.do("param", {"device": name, "name": parameter})
        async with Client(replace(farm, url=url, token=found["parameters"][parameter])) as client:
            return await client.state() if body is None else await client.do(verb, body)

    return asyncio.run(ask())


def _list(args: argparse.Namespace) -> int:
    found = _ask(args, "state", None)
    transactions = _ask(args, "transactions", {})["transactions"]
    if args.json:
        print(json.dumps({**found, "transactions": transactions}, indent=2))
        return ExitCode.PASSED
    for point in found["charge_points"]:
        print("   ".join(filter(None, _charge_point(point))))
    for one in transactions:
        print(_transaction(one))
    if not found["charge_points"]:
        print("no charge point has come in yet")
    return ExitCode.PASSED


def _charge_point(point: Mapping[str, Any]) -> list[str]:
    product = " ".join(filter(None, (point["vendor"], point["model"], point["firmware"])))
    connectors = ", ".join(f"{one['connector']} {one['status']}" for one in point["connectors"])
    return [point["identity"], product, "connected" if point["is_connected"] else NOT_CONNECTED, connectors]


def _transaction(one: Mapping[str, Any]) -> str:
    text = f"transaction {one['id']}: {one['charge_point']} connector {one['connector']}, {one['id_tag']}, "
    if one["stopped_at"] is None:
        return f"{text}since {one['started_at']}, from {one['meter_start_wh']} Wh"
    used_wh = one["meter_stop_wh"] - one["meter_start_wh"]
    return f"{text}{one['started_at']} to {one['stopped_at']}, {used_wh} Wh, {one['reason']}"


def _send(args: argparse.Namespace) -> int:
    found, is_checked = payload(args.action, args.fields)
    body = {
        "charge_point": args.charge_point,
        "action": args.action,
        "payload": found,
        "timeout_s": args.timeout,
        "is_checked": is_checked,
    }
    outcome = _ask(args, "send", body)
    match outcome["outcome"]:
        case "answered":
            print(json.dumps(outcome["answer"], indent=2))
            return ExitCode.PASSED
        case "refused":
            print("{code}: {description}".format(**outcome["error"]))
        case other:
            print(other)
    return ExitCode.FAILED


def payload(action: str, fields: Sequence[str]) -> tuple[dict[str, Any], bool]:
    """Return a message's fields, and whether they are checked, from words ``idTag=T1 connectorId=1``.

    A value is of the type that the schema gives its field; arrays and objects are written in JSON. One JSON object
    stands for all fields. The word ``is_checked=false`` is for what breaks the schema: a value that is JSON is then
    taken as that (``1``, ``"1"``, ``null``), any other as text.

    Raises:
        ScenarioError: A word is neither, or not what the schema has.
    """
    with importing():
        from hil.probes.ocpp import decoded, typed  # noqa: PLC0415  aiohttp is slow to import

    words = [field for field in fields if not field.startswith(CHECKED)]
    marks = {field.removeprefix(CHECKED).lower() for field in fields if field.startswith(CHECKED)}
    for mark in marks - {"true", "false"}:
        raise ScenarioError(f"'{CHECKED}{mark}' is wrong. Allowed: {CHECKED}true or {CHECKED}false.")
    is_checked = "false" not in marks
    if len(words) == 1 and words[0].lstrip().startswith("{"):
        try:
            return dict(decoded(words[0])), is_checked
        except ValueError as error:
            raise ScenarioError(f"{words[0]} is no JSON object: {error}.") from error
    result: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not name or not equals:
            raise ScenarioError(f"{word!r} is no field. Allowed: NAME=VALUE, or one JSON object.")
        result[name] = value
    return typed(action, result, is_checked=is_checked), is_checked
