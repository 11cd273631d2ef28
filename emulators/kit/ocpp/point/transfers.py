"""Firmware, diagnostics and logs (OCPP 1.6, 4.3, 4.4, 5.9, 5.19 and the security extension): simulated. Sans-I/O.

No file is fetched, written or sent. What the central system sees is the sequence of states with the times below; a
location whose scheme no station speaks fails, after the retries that were asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from emulators.kit.host import NS_PER_S
from emulators.kit.ocpp.wire.rpc import Payload

DOWNLOAD_S: Final = 30  #: Simulated.
VERIFY_S: Final = 5  #: Simulated.
INSTALL_S: Final = 60  #: Simulated.
UPLOAD_S: Final = 10  #: Simulated.
RETRY_S: Final = 60  #: Between two tries, where the central system does not say (chosen).
MOST_RETRIES: Final = 100  #: More are not made (chosen).
SCHEMES: Final = ("http", "https", "ftp", "ftps", "sftp")
WAITS_FOR_IDLE: Final = "Installing"  #: A station installs while nobody charges.

FIRMWARE: Final = "FirmwareStatusNotification"
SIGNED_FIRMWARE: Final = "SignedFirmwareStatusNotification"
DIAGNOSTICS: Final = "DiagnosticsStatusNotification"
LOG: Final = "LogStatusNotification"

Steps = list[tuple[int, str]]  #: States that come, each with the time after the one before [s].
_FETCH: Final[Steps] = [(0, "Downloading"), (DOWNLOAD_S, "Downloaded")]
_INSTALL: Final[Steps] = [(0, WAITS_FOR_IDLE), (INSTALL_S, "Installed")]
_SEND: Final[Steps] = [(0, "Uploading"), (UPLOAD_S, "Uploaded")]
#: How a transfer goes, by the action that tells it, and its state where the location is no good.
_COURSES: Final[dict[str, tuple[Steps, str]]] = {
    FIRMWARE: ([*_FETCH, *_INSTALL], "DownloadFailed"),
    SIGNED_FIRMWARE: ([*_FETCH, (VERIFY_S, "SignatureVerified"), *_INSTALL], "DownloadFailed"),
    DIAGNOSTICS: (_SEND, "UploadFailed"),
    LOG: (_SEND, "UploadFailure"),
}


@dataclass(slots=True)
class Job:
    """A transfer.

    Attributes:
        steps: What is to come.
        at_ns: When the next one does [farm time].
        status: The state it is in.
        request_id: ``requestId`` of the security extension's messages.
    """

    steps: Steps
    at_ns: int
    status: str = "Idle"
    request_id: int | None = None


class Transfers:
    """The transfers of one charge point, one of each kind at a time.

    Args:
        send: Gets each notification: action and payload.
    """

    def __init__(self, send: Callable[[str, Payload], None]) -> None:
        self._send = send
        self._jobs: dict[str, Job] = {}

    def begin(self, action: str, location: str, at_ns: int, asked: Payload) -> bool:
        """Begin a transfer; return whether it takes the place of one that was under way.

        Args:
            action: What tells its states.
            location: Where from or where to.
            at_ns: Farm time.
            asked: The request, for ``retries``, ``retryInterval`` and ``requestId``.
        """
        was_busy = self.is_busy(action)
        steps, bad = _COURSES[action]
        if location.partition("://")[0].lower() not in SCHEMES:
            again = min(asked.get("retries", 0), MOST_RETRIES)
            pause_s = max(asked.get("retryInterval", RETRY_S), 0)
            first = steps[0][1]
            steps = [(0, first), *[(pause_s, first)] * again, (DOWNLOAD_S, bad)]
        self._jobs[action] = Job([*steps], at_ns, request_id=asked.get("requestId"))
        return was_busy

    def is_busy(self, action: str) -> bool:
        """Return whether a transfer is under way whose states are told by an action."""
        return action in self._jobs and bool(self._jobs[action].steps)

    def state(self, action: str) -> Payload:
        """Return the payload that tells the state of now; ``Idle`` once a transfer is over (4.3, 4.4)."""
        if not self.is_busy(action):
            return {"status": "Idle"}
        return self._told(self._jobs[action])

    def advance(self, now_ns: int, *, is_idle: bool) -> None:
        """Let time pass.

        Args:
            now_ns: Farm time.
            is_idle: Nobody charges.
        """
        for action, job in self._jobs.items():
            while job.steps and now_ns >= job.at_ns:
                if job.steps[0][1] == WAITS_FOR_IDLE and not is_idle:
                    break
                _, job.status = job.steps.pop(0)
                self._send(action, self._told(job))
                if job.steps:
                    job.at_ns = max(job.at_ns, now_ns if job.status == WAITS_FOR_IDLE else 0)
                    job.at_ns += job.steps[0][0] * NS_PER_S

    def due_ns(self, *, is_idle: bool) -> list[int]:
        """Return when something is due [farm time]."""
        waiting = [job for job in self._jobs.values() if job.steps]
        return [job.at_ns for job in waiting if is_idle or job.steps[0][1] != WAITS_FOR_IDLE]

    @staticmethod
    def _told(job: Job) -> Payload:
        told: Payload = {"status": job.status}
        return told if job.request_id is None else told | {"requestId": job.request_id}
