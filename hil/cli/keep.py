"""Keeps one farm running in real or scaled time: what ``hil up`` does."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from rich.console import Console
from rich.live import Live
from rich.text import Text

from emulators.kit.http_api import HttpApi, token_at
from hil.bench.addresses import low_port_notice
from hil.bench.farm import Farm
from hil.bench.filler import Bench
from hil.clock import FarmThread, ScaledLoop
from hil.clock.wall import utc_now
from hil.errors import BenchError, ScenarioError
from hil.hand import client
from hil.hand.server import state, verbs
from hil.hand.watch import port_text
from hil.keywords import by_hand
from hil.run.benches import compose, embedded
from hil.run.folder import RunFolder, surroundings
from hil.run.visit import Visit
from hil.site import SUPPLY, Site, load_site, with_serial_port
from hil.tester import Tester
from hil.trace import TraceWriter, trace_path

TOKEN_FILE: Final = Path(".hil/token")
LOOK_REAL_S: Final = 0.25  #: How often the farm is looked at: its health, and the status line.
TLS: Final = "wss"  #: Scheme of the servers whose certificates the run's authority has signed.
STOP_REAL_S: Final = 10.0

LIVE_CURRENT_A: Final = 0.1  #: From here on a point counts as charging.


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepRequest:
    """Which farm is kept, and how.

    Attributes:
        site: A site file, or a shipped site.
        bench: ``embedded`` or ``compose``.
        exact_addresses: Containers have the site's own addresses.
        speed: Farm seconds in a second, as it was written.
        seed: Of the farm.
        serial: Meters whose P1 port is put on a real serial port: meter, port, modem line of the data request.
        endpoints: Where addresses and ports of all devices are written, None for nowhere.
        command_line: What was typed, for the run folder.
    """

    site: str
    bench: str
    exact_addresses: bool
    speed: str
    seed: int
    serial: tuple[tuple[str, str, str], ...]
    endpoints: Path | None
    command_line: tuple[str, ...]

    @property
    def factor(self) -> float:
        """Return the speed as a number."""
        return float(self.speed)


def keep(request: KeepRequest) -> int:
    """Run a farm until Ctrl-C (or SIGTERM), which is its normal end.

    Raises:
        BenchError: A device's task died; the text is its traceback.
        KeyboardInterrupt: It was stopped before the farm was up.
        ScenarioError: The site is wrong, or the endpoints file cannot be written.
    """
    if request.exact_addresses and request.bench != "compose":
        raise ScenarioError("--exact-addresses is for containers: add --bench compose.")
    site = load_site(request.site)
    for meter, port, line in request.serial:
        site = with_serial_port(site, meter, port, line)
    if request.endpoints is not None:
        _require_place(request.endpoints)
    folder = RunFolder.create(None)
    facts: dict[str, object] = {
        **surroundings(),
        "command_line": list(request.command_line),
        "site": site.name,
        "site_sha256": site.sha256,
        "bench": request.bench,
        "speed": request.speed,
        "seed": request.seed,
        "started": utc_now().isoformat(),
        "ended": None,
    }
    folder.write_run_json(facts)
    trace = TraceWriter(trace_path(folder.traces, "up"), test="up", site=site.name, seed=request.seed)
    console = Console(highlight=False, soft_wrap=True)
    clock: dict[str, object] = {}
    try:
        with _ctrl_c(), _bench(site, request, folder=folder, console=console, facts=facts) as bench:
            _run(bench, site, request, trace=trace, console=console, clock=clock)
    finally:
        facts |= {"ended": utc_now().isoformat(), "clock": clock, "trace_sha256": trace.close()}
        folder.write_run_json(facts)
    if clock.get("could_keep_up") is False:
        print(f"hil: the farm could not keep up: up to {clock['lag_max_s']:.1f} s behind at x{request.speed}.")
    print(f"trace: {os.path.relpath(trace.path)}")
    return 0


@contextmanager
def _bench(
    site: Site, request: KeepRequest, *, folder: RunFolder, console: Console, facts: dict[str, object]
) -> Iterator[Bench]:
    """Have what the farm lives on; it is this process with plant and side-band on every bench."""
    if request.bench == "embedded":
        yield embedded(request.speed)
        return
    from hil.compose.up import EngineContainers  # noqa: PLC0415  most farms do not need it

    containers = EngineContainers(
        folder.path, lambda text: console.print(text, markup=False), exact=request.exact_addresses
    )
    with containers.running():
        facts["compose"] = containers.facts
        yield compose(site, request.speed, containers, containers.token)


def _run(
    bench: Bench, site: Site, request: KeepRequest, *, trace: TraceWriter, console: Console, clock: dict[str, object]
) -> None:
    thread = FarmThread(bench.make_loop)
    with ExitStack() as stack:
        stack.callback(thread.close)
        stack.callback(lambda: clock.update(thread.loop.describe()))
        farm = Farm(bench, site, thread.loop, seed=request.seed, trace=trace)
        tester = Tester(farm)
        stack.callback(lambda: thread.run(_stop(farm, tester), STOP_REAL_S))
        is_up = False
        try:
            thread.run(farm.start())
            acts = {**verbs(tester), "do": by_hand.verb(lambda: Visit(farm, tester, thread))}
            sideband = HttpApi(lambda: state(tester), acts, token_at(TOKEN_FILE), title="hilfarm side-band")
            stack.callback(lambda: thread.run(sideband.stop(), STOP_REAL_S))
            thread.run(_start(sideband))
            is_up = True  # before anybody is told
            files = [file for file in (request.endpoints, client.farm_file(os.getpid())) if file is not None]
            for file in files:
                stack.callback(file.unlink, missing_ok=True)

            if _roots(tester):
                root = client.root_file(os.getpid())
                stack.callback(root.unlink, missing_ok=True)
                _write(root, farm.env.authority[0].decode("ascii"))

            def publish() -> None:
                where = endpoints(tester, sideband.url, bench.name)
                for file in files:
                    _write(file, json.dumps(where, indent=2) + "\n")

            publish()
            for line in thread.run(_headlines(tester, sideband.url, low_port_notice(farm.env.addresses))):
                console.print(line, markup=False)
            live = stack.enter_context(_live(console))
            thread.run(_watch(farm, tester, console, request.factor, live=live, publish=publish))
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second one does not spoil the stop
            console.print("stopping", markup=False)
            if not is_up:
                raise


def endpoints(tester: Tester, sideband_url: str, bench: str = "embedded") -> dict[str, Any]:
    """Return where everything of a running farm is reached, in a stable form."""
    return {
        "site": tester.site.name,
        "bench": bench,
        "sideband": {"url": sideband_url, "token_file": str(TOKEN_FILE)},
        "devices": {name: _endpoint(tester, name) for name in tester.site.seats},
    }


def _endpoint(tester: Tester, name: str) -> dict[str, Any]:
    spec = tester.site.require(name)
    heard = tester.ports.pseudo_terminal(name)
    serial = {} if heard is None else {"serial": heard}
    found = {"type": spec.family.type, **serial, **_port(tester, name), **_services(tester, name)}
    where = tester.ports.modbus_at(name)
    if where is None:  # it has none, or it is switched off in its parameters
        return found
    host, port = where
    modbus: dict[str, Any] = {"host": host, "port": port, "unit": spec.family.modbus_unit}
    if more := spec.family.modbus_more_units:
        modbus["more_units"] = list(more)
    charger = tester.site.devices.get(name)
    if charger is not None and len(charger.outlets) > 1:
        modbus["sockets"] = {one.name: spec.family.modbus_unit_of(one.number) for one in charger.outlets}
    return {**found, "modbus": modbus}


def _port(tester: Tester, name: str) -> dict[str, Any]:
    """Return the real serial port that a device sends on, nothing if it has none."""
    port = tester.ports.serial_ports().get(name)
    return {} if port is None else {"port": port}


def _services(tester: Tester, name: str) -> dict[str, Any]:
    """Return the URLs of a device's further servers, by their names; with TLS, the file of the root to trust too."""
    root = {"ca_file": str(client.root_file(os.getpid()))}
    return {
        what: {"url": url, **(root if urlsplit(url).scheme == TLS else {})}
        for what, url in tester.ports.services(name).items()
    }


