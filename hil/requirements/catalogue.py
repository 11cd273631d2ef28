"""The requirement catalogues: one entry per testable statement of a manufacturer's document."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args

from ruamel.yaml import YAML

from hil.errors import ScenarioError

FOLDER: Final = Path(__file__).parent
ID: Final = re.compile(r"[A-Z]{3}-[A-Z0-9]+-\d{3}")  #: The shape of an id, and of a tag that claims to be one.

ReasonKind = Literal["web-interface", "later-issue", "not-testable"]

_NOT_TESTABLE: Final = "Not testable by software:"
#: How the catalogues mark a number or an expectation that the document does not print.
_DERIVED: Final = re.compile(r"\b(derived|inferred|proposed|proposals?)\b", re.IGNORECASE)
#: The catalogues grew apart in words; the suites know one word for a thing.
_SAME_STIMULUS: Final = {"digital-input": "digital-contact"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One testable statement; the fields are those of the catalogues.

    Attributes:
        id: Vendor prefix, area, number, never given to another statement.
        section: Heading of the source, with table and row where there is one.
        kind: behaviour, parameter, interface, limit, procedure, ui, compatibility or erratum.
        statement: What the document says, in our words with its numbers.
        given: Rig and settings.
        when: Actions in order.
        then: Expectations.
        observable_via: Channels on which it can be seen.
        stimulus: What has to be done to see it, in one vocabulary.
        hardware: ``both`` or ``emulated-only``.
        ambiguity: What the source leaves open and how it is read here, empty when nothing is open.
    """

    id: str
    section: str
    kind: str
    statement: str
    given: tuple[str, ...]
    when: tuple[str, ...]
    then: tuple[str, ...]
    observable_via: tuple[str, ...]
    stimulus: tuple[str, ...]
    hardware: str
    ambiguity: str = ""

    @property
    def derived(self) -> bool:
        """Return whether an expectation rests on numbers that the document does not print."""
        return bool(_DERIVED.search(self.ambiguity))

    @property
    def not_testable(self) -> str | None:
        """Return why no software can show this statement, None when a test can."""
        if not self.ambiguity.startswith(_NOT_TESTABLE):
            return None
        return self.ambiguity.removeprefix(_NOT_TESTABLE).strip()

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Entry:
        """Return the entry of one row of a catalogue file."""

        def words(name: str) -> tuple[str, ...]:
            return tuple(str(one) for one in row[name])

        return cls(
            id=row["id"],
            section=row["section"],
            kind=row["kind"],
            statement=row["statement"],
            given=words("given"),
            when=words("when"),
            then=words("then"),
            observable_via=words("observable_via"),
            stimulus=tuple(dict.fromkeys(_SAME_STIMULUS.get(word, word) for word in words("stimulus"))),
            hardware=row["hardware"],
            ambiguity=row.get("ambiguity", ""),
        )


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an entry has no test.

    Attributes:
        kind: Needs the devices' web interface, needs something that comes later, or no software can show it.
        text: One sentence.
    """

    kind: ReasonKind
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


class Catalogue(Mapping[str, Entry]):
    """Entries by id, in the order of the files, and the reasons why some have no test."""

    def __init__(self, entries: Mapping[str, Entry], reasons: Mapping[str, Reason]) -> None:
        self._entries = dict(entries)
        self._reasons = dict(reasons)

    @staticmethod
    def load() -> Catalogue:
        """Return the catalogues that the package ships.

        Raises:
            ScenarioError: A file repeats an id, or a reason names an id that no catalogue has.
        """
        return _shipped()

    def __getitem__(self, entry_id: str) -> Entry:
        return self._entries[entry_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def reason(self, entry_id: str) -> Reason | None:
        """Return the recorded reason why an entry has no test."""
        why = self._entries[entry_id].not_testable
        return Reason("not-testable", why) if why else self._reasons.get(entry_id)


@cache
def _shipped() -> Catalogue:
    entries: dict[str, Entry] = {}
    for path in sorted((FOLDER / "catalogues").glob("*.yaml")):
        for row in _rows(path):
            entry = Entry.of(row)
            if entry.id in entries:
                raise ScenarioError(f"{path.name}: id {entry.id} is given twice.")
            entries[entry.id] = entry
    return Catalogue(entries, read_reasons(FOLDER / "reasons.yaml", entries))


def read_reasons(path: Path, entries: Mapping[str, Entry]) -> dict[str, Reason]:
    """Return the reasons of a file by id; a range ``MEN-SUB-019..021`` stands for all its ids.

    Raises:
        ScenarioError: An unknown id or kind, an id with two reasons, or an empty text.
    """
    reasons: dict[str, Reason] = {}
    for row in _rows(path):
        kind, text = row["kind"], str(row["text"]).strip()
        if kind not in get_args(ReasonKind) or not text:
            raise ScenarioError(
                f"{path.name}: {row['ids']}: kind {kind!r} is none of {', '.join(get_args(ReasonKind))}."
            )
        for entry_id in _expand(row["ids"]):
            if entry_id not in entries:
                raise ScenarioError(f"{path.name}: id {entry_id} is in no catalogue.")
            if entry_id in reasons:
                raise ScenarioError(f"{path.name}: id {entry_id} has two reasons.")
            reasons[entry_id] = Reason(cast(ReasonKind, kind), text)
    return reasons


def _expand(ids: list[str]) -> Iterator[str]:
    for one in ids:
        first, _, last = one.partition("..")
        if not last:
            yield first
            continue
        area, _, number = first.rpartition("-")
        for n in range(int(number), int(last) + 1):
            yield f"{area}-{n:03d}"


def _rows(path: Path) -> list[dict[str, Any]]:
    rows = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    return cast(list[dict[str, Any]], rows or [])
