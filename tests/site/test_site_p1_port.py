"""A P1 meter on a real serial port: the data request is a modem line there. Read by pyserial and dsmr-parser."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import termios
import tty
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import serial
from dsmr_parser import telegram_specifications
from dsmr_parser.clients.telegram_buffer import TelegramBuffer
from dsmr_parser.parsers import TelegramParser

from emulators.kit.host import SerialSettings
from hil.bench.farm import Farm
from hil.clock import make_loop
from hil.errors import ScenarioError
from hil.lines.adapter import Adapter
from hil.run.benches import embedded
from hil.site import load_site, with_serial_port
from hil.trace import TraceWriter
from tests.site.null_modem import NullModem
from tests.site.running import Up

SITE = """
site: port
loads: {house: {feeder: supply, current_a: 10/5/0}}
pv: {roof: {feeder: supply, current_a: 0/12/0}}
meters:
  M1: {type: dsmr_p1}
"""
QUIET_REAL_S = 1.3  #: A 5.0 meter that sends begins a telegram in each such time.
AT_MOST_REAL_S = 5.0
TELEGRAM = 500  #: A 5.0 telegram of three phases is longer [bytes].


@pytest.fixture
def cable() -> Iterator[NullModem]:
    with NullModem() as found:
        yield found


def reader(url: str, baudrate: int = 115200) -> Any:
    """Return a client by others at the far end, which does not ask for data yet."""
    port = serial.serial_for_url(url, baudrate, timeout=AT_MOST_REAL_S, do_not_open=True)
    port.rts = port.dtr = False
    port.open()
    return port


def telegram(port: Any) -> tuple[bytes, Any]:
    """Return what is heard up to the end of a telegram, and what dsmr-parser makes of it (it checks the CRC)."""
    heard = port.read_until(b"!") + port.read(6)
    buffer = TelegramBuffer()
    buffer.append(heard.decode("latin-1"))
    (text,) = buffer.get_all()
    return heard, TelegramParser(telegram_specifications.V5).parse(text)


def quiet(port: Any) -> bytes:
    """Return what is heard in a time in which a meter that sends would have begun a telegram."""
    port.timeout = QUIET_REAL_S
    heard = bytes(port.read(4096))
    port.timeout = AT_MOST_REAL_S
    return heard


def requested(up: Up, is_requested: bool) -> None:
    up.until("the line is seen", lambda state: state["ports"]["M1"]["is_requested"] is is_requested)


@pytest.mark.parametrize(("line", "drives"), [("cts", "rts"), ("dsr", "dtr"), ("cd", "dtr")])
def test_telegrams_come_while_the_reader_asks_for_them(
    cable: NullModem, tmp_path: Path, line: str, drives: str
) -> None:
    link = f"links: [{{kind: p1, between: [M1, outside], port: '{cable.ours.url}', data_request: {line}}}]\n"
    (tmp_path / "site.yaml").write_text(SITE + link, encoding="utf-8")
    with reader(cable.theirs.url) as port, Up(tmp_path, "site.yaml") as up:
        at = up.endpoints["devices"]["M1"]["port"]
        assert (at["port"], at["line"], at["is_requested"]) == (cable.ours.url, line, False)
        assert f"port {cable.ours.url}, 115200 8N1, data request ({line}) released" in up.lines[0]
        assert quiet(port) == b""
        setattr(port, drives, True)
        heard, first = telegram(port)
        assert heard.startswith(b"/")  # it begins with a telegram, not somewhere inside
        assert [first.INSTANTANEOUS_CURRENT_L1.value, first.INSTANTANEOUS_CURRENT_L2.value] == [10, 7]
        requested(up, True)
        heard = port.read(256)  # inside the second telegram
        setattr(port, drives, False)
        heard += quiet(port)
        assert heard.startswith(b"/")
        assert len(heard) < TELEGRAM
        assert b"!" not in heard
        assert quiet(port) == b""
        requested(up, False)
        setattr(port, drives, True)
        assert telegram(port)[0].startswith(b"/")
        assert up.end(signal.SIGINT) == 0, up.text
    lines = [line for line in up.lines if "M1: port" in line]
    assert [line.rpartition(" ")[2] for line in lines][:2] == ["asserted", "released"]


def test_the_command_line_says_it_for_a_shipped_site_and_a_cut_cable_asks_for_nothing(
    cable: NullModem, tmp_path: Path
) -> None:
    with reader(cable.theirs.url) as port, Up(tmp_path, "alfen/alb-p1", "--serial", f"P1={cable.ours.url}") as up:
        assert (cable.ours.baudrate, cable.ours.bytesize, cable.ours.parity) == (115200, 8, "N")
        port.rts = True
        telegram(port)
        assert up.ask("POST", "/v1/cut", {"device": "P1", "other": "outside"})[0] == 200
        assert up.ask("GET", "/v1/state")[1]["ports"]["P1"]["is_requested"] is False
        port.read_until(b"!")
        port.reset_input_buffer()
        assert quiet(port) == b""
        assert up.ask("POST", "/v1/restore", {"device": "P1", "other": "outside"})[0] == 200
        telegram(port)
        assert up.end(signal.SIGINT) == 0, up.text


def test_a_port_that_goes_away_is_told_and_taken_again(cable: NullModem, tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE.replace("dsmr_p1", "dsmr_p1, firmware: '3.0'"), encoding="utf-8")
    with (
        reader(cable.theirs.url, 9600) as port,
        Up(tmp_path, "site.yaml", "--serial", f"M1={cable.ours.url},dsr") as up,
    ):
        ours = cable.ours
        assert (ours.baudrate, ours.bytesize, ours.parity, ours.stopbits) == (9600, 7, "E", 1)
        port.dtr = True
        assert port.read(1) == b"/"
        ours.hang_up()
        up.until("it is gone", lambda state: "is gone" in state["ports"]["M1"]["trouble"])
        assert up.ask("GET", "/v1/state")[1]["ports"]["M1"]["is_requested"] is False
        up.until("it is back", lambda state: not state["ports"]["M1"]["trouble"])
        requested(up, True)
        assert b"/" in port.read_until(b"!")
        assert up.end(signal.SIGINT) == 0, up.text
    assert any("M1: " in line and "is gone" in line for line in up.lines)
    trace = (up.folder / up.lines[-1].removeprefix("trace: ")).read_text(encoding="utf-8")
    events = [json.loads(line) for line in trace.splitlines() if '"serial_port"' in line]
    assert [event["state"] for event in events] == ["gone", "back"]


@pytest.fixture
def pty(tmp_path: Path) -> Iterator[tuple[int, str]]:
    """A serial port of this machine without modem lines, and its other end."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    yield ours, os.ttyname(theirs)
    os.close(ours)
    os.close(theirs)


