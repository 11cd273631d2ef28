"""The channel by which the test runner, in its container, asks the run's own process for what only the engine can do.

A Unix socket in a private folder that is mounted into the runner. A request is a connection: one line of JSON with
``do``, one line back, an answer or ``error`` and ``text``. RequestServer are served one at a time.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Mapping
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Final

from hil.errors import BenchError, HilError, ScenarioError
from hil.process.containers import Act, Containers
from hil.site import Site, site_of

SOCKET: Final = "requests"  #: The socket's name in its folder.
MOUNTED: Final = "/run/hilfarm-host"  #: The folder in the runner.
HELLO_REAL_S: Final = 5.0  #: Who connects says what it wants within this time.
ANSWER_REAL_S: Final = 600.0  #: The longest that a site may take.
LONGEST_BYTES: Final = 1 << 22


class RequestServer:
    """Serves requests in a thread of its own until it is closed.

    Args:
        containers: Does what is asked for.

    Attributes:
        folder: The private folder with the socket.
    """

    def __init__(self, containers: Containers) -> None:
        self._containers = containers
        self.folder = Path(tempfile.mkdtemp(prefix="hilfarm-"))
        self._listener = socket.socket(socket.AF_UNIX)
        handle = os.open(self.folder, os.O_RDONLY)
        try:  # by the folder's descriptor: a socket's own path must be shorter than 108 bytes
            self._listener.bind(f"/proc/self/fd/{handle}/{SOCKET}")
        finally:
            os.close(handle)
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, name="requests", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Finish what is being done, then serve no more."""
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread
        self._thread.join()
        self._listener.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:  # closed
                return
            with sock:
                sock.settimeout(HELLO_REAL_S)
                try:
                    sock.sendall(json.dumps(self._answer(_line(sock))).encode() + b"\n")
                except OSError:  # nobody waits for the answer any more
                    continue

    def _answer(self, line: bytes) -> dict[str, object]:
        try:
            request = _decoded(line)
            match request.get("do"):
                case "site":
                    site = site_of(request["document"], ref=request["ref"])
                    return {"subnets": {name: str(one) for name, one in self._containers.need(site).items()}}
                case "kill" | "start" | "pause" | "resume" as what:
                    self._containers.act(what, request["device"])
                    return {}
            raise BenchError(f"{line[:80]!r} is no request.")
        except ScenarioError as error:
            return {"error": "scenario", "text": str(error)}
        except HilError as error:
            return {"error": "bench", "text": str(error)}
        except Exception as error:  # a bug of the farm's own: it must not leave the runner without an answer
            return {"error": "bench", "text": f"{type(error).__name__}: {error}"}


class RunChannel:
    """The run's own process, asked over the channel (``hil.process.containers.Containers``).

    Args:
        path: The socket.
    """

    on_host = False

    def __init__(self, path: Path) -> None:
        self._path = path

    def need(self, site: Site) -> Mapping[str, IPv4Network]:
        """Have the containers of a site."""
        answer = self._ask({"do": "site", "ref": site.ref, "document": site.document})
        return {name: IPv4Network(one) for name, one in answer["subnets"].items()}

    def act(self, what: Act, device: str) -> None:
        """Do something to a container."""
        self._ask({"do": what, "device": device})

    def _ask(self, request: Mapping[str, object]) -> dict[str, Any]:
        try:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(ANSWER_REAL_S)
                sock.connect(str(self._path))
                sock.sendall(json.dumps(request).encode() + b"\n")
                answer = _decoded(_line(sock))
        except OSError as error:
            raise BenchError(f"the process that has started this run does not answer: {error}") from error
        if "error" in answer:
            raise (ScenarioError if answer["error"] == "scenario" else BenchError)(answer["text"])
        return answer


def _line(sock: socket.socket) -> bytes:
    with sock.makefile("rb") as lines:
        return lines.readline(LONGEST_BYTES)


def _decoded(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise BenchError(f"{line[:80]!r} is no message of the request channel.")
    return message
