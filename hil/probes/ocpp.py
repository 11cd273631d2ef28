"""Looks at a charging point through the central system that it reports to, by that system's HTTP interface."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import aiohttp

from emulators.kit.ocpp.wire.schemas import ACTIONS, Kind, field_types
from hil.errors import DeviceRefused, DeviceSilent, ScenarioError
from hil.site.values import unknown

ANSWER_S: Final = 30.0  #: How long a charge point may take to answer a command [s of farm time].
MORE_S: Final = 10.0  #: How much longer the central system may take to say so.

Payload = dict[str, Any]


class BackendProbe:
    """A tester's client of a central system.

    Args:
        name: Its name in the site.
        url: Of its HTTP interface.
        token: What it wants to be shown, empty for nothing.
        source_address: The tester's own address.
    """

    def __init__(self, name: str, url: str, token: str, *, source_address: str) -> None:
        self._name, self._url, self._source = name, url, source_address
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connection; the next question opens it again."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def is_connected(self, identity: str) -> bool:
        """Return whether a charge point is connected, as far as the central system knows."""
        points = (await self._ask("GET", "state", None))["charge_points"]
        return any(point["identity"] == identity and point["is_connected"] for point in points)

    async def send(self, identity: str, action: str, payload: Payload, *, is_checked: bool = True) -> Payload:
        """Send a command to a charge point; return its confirmation. Unchecked, it may break the schema.

        Raises:
            DeviceRefused: It answered with a CALLERROR.
            DeviceSilent: It did not answer, or is not connected.
            ScenarioError: The command is none, or breaks its schema.
        """
        if is_checked and action not in ACTIONS:
            raise _unknown_action(action)
        body = {"charge_point": identity, "action": action, "payload": payload, "timeout_s": ANSWER_S}
        found = await self._do("send", {**body, "is_checked": is_checked})
        match found["outcome"]:
            case "answered":
                answer: Payload = found["answer"]
                return answer
            case "refused":
                error = found["error"]
                raise DeviceRefused(f"{identity} refuses {action}: {error['code']} {error['description']}".rstrip())
        raise DeviceSilent(f"{identity} does not answer {action}: {found['outcome']}")

    async def received(self, identity: str, action: str) -> list[Payload]:
        """Return the payloads of a charge point's calls of one kind, oldest first, repeats included."""
        if action not in ACTIONS:
            raise _unknown_action(action)
        rows = await self._messages(identity, action=action)
        return [row["payload"] for row in rows]

    async def actions(self, identity: str) -> list[str]:
        """Return which calls a charge point has made, oldest first."""
        return [row["action"] for row in await self._messages(identity)]

    async def transactions(self, identity: str) -> list[Payload]:
        """Return a charge point's transactions as they are booked, oldest first."""
        return list((await self._do("transactions", {"charge_point": identity}))["transactions"])

    async def meter_values(self, identity: str, measurand: str) -> list[Payload]:
        """Return a charge point's sampled values of one measurand, oldest first."""
        body = {"charge_point": identity, "measurand": measurand}
        return list((await self._do("meter_values", body))["meter_values"])

    async def script(self, identity: str, action: str, **step: object) -> None:
        """Let the central system answer the next messages of a kind out of the ordinary."""
        if action not in ACTIONS:
            raise _unknown_action(action)
        await self._do("script", {"charge_point": identity, "action": action, **step})

    async def disconnect(self, identity: str, code: int | None) -> None:
        """Close a charge point's connection with a WebSocket code, or reset it."""
        await self._do("disconnect", {"charge_point": identity, "code": code})

    async def _messages(self, identity: str, **more: str) -> list[Payload]:
        body = {"charge_point": identity, "direction": "in", "kind": "call", **more}
        return list((await self._do("messages", body))["messages"])

    async def _do(self, verb: str, body: Mapping[str, object]) -> Payload:
        return await self._ask("POST", verb, body)

    async def _ask(self, method: str, what: str, body: Mapping[str, object] | None) -> Payload:
        if self._http is None:
            connector = aiohttp.TCPConnector(local_addr=(self._source, 0))
            timeout = aiohttp.ClientTimeout(total=ANSWER_S + MORE_S)
            self._http = aiohttp.ClientSession(connector=connector, timeout=timeout, headers=self._headers)
        try:
            async with self._http.request(method, f"{self._url}/v1/{what}", json=body) as answer:
                content: Payload = await answer.json()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise DeviceSilent(f"{self._name} does not answer at its HTTP interface: {error}") from error
        if answer.status != 200:
            raise ScenarioError(f"{self._name}: " + " ".join(content.get("errors", [f"HTTP {answer.status}"])))
        return content


def typed(action: str, fields: Mapping[str, str], *, kind: Kind = "request", is_checked: bool = True) -> Payload:
    """Return a message's fields in the types of its schema; arrays and objects are written in JSON.

    Args:
        action: Name of the message.
        fields: As they are written; what is no text stays as it is.
        kind: Which half of the message.
        is_checked: False for fields that may break the schema: what is JSON is taken as that, all else as text.

    Raises:
        ScenarioError: There is no such action or field, or a value is not of its type.
    """
    if not is_checked:
        return {name: _by_looks(text) for name, text in fields.items()}
    known = _types(action, kind)
    what = action if kind == "request" else f"the answer to {action}"
    payload: Payload = {}
    for name, text in fields.items():
        if name not in known:
            finding = unknown(f"field of {what}", name, known)
            raise ScenarioError(f"{finding.message} {finding.allowed}".rstrip())
        if known[name] == "string" or not isinstance(text, str):
            payload[name] = text
            continue
        try:
            payload[name] = decoded(text)
        except ValueError:
            raise ScenarioError(f"{name} of {what} is {known[name]} in JSON, not {text!r}.") from None
    return payload


def decoded(text: str) -> Any:
    """Return what a JSON text says.

    Raises:
        ValueError: It is none; NaN and Infinity are none either, though Python reads them.
    """
    return json.loads(text, parse_constant=_no_constant)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _by_looks(text: object) -> object:
    try:
        return decoded(text) if isinstance(text, str) else text
    except ValueError:
        return text


def has_field(action: str, name: str) -> bool:
    """Return whether a message has a field of this name; raises ScenarioError for an unknown action."""
    return name in _types(action, "request")


def _types(action: str, kind: Kind) -> Mapping[str, str]:
    if action not in ACTIONS:
        raise _unknown_action(action)
    return field_types(action, kind)


def _unknown_action(action: str) -> ScenarioError:
    finding = unknown("message of OCPP 1.6", action, sorted(ACTIONS))
    return ScenarioError(f"{finding.message} {finding.allowed}".rstrip())
