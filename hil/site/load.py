"""Finds a site file, reads it, checks it, and says everything that is wrong with it at once."""

from __future__ import annotations

import types
import typing
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from emulators.kit.site import SUPPLY
from hil.errors import Problem, ScenarioError, SiteFileError
from hil.site import checks
from hil.site.cables import OUTSIDE, Link
from hil.site.document import Document, Where, dotted, read_document
from hil.site.model import Site
from hil.site.seats import DEFAULT_NETWORK, SECTIONS, BackendSpec, DeviceSpec, MeterSpec, families_of
from hil.site.values import CUSTOM, Flaw, Names, nearest

SHIPPED: Final = Path(__file__).parent / "sites"
_PRIVATE_PREFIX: Final = "x-"
"""Top-level keys that only hold anchors for the rest of the file."""


def shipped_sites() -> list[str]:
    """Return the names of the sites that come with the product (parts of sites begin with an underscore)."""
    files = (path.relative_to(SHIPPED) for path in SHIPPED.rglob("*.yaml"))
    return sorted(path.with_suffix("").as_posix() for path in files if not path.name.startswith("_"))


def load_site(ref: str | Path, *, search: Sequence[Path] = (), named: str = "") -> Site:
    """Return the site of a file, or of a shipped name such as ``mennekes/car-park``.

    Args:
        ref: Path or name, with or without ``.yaml``; looked for in the working folder, then in ``search``, then among
            the shipped sites.
        search: More folders.
        named: How its user named it, where the file stands for another.

    Raises:
        ScenarioError: There is no such site; the nearest is named.
        SiteFileError: The site is wrong; it lists everything that was found.
    """
    found = _find(str(ref), (Path(), *search, SHIPPED))
    if found is None:
        known = shipped_sites()
        near = nearest(str(ref).removesuffix(".yaml"), known)
        hint = f" Did you mean {near!r}?" if near else ""
        raise ScenarioError(f"there is no site {str(ref)!r}.{hint} Shipped: {', '.join(known)}.")
    name, path = found

    def include(reference: str, folder: Path) -> tuple[str, Path] | None:
        """Look beside the including file first; what is found there is named relative to it."""
        beside = _find(reference, (folder,))
        if beside is not None:
            return beside
        return _find(reference, (*search, SHIPPED))

    site = _checked(read_document(name, path, include), path)
    site._ref = named or str(ref).removesuffix(".yaml")
    return site


def site_of(document: Mapping[str, Any], *, ref: str) -> Site:
    """Return the site of a document (``Site.document``) that another process has loaded and checked.

    Raises:
        ScenarioError: It is none.
    """
    try:
        site = Site.model_validate(document, context=_names(document))
    except ValidationError as error:
        raise ScenarioError(f"{ref!r} is no checked site: {error}") from error
    site._ref, site._document = ref, document
    return site


def with_serial_port(site: Site, meter: str, port: str, data_request: str) -> Site:
    """Return the site with a reader of a meter's P1 port at a real serial port; it takes the place of the file's own.

    Args:
        site: A site without errors.
        meter: A meter with a P1 port.
        port: Device path, or ``rfc2217://HOST:PORT``.
        data_request: As :attr:`hil.site.Link.data_request`.

    Raises:
        ScenarioError: One of them is wrong.
    """
    raw = {"kind": "p1", "between": [meter, OUTSIDE], "port": port, "data_request": data_request}
    said = f"serial port {port} of {meter}"
    names = Names(feeders=frozenset(), networks=frozenset(), endpoints=frozenset(site.seats))
    try:
        link = Link.model_validate(raw, context=names)
    except ValidationError as error:
        found = [one for detail in error.errors(include_url=False) for one in _findings(("links", 0), detail)]
        raise ScenarioError("\n".join(f"{said}: {one.message} {one.allowed}".rstrip() for one in found)) from error
    others = [one for one in site.links if one.port is None or meter not in one.between]
    changed = site.model_copy(update={"links": (*others, link)})
    changed.__dict__.pop("sha256", None)  # a copy keeps what was cached
    for remark in checks.check(changed):
        if remark.refuses:
            raise ScenarioError(f"{said}: {remark.message} {remark.allowed}".rstrip())
    return changed


