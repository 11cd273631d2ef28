"""A worker process that is this process over again, and looks to asyncio like one that was started by a command."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import NoReturn


class Forked:
    """A child of this process, in a session of its own.

    Attributes:
        pid: Its process id.
        stdin: Where its standard input is written.
        stdout: Where its standard output is read.
        stderr: Where its standard error is read.
    """

    def __init__(
        self, pid: int, stdin: asyncio.StreamWriter, stdout: asyncio.StreamReader, stderr: asyncio.StreamReader
    ) -> None:
        self.pid, self.stdin, self.stdout, self.stderr = pid, stdin, stdout, stderr
        self._code: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._watch_fd = os.pidfd_open(pid)
        asyncio.get_running_loop().add_reader(self._watch_fd, self._ended)

    @classmethod
    async def start(cls, work: Callable[[], None], *, limit: int) -> Forked:
        """Fork; the child does the work and ends.

        Args:
            work: What it does with its standard streams.
            limit: Longest line that is read from it [bytes].
        """
        pipes = [os.pipe() for _ in range(3)]
        (in_read, in_write), (out_read, out_write), (err_read, err_write) = pipes
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            if stream is not None:
                stream.flush()  # what is left in a buffer would be written twice
        with warnings.catch_warnings():
            # A terminal's live line is drawn by a thread: the child has streams of its own, and never its lock.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            _be_the_child(work, (in_read, out_write, err_write), [fd for pipe in pipes for fd in pipe])
        for fd in (in_read, out_write, err_write):
            os.close(fd)
        loop = asyncio.get_running_loop()

        async def reader(fd: int) -> asyncio.StreamReader:
            stream = asyncio.StreamReader(limit=limit)
            await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(fd, "rb", 0))
            return stream

        transport, protocol = await loop.connect_write_pipe(
            lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), os.fdopen(in_write, "wb", 0)
        )
        stdin = asyncio.StreamWriter(transport, protocol, None, loop)
        return cls(pid, stdin, await reader(out_read), await reader(err_read))

    def send_signal(self, number: int) -> None:
        """Send it a signal; nothing happens to one that has ended."""
        if not self._code.done():
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        """Return its exit code when it has ended, negative for the signal that ended it."""
        return await asyncio.shield(self._code)

    def _ended(self) -> None:
        asyncio.get_running_loop().remove_reader(self._watch_fd)
        os.close(self._watch_fd)
        _, status = os.waitpid(self.pid, 0)
        self._code.set_result(os.waitstatus_to_exitcode(status))


def _be_the_child(work: Callable[[], None], ends: tuple[int, int, int], pipes: list[int]) -> NoReturn:
    """Do the work with other standard streams, and never return into the parent's code."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)  # the parent's loop
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.setsid()  # the terminal's Ctrl-C comes once, from the parent
        for number, fd in enumerate(ends):
            os.dup2(fd, number)
        for fd in pipes:
            os.close(fd)
        sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", closefd=False)  # type: ignore[misc]  # noqa: SIM115
        sys.stdout = sys.__stdout__ = open(1, "w", encoding="utf-8", buffering=1, closefd=False)  # type: ignore[misc]  # noqa: SIM115
        sys.stderr = sys.__stderr__ = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # type: ignore[misc]  # noqa: SIM115
        work()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # nothing of the child's may reach the parent's handlers
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)