def _roots(tester: Tester) -> set[str]:
    """Return the files of roots that clients of a farm have to trust; without TLS there are none."""
    services = [one for name in tester.site.seats for one in _services(tester, name).values()]
    return {one["ca_file"] for one in services if "ca_file" in one}


async def _headlines(tester: Tester, sideband_url: str, notice: str) -> list[str]:
    rows = [await _headline(tester, name) for name in tester.site.seats]
    widths = [max(len(row[i]) for row in rows) for i in range(3)] if rows else []
    return [
        *(
            "   ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]).rstrip()
            for row in rows
        ),
        *([notice] if notice else []),
        *(f"root certificate of this run: {file}" for file in _roots(tester)),
        f"side-band {sideband_url} (token in {TOKEN_FILE})",
        "Ctrl-C stops the farm.",
    ]


async def _headline(tester: Tester, name: str) -> tuple[str, str, str, str]:
    """Return name, product, where it is reached, and what part it plays."""
    spec = tester.site.require(name)
    where, endpoint = spec.address or "no network", _endpoint(tester, name)
    if (serial := endpoint.get("serial")) is not None:
        where = "serial {path}, {baudrate} {format}".format(**serial)
        if (port := endpoint.get("port")) is not None:
            where += f"; {port_text(port)}"
    elif (ocpp := endpoint.get("ocpp")) is not None:
        where += " -> OCPP 1.6J {url}/IDENTITY".format(**ocpp)
    elif (modbus := endpoint.get("modbus")) is not None:
        units = modbus.get("sockets", {"": modbus["unit"]}).items()
        where += " -> Modbus TCP {host}:{port} ".format(**modbus)
        where += ", ".join(f"{socket} unit {unit}".lstrip() for socket, unit in units)
    elif why := _closed(tester, name):
        where += f" -> {why}"
    has_page = spec.seat == "emulated" and spec.family.headline
    page = await tester.page(name).fields() if has_page else {}
    seat = [text.format(page[field]) for field, text in spec.family.headline.items() if page.get(field)]
    return name, spec.family.product, where, ", ".join(seat)


