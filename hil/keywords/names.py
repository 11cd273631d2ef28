"""Finds the site's names that a test speaks of, so that a wrong one is reported before a farm is started.

Only what is written out is looked at: an argument with a variable, or one inside ``Run Keyword ...``, is known at run
time only.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hil.site import Site

#: Parameter names of the library's keywords that take a name of the site, and what kind of name. A ``socket`` is
#: ``CP1`` or ``CP1/2``; a ``point`` is a charger as its backend sees it, a ``place`` any device; a socket will do.
KINDS = {
    "device": "devices",
    "other": "devices",
    "meter": "devices",
    "socket": "sockets",
    "point": "places",
    "place": "places",
    "feeder": "feeders",
    "load": "loads",
    "pv": "loads",
}


def check_names(site: Site, body: Iterable[Any], keywords: Mapping[str, inspect.Signature]) -> None:
    """Check every name that a test's body writes out.

    Args:
        site: The site that the test starts.
        body: Robot's data of the test.
        keywords: Signatures by keyword name (lower case, without spaces and underscores).

    Raises:
        ScenarioError: It lists every name that the site lacks, with the nearest that it has.
    """
    found: dict[str, list[str]] = {kind: [] for kind in KINDS.values()}
    parameters: list[tuple[str, str]] = []
    for name, arguments in _calls(body):
        signature = keywords.get(name)
        if signature is None:
            continue
        plain = [text for text in arguments if text.partition("=")[0] not in signature.parameters]
        given = dict(zip(_positional(signature), plain, strict=False))
        for argument, kind in KINDS.items():
            if argument in given:
                found[kind].append(given[argument])
        if "parameter" in given and "device" in given:
            parameters.append((given["device"], given["parameter"]))
    site.validate_names(
        _plain(found["devices"]),
        sockets=_plain(found["sockets"]),
        places=_plain(found["places"]),
        feeders=_plain(found["feeders"]),
        loads=_plain(found["loads"]),
        parameters=[pair for pair in parameters if not any("{" in text for text in pair)],
    )


def normal(name: str) -> str:
    """Return a keyword name as Robot compares it."""
    return name.lower().replace(" ", "").replace("_", "")


def _calls(body: Iterable[Any]) -> Iterator[tuple[str, list[str]]]:
    for item in body:
        name = getattr(item, "name", None)
        if isinstance(name, str) and hasattr(item, "args"):
            yield normal(name), [str(argument) for argument in item.args]
        yield from _calls(getattr(item, "body", None) or ())


def _positional(signature: inspect.Signature) -> list[str]:
    return [
        name
        for name, parameter in signature.parameters.items()
        if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    ]


def _plain(names: Iterable[str]) -> list[str]:
    return [name for name in names if "{" not in name]