def test_bytes_go_out_at_a_port_of_this_machine(pty: tuple[int, str], tmp_path: Path) -> None:
    ours, path = pty
    with Up(tmp_path, "alfen/alb-p1", "--serial", f"P1={path},always") as up:
        buffer, found = TelegramBuffer(), []
        while len(found) < 2:
            buffer.append(os.read(ours, 4096).decode("latin-1"))
            found += [TelegramParser(telegram_specifications.V5).parse(text) for text in buffer.get_all()]
        assert found[0].P1_MESSAGE_TIMESTAMP.value < found[1].P1_MESSAGE_TIMESTAMP.value
        with pytest.raises(serial.SerialException, match="exclusively"):
            serial.Serial(path, exclusive=True)
        assert up.ask("GET", "/v1/state")[1]["ports"]["P1"]["is_requested"] is True
        assert up.end(signal.SIGINT) == 0, up.text


def test_a_pty_takes_any_format_and_is_taken_again(tmp_path: Path) -> None:
    """A pty has no 7E1: to ask for it is an error the second time (termios.error, which is no OSError)."""
    (tmp_path / "site.yaml").write_text(SITE.replace("dsmr_p1", "dsmr_p1, firmware: '3.0'"), encoding="utf-8")
    path = tmp_path / "ttyUSB0"
    with ExitStack() as stack:

        def plug_in() -> int:
            ours, theirs = os.openpty()
            tty.setraw(theirs)
            serial.Serial(os.ttyname(theirs), 9600, serial.SEVENBITS, serial.PARITY_EVEN).close()  # for the first time
            path.unlink(missing_ok=True)
            path.symlink_to(os.ttyname(theirs))
            stack.callback(os.close, theirs)
            return ours

        ours = plug_in()
        with Up(tmp_path, "site.yaml", "--serial", f"M1={path},always") as up:
            for _ in range(2):
                assert b"/" in os.read(ours, 4096)
                stack.close()
                os.close(ours)
                up.until("it is gone", lambda state: "is gone" in state["ports"]["M1"]["trouble"])
                ours = plug_in()
                up.until("it is back", lambda state: not state["ports"]["M1"]["trouble"])
            assert os.read(ours, 4096)
            assert up.end(signal.SIGINT) == 0, up.text
        os.close(ours)


