"""The client of a running farm: finds it, shows its token, speaks to its side-band."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import aiohttp

from hil.errors import BenchError, ScenarioError

FARMS: Final = Path(".hil/farms")  #: Each running farm of this folder has its endpoints here, named by its process.
T = TypeVar("T")

ANSWER_WITHIN_S: Final = 10.0
START_ONE: Final = "Start one in this folder: hil up mennekes/car-park"


@dataclass(frozen=True, slots=True)
class Where:
    """Where a farm's side-band is.

    Attributes:
        site: The site it runs.
        url: The side-band.
        token: What it wants to be shown.
        file: The endpoints file that says so.
    """

    site: str
    url: str
    token: str
    file: Path


def farm_file(pid: int) -> Path:
    """Return where the farm of a process says where it is reached."""
    return FARMS / f"{pid}.json"


def root_file(pid: int) -> Path:
    """Return where the farm of a process has the root certificate of its run."""
    return FARMS / f"{pid}.pem"


def running_farms(folder: Path = FARMS) -> list[Path]:
    """Return the endpoints files of the farms that run in this folder; those of dead processes are removed."""
    alive = []
    for file in sorted(folder.glob("*.json")):
        try:
            os.kill(int(file.stem), 0)
        except PermissionError:  # another user's
            alive.append(file)
        except (ProcessLookupError, ValueError):
            file.unlink(missing_ok=True)
        else:
            alive.append(file)
    return alive


def find(endpoints: Path | None) -> Where:
    """Return the farm that a command is meant for: the one of an endpoints file, or the only one of this folder.

    Raises:
        ScenarioError: There is none, or more than one; the text says what to do.
    """
    if endpoints is not None:
        return _read(endpoints)
    farms = running_farms()
    if not farms:
        raise ScenarioError(f"no farm is running in this folder. {START_ONE}")
    if len(farms) > 1:
        choices = "\n".join(f"  --endpoints {file}   ({_read(file).site})" for file in farms)
        raise ScenarioError(f"{len(farms)} farms are running in this folder. Name one:\n{choices}")
    return _read(farms[0])


def _read(file: Path) -> Where:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        sideband = content["sideband"]
        named = Path(sideband["token_file"])
        places = [named, file.parent / named, file.parent.parent.parent / named]
        token_file = next((place for place in places if place.is_file()), named)
        return Where(content["site"], sideband["url"], token_file.read_text(encoding="ascii").strip(), file)
    except OSError as error:
        raise ScenarioError(f"{error.filename} cannot be read: {error.strerror}. {START_ONE}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ScenarioError(f"{file} is no endpoints file of `hil up --endpoints FILE`.") from error


def backend_at(farm: Where, name: str) -> tuple[str, str, str]:
    """Return name, HTTP interface (URL) and type of a farm's central system.

    Args:
        farm: The farm.
        name: Of the central system, empty for the only one.

    Raises:
        ScenarioError: The farm has none of that name, or more than one.
    """
    devices = json.loads(farm.file.read_text(encoding="utf-8"))["devices"]
    there = {one: found for one, found in devices.items() if "api" in found}
    if not there:
        raise ScenarioError(f"site {farm.site} has no central system. Write one under 'backends:' of the site.")
    if not name and len(there) > 1:
        raise ScenarioError(
            f"site {farm.site} has {len(there)} central systems. Say which: --backend {' or '.join(there)}."
        )
    if name and name not in there:
        raise ScenarioError(f"{name!r} is no central system. Allowed: --backend {' or '.join(there)}.")
    name = name or next(iter(there))
    return name, str(there[name]["api"]["url"]), str(there[name]["type"])


class Client:
    """A connection to a running farm.

    Args:
        where: Which one.
    """

    def __init__(self, where: Where) -> None:
        self.where = where

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {self.where.token}"},
            timeout=aiohttp.ClientTimeout(total=None, connect=ANSWER_WITHIN_S),
        )
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def state(self) -> dict[str, Any]:
        """Return what the farm looks like now."""
        return await self._request("GET", "state", None)

    async def do(self, verb: str, body: Mapping[str, object]) -> dict[str, Any]:
        """Do something to the farm; return its answer.

        Raises:
            ScenarioError: The farm refuses; the text says what it allows.
            BenchError: It does not answer.
        """
        return await self._request("POST", verb, body)

    async def _request(self, method: str, what: str, body: Mapping[str, object] | None) -> dict[str, Any]:
        try:
            async with self._http.request(method, f"{self.where.url}/v1/{what}", json=body) as answer:
                content: dict[str, Any] = await answer.json()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise BenchError(f"the farm at {self.where.url} ({self.where.file}) does not answer: {error}") from error
        if answer.status == 401 and not self.where.file.exists():  # it takes the file away before it frees the port
            raise BenchError(f"the farm at {self.where.url} ({self.where.file}) has ended; another has its port now.")
        if answer.status != 200:
            raise ScenarioError("\n".join(content.get("errors", [f"the farm answered {answer.status}."])))
        return content


def ask(endpoints: Path | None, work: Callable[[Client], Awaitable[T]]) -> T:
    """Connect to a running farm, chosen as by :func:`find`, do something with it, and return what came of it.

    Raises:
        HilError: As `find` and :class:`Client`.
    """

    async def asked() -> T:
        async with Client(find(endpoints)) as client:
            return await work(client)

    return asyncio.run(asked())
