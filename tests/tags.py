"""Which tests carry an id without showing anything of the device: the lint of tags.

A test shows something when it looks at what a device does, says or refuses. A test that looks at parameters alone shows
something when the value read is one that the test did not find there: set to something else first and read back after
that, or a default that neither test nor site sets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from robot.api import TestSuite
from robot.libdoc import LibraryDocumentation
from robot.running import Keyword
from robot.running.resourcemodel import ResourceFile, UserKeyword
from ruamel.yaml import YAML

from hil.requirements.catalogue import ID

ROOT = Path(__file__).parents[1]
SITES = ROOT / "hil" / "site" / "sites"

#: Keywords of the farm that act and look at nothing.
ACTS = {
    "Advance Clock", "Backend Answers", "Backend Closes Connection", "Backend Sends", "Charging Profile Is Set",
    "Configure", "Cut Backend Connection", "Cut Link", "Delay Link", "Drop", "Expect Finding", "Get Farm Time", "Heal",
    "Hold Card To Reader", "Kill", "Load Varies", "Partition", "Pause", "Plant Fault", "Plug In Vehicle",
    "Random Vehicles Come And Go", "Reset Link", "Restart", "Restart Device", "Restore Backend Connection",
    "Restore Link", "Resume", "Retry In Farm Time", "Save", "Set Load", "Set Parameter", "Set PV", "Start Site",
    "Unplug Vehicle", "Vehicle Takes", "Write Register",
}  # fmt: skip
SETS = {"Set Parameter", "Configure"}
READS = "Get Parameter"
STARTS = "Start Site"


def _key(name: str) -> str:
    return re.sub(r"[\s_]", "", name).lower().rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a library keyword, with its arguments as far as they are known."""

    name: str
    args: tuple[str, ...]


@dataclass(slots=True)
class Words:
    """What a suite file can call: its own keywords and those of its resources, and the variables of all of them."""

    keywords: dict[str, UserKeyword] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def take(self, resource: ResourceFile, folder: Path) -> None:
        """Add what a file has and imports; what is known already wins."""
        for keyword in resource.keywords:
            self.keywords.setdefault(_key(keyword.name), keyword)
        for variable in resource.variables:
            self.variables.setdefault(_key(variable.name), " ".join(variable.value))
        for imported in resource.imports:
            if imported.type == "RESOURCE":
                for path in (folder / imported.name, ROOT / imported.name):
                    if path.is_file():
                        self.take(ResourceFile.from_file_system(path), path.parent)
                        break


@cache
def farm_keywords() -> frozenset[str]:
    """Return the farm's keywords, and fail when one that is said to act only is none."""
    known = frozenset(keyword.name for keyword in LibraryDocumentation("hil.keywords.Farm").keywords)
    assert known >= ACTS, ACTS - known
    return known


@cache
def _by_key() -> Mapping[str, str]:
    return {_key(name): name for name in farm_keywords()}


def decorations(path: Path) -> list[str]:
    """Return the tests of a suite file whose id is a decoration, each with the reason."""
    suite = TestSuite.from_file_system(path)
    words = Words()
    words.take(suite.resource, path.parent)
    found = []
    for test in suite.all_tests:
        if any(ID.fullmatch(str(tag)) for tag in test.tags):
            calls = [call for step in (test.setup, *_steps(test)) for call in _calls(step, words, {})]
            why = _nothing_shown(calls)
            found += [f"{path.name}: {test.name}: {why}"] if why else []
    return found


def _steps(test: object) -> Iterator[Keyword]:
    """Yield the steps of a test, a keyword or a block, those of all branches too."""
    for step in getattr(test, "body", ()):
        if isinstance(step, Keyword):
            yield step
        yield from _steps(step)


def _calls(step: Keyword, words: Words, arguments: Mapping[str, str]) -> Iterator[Call]:
    """Yield the calls of the farm's keywords that a step leads to."""
    name = step.name or ""
    args = tuple(_known(str(arg), words, arguments) for arg in step.args)
    own = words.keywords.get(_key(name))
    for at, library in enumerate(args if own else (name, *args)):  # a keyword may be another's argument
        if _key(library) in _by_key():
            yield Call(_by_key()[_key(library)], args[at + 1 :] if own else args[at:])
    if own is None:
        return
    given = dict(zip((_key(f"${{{one}}}") for one in own.args.positional), args, strict=False))
    for inner in _steps(own):
        yield from _calls(inner, words, given)


def _known(text: str, words: Words, arguments: Mapping[str, str]) -> str:
    """Return a text with its variables replaced, those that are known."""
    for _ in range(3):
        text = re.sub(
            r"\$\{([^${}]+)\}",
            lambda hit: arguments.get(_key(hit[0]), words.variables.get(_key(hit[0]), hit[0])),
            text,
        )
    return text


def _nothing_shown(calls: Sequence[Call]) -> str:
    """Return why some calls show nothing of a device, nothing when they do."""
    values: dict[tuple[str, str], list[str]] = {}  # parameter of a device: what it was set to, the last one in force
    read = False
    for call in calls:
        if call.name == STARTS:
            values |= _of_site(call.args)
        elif call.name in SETS and len(call.args) >= 3:
            values.setdefault((call.args[0], call.args[1]), []).append(call.args[2])
        elif call.name == READS and len(call.args) >= 4:
            read = True
            was = list(dict.fromkeys(values.get((call.args[0], call.args[1]), ())))
            if was != [call.args[3]]:
                return ""
        elif call.name not in ACTS and call.name != READS:
            return ""
    return "only what it was set to is read, and it was that before" if read else "nothing of the device is looked at"


def _of_site(args: Sequence[str]) -> dict[tuple[str, str], list[str]]:
    """Return the parameters that a site sets, by device and name, with those that the test gives it."""
    values: dict[tuple[str, str], list[str]] = {}
    path = SITES / f"{args[0] if args else ''}.yaml"
    if path.is_file():
        devices = YAML(typ="safe").load(path.read_text(encoding="utf-8")).get("devices", {})
        for device, fields in devices.items():
            for name, value in ((fields or {}).get("parameters") or {}).items():
                values[device, name] = [str(value)]
    for arg in args[1:]:
        hit = re.fullmatch(r"devices\.([^.]+)\.parameters\.(.+?)=(.*)", arg)
        if hit:
            values[hit[1], hit[2]] = [hit[3]]
    return values
