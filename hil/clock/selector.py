"""An epoll selector that asks its loop what to do and reports ready files in the order they were registered."""

from __future__ import annotations

import select
import selectors
from collections.abc import Callable
from typing import Any

ReadyList = list[tuple[selectors.SelectorKey, int]]


class FarmSelector(selectors.EpollSelector):
    """Epoll whose `select` is decided by the clock, and whose answers do not depend on the kernel's arrival order.

    Attributes:
        only: The one file that is looked at for now, None for all.
    """

    def __init__(self) -> None:
        super().__init__()
        self.decide: Callable[[float | None], ReadyList] = self.poll
        self.only: int | None = None
        self._order: dict[int, int] = {}
        self._registrations = 0
        self._keys: dict[int, selectors.SelectorKey] = self._fd_to_key  # type: ignore[attr-defined]
        self._epoll: select.epoll = self._selector  # type: ignore[attr-defined]

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = super().register(fileobj, events, data)
        self._registrations += 1
        self._order[key.fd] = self._registrations
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = super().unregister(fileobj)
        self._order.pop(key.fd, None)
        return key

    def select(self, timeout: float | None = None) -> ReadyList:
        return self.decide(timeout)

    def reads(self, fd: int) -> bool:
        """Return whether somebody waits for input on the file."""
        key = self._keys.get(fd)
        return key is not None and bool(key.events & selectors.EVENT_READ)

    def poll(self, real_timeout_s: float | None) -> ReadyList:
        """Return what is ready, oldest registration first; None waits for ever."""
        keys = self._keys
        try:
            found = self._epoll.poll(-1 if real_timeout_s is None else real_timeout_s, len(keys) or 1)
        except InterruptedError:
            return []
        if self.only is not None:
            found = [one for one in found if one[0] == self.only]
        if not found:
            return []
        if len(found) > 1:
            order = self._order
            found.sort(key=lambda item: order.get(item[0], 0))
        ready: ReadyList = []
        for fd, event in found:
            key = keys.get(fd)
            if key is not None:
                mask = (selectors.EVENT_WRITE if event & ~select.EPOLLIN else 0) | (
                    selectors.EVENT_READ if event & ~select.EPOLLOUT else 0
                )
                ready.append((key, mask & key.events))
        return ready