def _find(ref: str, folders: Iterable[Path]) -> tuple[str, Path] | None:
    for folder in folders:
        for name in (ref, f"{ref}.yaml"):
            if (folder / name).is_file():
                return name, (folder / name).resolve()
    return None


def _checked(document: Document, path: Path) -> Site:
    problems = list(document.problems)
    if not document.complete:  # everything that refers to the missing part would look wrong
        raise SiteFileError(_in_order(document, problems))
    if not document.data:
        raise SiteFileError(problems or [document.problem((), "is empty.")])
    data = {key: value for key, value in document.data.items() if not key.startswith(_PRIVATE_PREFIX)}
    names = _names(data)
    errors: list[ErrorDetails] = []
    site: Site | None = None
    partial: Site | None = None
    try:
        site = partial = Site.model_validate(data, context=names)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        problems += [problem for detail in errors for problem in _problems(document, detail)]
        try:  # what is whole is checked too, so that nothing comes to light only after the next correction
            partial = Site.model_validate(_without(data, errors), context=names)
        except ValidationError:
            partial = None
    remarks = list(checks.check(partial, whole=site is not None)) if partial is not None else []
    if site is None:  # two devices share an address, whatever else is wrong with them
        remarks += checks.shared_addresses(_addresses(data, {detail["loc"] for detail in errors}))
    problems += [document.problem(one.where, one.message, one.allowed) for one in remarks if one.refuses]
    if problems or site is None:
        raise SiteFileError(_in_order(document, problems))
    warnings = [document.problem(one.where, one.message, one.allowed) for one in remarks if not one.refuses]
    site._path, site._document = path, data
    site._lines = {dotted(where): mark for where, mark in document.marks.items() if where}
    site._warnings = tuple(_in_order(document, warnings))
    return site


def _names(data: Mapping[str, Any]) -> Names:
    def keys(section: str) -> frozenset[str]:
        value = data.get(section)
        return frozenset(value) if isinstance(value, dict) else frozenset()

    return Names(
        feeders=keys("feeders") | {SUPPLY},
        networks=keys("networks") or frozenset({DEFAULT_NETWORK}),
        endpoints=frozenset().union(*map(keys, SECTIONS.values())),
    )


def _addresses(
    data: dict[str, Any], wrong: Collection[tuple[str | int, ...]]
) -> Iterator[tuple[str, str, str, str | None]]:
    """Yield section, name, network and address of each device whose own network and address are right."""
    for section in SECTIONS.values():
        seats = data.get(section)
        for name, seat in seats.items() if isinstance(seats, dict) else ():
            places = ((section,), (section, name), (section, name, "network"), (section, name, "address"))
            if isinstance(seat, dict) and not any(place in wrong for place in places):
                yield section, name, seat.get("network", DEFAULT_NETWORK), seat.get("address")


def _without(data: dict[str, Any], errors: Sequence[ErrorDetails]) -> dict[str, Any]:
    """Return the data without the entries (or whole sections) that are wrong."""
    kept = {key: dict(value) if isinstance(value, dict) else value for key, value in data.items()}
    for detail in errors:
        where = detail["loc"]
        section = str(where[0]) if where else ""
        if section == "site":
            kept["site"] = "?"
        elif len(where) > 1 and section != "supply" and isinstance(kept.get(section), dict):
            entry = kept[section].pop(str(where[1]), None)
            if section == "feeders" and isinstance(entry, dict):  # the tree must stay connected
                kept[section][str(where[1])] = {"from": entry["from"]} if _is_feeder(data, entry.get("from")) else {}
        else:
            kept.pop(section, None)
    return kept


def _is_feeder(data: dict[str, Any], name: object) -> bool:
    return isinstance(name, str) and name in data["feeders"]


def _in_order(document: Document, problems: Sequence[Problem]) -> list[Problem]:
    """Return problems by file and line; one mistake that several entries inherit by an anchor is said once."""
    files = list(dict.fromkeys([document.mark(()).file, *(problem.file for problem in problems)]))
    once: dict[tuple[str, int, str, str], Problem] = {}
    for problem in sorted(problems, key=lambda one: (files.index(one.file), one.line)):
        once.setdefault((problem.file, problem.line, problem.field.rpartition(".")[2], problem.message), problem)
    return list(once.values())


