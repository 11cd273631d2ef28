"""A typed HTTP API: verbs with bodies, a token, and its own description.

It listens on loopback, wants a bearer token, and knows what it serves only by the callables that it is given; a
device's own interface of this kind may do without a token on loopback. Bodies are JSON objects; a wrong one gets 400
with the field and what is allowed. ``GET /v1/openapi.json`` describes all of it.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

LOOPBACK: Final = "127.0.0.1"
PORTS: Final = range(7300, 7400)  #: The first free one is taken, so that several farms run side by side.

STOP_S: Final = 0.5  #: How long a request that is worked on may take when the server stops.


class Refused(Exception):
    """It cannot do what was asked; the text says what it could."""


class Body(BaseModel):
    """What a request carries; a field that is not known is an error."""

    model_config = ConfigDict(extra="forbid", strict=True)


T = TypeVar("T", bound=Body)
Answer = Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class Verb(Generic[T]):
    """One thing that the API does: ``POST /v1/NAME``.

    Attributes:
        body: What the request carries.
        act: Does it on the server's loop, and returns what the answer carries; raises :class:`Refused` when it cannot.
    """

    body: type[T]
    act: Callable[[T], Answer | Awaitable[Answer]]

    async def run(self, text: str) -> Answer:
        """Read the request's text and do it."""
        answer = self.act(self.body.model_validate_json(text or "{}"))
        return await answer if isinstance(answer, Awaitable) else answer


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HttpApi:
    """The API's server.

    Args:
        state: Returns what the farm looks like now, as JSON has it, at once or when it has looked.
        verbs: What it can do, by name.
        token: What a client has to show; None for nothing, which is for loopback only.
        title: What it is, for its description.
    """

    def __init__(
        self,
        state: Callable[[], Mapping[str, object] | Awaitable[Mapping[str, object]]],
        verbs: Mapping[str, Verb[Any]],
        token: str | None,
        *,
        title: str,
    ) -> None:
        self._current_state, self._verbs, self._token, self._title = state, dict(verbs), token, title
        app = web.Application(middlewares=[self._guard])
        app.router.add_get("/v1/state", self._state)
        app.router.add_get("/v1/openapi.json", self._describe)
        app.router.add_post("/v1/{verb}", self._post)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=STOP_S)
        self.url = ""

    async def start(self) -> None:
        """Listen on the first free port.

        Raises:
            OSError: None is free.
        """
        await self._runner.setup()
        for port in PORTS:
            with suppress(OSError):
                await web.TCPSite(self._runner, LOOPBACK, port).start()
                self.url = f"http://{LOOPBACK}:{port}"
                return
        raise OSError(f"no side-band port from {PORTS.start} to {PORTS.stop - 1} is free on {LOOPBACK}")

    async def start_at(self, address: str, port: int) -> None:
        """Listen at one address and port.

        Raises:
            OSError: It cannot be bound.
        """
        await self._runner.setup()
        await web.TCPSite(self._runner, address, port, reuse_address=True).start()
        self.url = f"http://{address}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Close every connection."""
        await self._runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._token is None:
            if why := _of_a_browser(request):
                return _error(403, why)
        elif not secrets.compare_digest(
            request.headers.get("Authorization", "").encode(), f"Bearer {self._token}".encode()
        ):
            return _error(401, "the header 'Authorization: Bearer TOKEN' is missing or wrong. TOKEN: the token file.")
        try:
            return await handler(request)
        except Refused as error:
            return _error(400, str(error))
        except UnicodeDecodeError as error:
            return _error(400, f"the body is not UTF-8: {error}")
        except web.HTTPMethodNotAllowed as error:
            allowed = ", ".join(sorted(error.allowed_methods))
            answer = _error(405, f"{request.method} is not possible here. Allowed: {allowed}.")
            answer.headers["Allow"] = allowed
            return answer
        except web.HTTPRequestEntityTooLarge:
            return _error(413, f"the body is too long. Allowed: {request.client_max_size} bytes.")
        except web.HTTPNotFound:
            return _error(404, f"there is no {request.path} here. Allowed: what GET /v1/openapi.json lists.")

    async def _state(self, _request: web.Request) -> web.Response:
        found = self._current_state()
        return web.json_response(await found if isinstance(found, Awaitable) else found)

    async def _post(self, request: web.Request) -> web.Response:
        verb = self._verbs.get(name := request.match_info["verb"])
        if verb is None:
            return _error(404, f"there is no {name!r}. Allowed: {', '.join(self._verbs)}.")
        try:
            answer = await verb.run(await request.text())
        except ValidationError as error:
            return _error(400, *_explain(error, verb.body))
        return web.json_response({"ok": True, **(answer or {})})

    async def _describe(self, _request: web.Request) -> web.Response:
        answers = {code: {"description": text} for code, text in _ANSWERS.items()}
        paths: dict[str, Any] = {
            f"/v1/{name}": {
                "post": {
                    "summary": verb.body.__doc__,
                    "requestBody": {"content": {"application/json": {"schema": verb.body.model_json_schema()}}},
                    "responses": answers,
                }
            }
            for name, verb in self._verbs.items()
        }
        paths["/v1/state"] = {"get": {"summary": "What the farm looks like now.", "responses": answers}}
        scheme = {"token": {"type": "http", "scheme": "bearer"}}
        return web.json_response(
            {
                "openapi": "3.1.0",
                "info": {"title": self._title, "version": "1"},
                "paths": paths,
                **({"components": {"securitySchemes": scheme}, "security": [{"token": []}]} if self._token else {}),
            }
        )