def _closed(tester: Tester, name: str) -> str:
    """Return why nobody outside reaches a device by its address, nothing where there is nothing to say."""
    family = tester.site.require(name).family
    if family.modbus_port is None:
        return ""
    why = tester.ports.modbus_closed_by(name)
    return f"no Modbus TCP: {why}" if why else ""


async def status(farm: Farm, tester: Tester, speed: float) -> str:
    """Return the status line: the site's time of day, the speed, the points, the main connection's currents."""
    seen = [await tester.vehicle(name).look() for name in tester.site.outlets]
    charging = sum(max(one.current_a) > LIVE_CURRENT_A for one in seen)
    supply_a = "/".join(f"{value:.1f}" for value in await tester.installation.current_a(SUPPLY))
    points = f"{charging} charging, {len(seen) - charging} idle"
    line = f"{tester.utc():%H:%M:%S}   x{speed:g}   {points}, {supply_a} A"
    if isinstance(farm.loop, ScaledLoop) and (lag_s := farm.lag_s()) > farm.loop.allowed_error_s:
        line += f"   was up to {lag_s:.1f} s behind"
    return line


async def _watch(
    farm: Farm, tester: Tester, console: Console, speed: float, *, live: Live | None, publish: Callable[[], None]
) -> None:
    """Show what happens until something dies, and publish the endpoints again when one of them changes.

    Raises:
        BenchError: With the traceback.
    """
    shown, ports = 0, tester.ports.serial_ports()
    if live is None:
        console.print(await status(farm, tester, speed), markup=False)
    while True:
        farm.check()
        for finding in tester.installation.findings[shown:]:
            console.print(f"{tester.utc():%H:%M:%S}   {finding.kind}: {finding.text}", markup=False)
        shown = len(tester.installation.findings)
        if (now := tester.ports.serial_ports()) != ports:
            for name, port in now.items():
                if port != ports.get(name):
                    console.print(f"{tester.utc():%H:%M:%S}   {name}: {port_text(port)}", markup=False)
            ports = now
            publish()
        if live is not None:
            live.update(Text(await status(farm, tester, speed)))
        await asyncio.sleep(LOOK_REAL_S * speed)


async def _start(sideband: HttpApi) -> None:
    try:
        await sideband.start()
    except OSError as error:
        raise BenchError(f"the side-band cannot start: {error}") from error


async def _stop(farm: Farm, tester: Tester) -> None:
    farm.env.mute()
    await tester.close()
    await farm.stop()


@contextmanager
def _live(console: Console) -> Iterator[Live | None]:
    """Return a live line on a terminal, None elsewhere."""
    if not console.is_terminal:
        yield None
        return
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        yield live


@contextmanager
def _ctrl_c() -> Iterator[None]:
    """Let SIGINT and SIGTERM end the farm, also where a shell started it in the background with SIGINT ignored."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _require_place(file: Path) -> None:
    """Refuse a file that cannot be written, before anything starts."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ScenarioError(f"--endpoints {file}: {error.filename} cannot be made ({error.strerror}).") from error
    if file.is_dir() or not os.access(file.parent, os.W_OK):
        raise ScenarioError(f"--endpoints {file} cannot be written. Allowed: a file in a folder of yours.")


def _write(file: Path, text: str) -> None:
    """Write a file at once: whoever waits for it never reads half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(file)