def _problems(document: Document, detail: ErrorDetails) -> list[Problem]:
    """Return an error of pydantic in the words of a site's author."""
    where: Where = tuple(detail["loc"])
    return [document.problem((*where, *one.at), one.message, one.allowed) for one in _findings(where, detail)]


def _findings(where: Where, detail: ErrorDetails) -> Sequence[Flaw]:
    if detail["type"] == CUSTOM:
        found: Sequence[Flaw] = detail["ctx"]["findings"]
        return found
    return [_finding(where, detail)]


_BOUNDS: Final = {
    "greater_than": "above {:g}",
    "greater_than_equal": "{:g} or more",
    "less_than": "below {:g}",
    "less_than_equal": "{:g} or less",
}


def _finding(where: Where, detail: ErrorDetails) -> Flaw:
    value, context = detail["input"], detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return Flaw("is missing.", _what_is_missing(where))
        case "extra_forbidden":
            known = _fields(where[:-1])
            near = nearest(str(where[-1]), known)
            text = f"there is no field {str(where[-1])!r} here."
            return Flaw(f"{text} Did you mean {near!r}?") if near else Flaw(text, f"Allowed: {', '.join(known)}.")
        case "literal_error":
            choices = str(context["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
            near = nearest(str(value), choices)
            hint = f" Did you mean {near!r}?" if near else ""
            return Flaw(f"{value!r} is not possible.{hint}", f"Allowed: {', '.join(choices)}.")
        case bound if bound in _BOUNDS:
            return Flaw(f"{value!r} is out of range.", f"Allowed: {_range(where)}.")
        case "model_type" | "dict_type" | "mapping_type" | "model_attributes_type":
            return Flaw(f"{value!r} is no mapping.", "Allowed: 'key: value' lines or {key: value}.")
        case "list_type" | "tuple_type":
            return Flaw(f"{value!r} is no list.", "Allowed: '- item' lines or [item, item].")
        case "bool_type" | "bool_parsing":
            return Flaw(f"{value!r} is not possible.", "Allowed: true, false.")
    return Flaw(f"{value!r} is not possible: {detail['msg']}.")


def _range(where: Where) -> str:
    """Return the range of a field in words."""
    model = _model_at(where[:-1])
    fields = model.model_fields.items() if model else ()
    metadata = next((field.metadata for name, field in fields if where[-1] in (name, field.alias)), [])
    bounds = {"gt": "greater_than", "ge": "greater_than_equal", "lt": "less_than", "le": "less_than_equal"}
    found = {key: getattr(one, key) for one in metadata for key in bounds if hasattr(one, key)}
    if set(found) == {"ge", "le"}:
        return f"{found['ge']:g} to {found['le']:g}"
    return " and ".join(_BOUNDS[bounds[key]].format(limit) for key, limit in found.items())


def _what_is_missing(where: Where) -> str:
    model = _model_at(where[:-1])
    if where[-1] == "type" and model in (DeviceSpec, MeterSpec, BackendSpec):
        return f"Allowed: {', '.join(families_of(model.role()))}."
    return {"site": "Write 'site: a-name'.", "feeder": "Write the feeder it hangs on, or 'supply'."}.get(
        str(where[-1]), ""
    )


def _fields(where: Where) -> list[str]:
    model = _model_at(where)
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _model_at(where: Where) -> type[BaseModel] | None:
    """Return the model whose fields stand at a path of a site."""
    found: Any = Site
    for part in where:
        if isinstance(found, type) and issubclass(found, BaseModel):
            by_key = {field.alias or name: field.annotation for name, field in found.model_fields.items()}
            found = _plain(by_key.get(str(part)))
        else:
            found = _plain(typing.get_args(found)[-1 if typing.get_origin(found) is dict else 0])
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _plain(annotation: Any) -> Any:
    """Return an annotation without ``| None``."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return next(part for part in typing.get_args(annotation) if part is not type(None))
    return annotation
