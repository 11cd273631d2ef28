"""Who may charge: local authorization list, cache, and what holds without the backend (OCPP 1.6, 3.5). Sans-I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from emulators.kit.ocpp.point.keys import Keys
from emulators.kit.ocpp.wire.payload import timestamp
from emulators.kit.ocpp.wire.rpc import Payload

ACCEPTED: Final = "Accepted"
CACHE_LENGTH: Final = 500  #: Entries; the one that has not been told for the longest time makes room (chosen).


@dataclass(frozen=True, slots=True)
class IdTagInfo:
    """What is known of a card (7.27).

    Attributes:
        status: ``Accepted``, ``Blocked``, ``Expired``, ``Invalid`` or ``ConcurrentTx``.
        parent_id_tag: Its group.
        expiry_utc_ns: From then on it is not accepted any more [ns since 1970].
    """

    status: str
    parent_id_tag: str | None = None
    expiry_utc_ns: int | None = None

    @classmethod
    def from_payload(cls, payload: Payload) -> IdTagInfo:
        """Read an ``IdTagInfo``.

        Raises:
            PayloadError: Its time is none.
        """
        expiry = payload.get("expiryDate")
        return cls(payload["status"], payload.get("parentIdTag"), None if expiry is None else timestamp(expiry))

    def accepted(self, utc_ns: int) -> bool:
        """Return whether the card may charge at a moment of the device's clock."""
        return self.status == ACCEPTED and (self.expiry_utc_ns is None or utc_ns < self.expiry_utc_ns)


class IdTags:
    """The local list and the cache of one charge point; a card's number is compared without its case (CiString20).

    Args:
        keys: What is enabled.

    Attributes:
        version: Of the local list; 0: it is empty.
        revision: Rises with each change.
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._list: dict[str, Payload] = {}
        self._cache: dict[str, Payload] = {}
        self.version = 0
        self.revision = 0

    def known(self, id_tag: str) -> IdTagInfo | None:
        """Return what is known here of a card: the list goes before the cache (3.5.3)."""
        tag = id_tag.casefold()
        if self._keys.flag("LocalAuthListEnabled") and tag in self._list:
            return IdTagInfo.from_payload(self._list[tag])
        if self._keys.flag("AuthorizationCacheEnabled") and tag in self._cache:
            return IdTagInfo.from_payload(self._cache[tag])
        return None

    def pre_authorized(self, id_tag: str, utc_ns: int) -> IdTagInfo | None:
        """Return what lets a card charge without asking while the backend is there (``LocalPreAuthorize``)."""
        info = self.known(id_tag) if self._keys.flag("LocalPreAuthorize") else None
        return info if info is not None and info.accepted(utc_ns) else None

    def offline(self, id_tag: str, utc_ns: int) -> IdTagInfo | None:
        """Return what lets a card charge without the backend; None: it may not."""
        info = self.known(id_tag)
        if info is None:
            return IdTagInfo(ACCEPTED) if self._keys.flag("AllowOfflineTxForUnknownId") else None
        return info if self._keys.flag("LocalAuthorizeOffline") and info.accepted(utc_ns) else None

    def told(self, id_tag: str, payload: Payload) -> bool:
        """Take what the central system says of a card; return whether the local list says otherwise."""
        tag = id_tag.casefold()
        if tag in self._list and self._keys.flag("LocalAuthListEnabled"):
            return bool(self._list[tag]["status"] != payload["status"])
        if self._keys.flag("AuthorizationCacheEnabled"):
            self._cache.pop(tag, None)
            self._cache[tag] = payload
            if len(self._cache) > CACHE_LENGTH:
                del self._cache[next(iter(self._cache))]
            self.revision += 1
        return False

    def clear_cache(self) -> bool:
        """Forget the cache; return whether this device has one."""
        self._cache.clear()
        self.revision += 1
        return self._keys.flag("AuthorizationCacheEnabled")

    def update(self, payload: Payload) -> str:
        """Take a ``SendLocalList``; return its ``UpdateStatus`` (5.15).

        Raises:
            PayloadError: An entry's time is none.
        """
        if not self._keys.flag("LocalAuthListEnabled"):
            return "NotSupported"
        entries: list[Payload] = payload.get("localAuthorizationList", [])
        is_full = payload["updateType"] == "Full"
        version: int = payload["listVersion"]
        if version < 1:
            return "Failed"  # 0 is the empty list's, -1 means that there is none (5.10)
        if not is_full and version <= self.version:
            return "VersionMismatch"
        tags = [entry["idTag"].casefold() for entry in entries]
        if len(entries) > self._keys.integer("SendLocalListMaxLength") or len(set(tags)) < len(tags):
            return "Failed"
        new = {} if is_full else dict(self._list)
        for tag, entry in zip(tags, entries, strict=True):
            info = entry.get("idTagInfo")
            if info is not None:
                IdTagInfo.from_payload(info)
                new[tag] = info
            elif is_full:
                return "Failed"
            else:
                new.pop(tag, None)
        if len(new) > self._keys.integer("LocalAuthListMaxLength"):
            return "Failed"
        self._list, self.version = new, version
        self.revision += 1
        return ACCEPTED

    def as_json(self) -> Payload:
        """Return list and cache."""
        return {"version": self.version, "list": self._list, "cache": self._cache}

    def restore(self, kept: Payload) -> None:
        """Take what :meth:`as_json` returned."""
        self.version, self._list, self._cache = kept["version"], dict(kept["list"]), dict(kept["cache"])