_ANSWERS: Final = {
    "200": "done",
    "400": "the body is wrong: field and what is allowed",
    "401": "no token, or a wrong one",
    "413": "the body is too long",
}


def token_at(path: Path) -> str:
    """Return the token of a file that only its owner can read; the file is made when it is missing.

    It stays for the next farm of the same folder, so that a script's token goes on working.

    Raises:
        OSError: The file cannot be made or read.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if (token := path.read_text(encoding="ascii").strip()) and path.stat().st_mode & 0o077 == 0:
            return token
        path.unlink()  # empty, or others could have read it
        return token_at(path)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        token = secrets.token_urlsafe(32)
        file.write(token + "\n")
    return token


def _explain(error: ValidationError, body: type[Body]) -> list[str]:
    """Return pydantic's findings as: field, value, what is allowed; one a field."""
    fields = body.model_fields
    texts: dict[str, None] = {}
    for problem in error.errors():
        field = str(problem["loc"][0]) if problem["loc"] else "body"
        if problem["type"] == "json_invalid":
            text = f"is not JSON ({problem['ctx']['error']})."
        elif problem["type"] in ("model_type", "model_attributes_type"):
            text = f"is no JSON object. Allowed: {', '.join(fields)}."
        elif field not in fields:
            text = f"is no field here. Allowed: {', '.join(fields)}."
        elif problem["type"] == "missing":
            text = f"is missing. Allowed: {fields[field].description}."
        else:
            text = f"is wrong. Allowed: {fields[field].description}."
        texts[f"{field}: {text}"] = None
    return list(texts)


def _of_a_browser(request: web.Request) -> str:
    """Return why a request without a token is refused: a page in this machine's browser could have sent it."""
    name = request.host.rpartition(":")[0] if ":" in request.host else request.host
    if name != "localhost" and not re.fullmatch(r"[0-9.]+", name):
        return f"the host {name!r} is not possible without a token. Allowed: its address."
    if "Origin" in request.headers or (request.can_read_body and request.content_type != "application/json"):
        return "without a token, the body is application/json, and no page of a browser asks."
    return ""


def _error(status: int, *messages: str) -> web.Response:
    return web.json_response({"errors": messages}, status=status)