def test_a_port_that_cannot_have_the_format_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_words: object, **_more: object) -> None:
        raise termios.error(22, "Invalid argument")

    monkeypatch.setattr(serial, "serial_for_url", refuse)
    said = refusal(tmp_path, "/dev/ttyUSB77")
    assert said == "M1: the serial port /dev/ttyUSB77 cannot be set to 115200 8N1: Invalid argument."


def refusal(tmp_path: Path, port: str, data_request: str = "cts", speed: float | str = 1.0) -> str:
    """Return what a farm says that cannot start because of a port; nothing of it stays."""
    link = f"links: [{{kind: p1, between: [M1, outside], port: '{port}', data_request: {data_request}}}]\n"
    (tmp_path / "site.yaml").write_text(SITE + link, encoding="utf-8")
    loop = make_loop(speed)

    async def main() -> None:
        number = len(list(tmp_path.iterdir()))
        trace = TraceWriter(tmp_path / f"{number}.jsonl", test="port", site="port", seed=0)
        farm = Farm(embedded(str(speed)), load_site(tmp_path / "site.yaml"), loop, seed=0, trace=trace)
        try:
            await farm.start()
        finally:
            await farm.stop()
            trace.close()

    files = len(os.listdir("/proc/self/fd"))
    with pytest.raises(ScenarioError) as found, asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())
    assert len(os.listdir("/proc/self/fd")) <= files
    return str(found.value)


@pytest.mark.parametrize("speed", ["max", 10.0, 0.5])
def test_a_real_port_wants_real_time(tmp_path: Path, speed: float | str) -> None:
    said = refusal(tmp_path, "/dev/ttyUSB77", speed=speed)
    assert said == "M1: the serial port /dev/ttyUSB77 works in real time only. Allowed: --speed 1."


def test_a_port_that_cannot_be_opened(tmp_path: Path, pty: tuple[int, str]) -> None:
    _, path = pty
    assert "M1: the serial port /dev/ttyUSB77 is not there. Serial ports of this machine:" in refusal(
        tmp_path, "/dev/ttyUSB77"
    )
    assert "/dev/null is no serial port." in refusal(tmp_path, "/dev/null")
    assert "rfc2217://127.0.0.1:1 cannot be opened:" in refusal(tmp_path, "rfc2217://127.0.0.1:1")
    assert "unknown option: 'polls'" in refusal(tmp_path, "rfc2217://127.0.0.1:1?polls")
    with serial.Serial(path, exclusive=True):
        assert f"{path} is busy: another program has it open." in refusal(tmp_path, path, "always")
    said = refusal(tmp_path, path)
    assert f"{path} tells nothing of its modem lines" in said
    assert said.endswith(f"Allowed: 'data_request: always' (--serial M1={path},always).")


def test_a_port_that_this_user_may_not_open_names_the_group(pty: tuple[int, str]) -> None:
    _, path = pty
    os.chmod(path, 0)
    loop = make_loop(1.0)
    port = Adapter(loop, "M1", port=path, data_request="cts", settings=SerialSettings(), told=print)
    before = os.geteuid()
    with asyncio.Runner(loop_factory=lambda: loop) as runner, pytest.raises(ScenarioError) as found:
        with suppress(PermissionError):  # only root may become somebody else, and has to: it may open everything
            os.seteuid(65534)
        try:
            runner.run(port.open())
        finally:
            os.seteuid(before)
    assert f"{path} may not be opened. Fix: sudo usermod -aG " in str(found.value)
    assert "-aG dialout $USER" in str(found.value) or "-aG tty $USER" in str(found.value)


def test_wrong_words_on_the_command_line() -> None:
    site = load_site("alfen/alb-p1")
    for meter, port, says in (
        ("P9", "/dev/ttyUSB0", "there is no device 'P9'. Did you mean 'P1'?"),
        ("CP1", "/dev/ttyUSB0", "a P1 cable joins one meter and one reader, not CP1 and outside."),
        ("P1", "COM3", "'COM3' is no serial port. Allowed: /dev/ttyUSB0, or rfc2217://HOST:PORT."),
    ):
        with pytest.raises(ScenarioError) as found:
            with_serial_port(site, meter, port, "cts")
        assert says in str(found.value)
    once = with_serial_port(site, "P1", "/dev/ttyUSB0", "cts")
    twice = with_serial_port(once, "P1", "/dev/ttyUSB1", "ri")
    assert [link.port for link in twice.outside_ports().values()] == ["/dev/ttyUSB1"]
    assert len({one.sha256 for one in (site, once, twice)}) == 3
