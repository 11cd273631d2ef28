"""Reads site files: YAML to plain data, every value with the file and line it comes from, includes merged.

The text is composed with ruamel.yaml and built here, because a problem has to name a line, a repeated key has to be
refused and a merge key (``<<``) has to keep the line of the anchor. Scalars follow YAML 1.2: ``On`` is a text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from hil.errors import Problem

Where = tuple[str | int, ...]

_VERSIONS: Final = ("firmware", "variant")
"""Fields whose text counts as it is written: the version 5.10 is not the number 5.1."""

_YAML_TAG: Final = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file.

    Attributes:
        file: The file as the user named it.
        line: Line, counted from 1.
    """

    file: str
    line: int


class FileText(str):
    """A file name written in a site file, together with the folder that it is relative to."""

    folder: Path

    def __new__(cls, text: str, folder: Path) -> FileText:
        """Return the text, remembering the folder."""
        made = super().__new__(cls, text)
        made.folder = folder
        return made


class Broken(Exception):
    """A file cannot be read any further; the problem says why."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


@dataclass(slots=True)
class Document:
    """What stands in a site file and its includes.

    Attributes:
        data: Plain mappings, lists, texts and numbers.
        marks: Place of every value, by its path of keys.
        problems: What was wrong on the way.
        files: The files that were read.
        complete: Nothing is missing: every include was found and could be read to its end.
    """

    data: dict[str, Any] = field(default_factory=dict)
    marks: dict[Where, Mark] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    complete: bool = True

    def mark(self, where: Where) -> Mark:
        """Return the place of a value, or of the nearest thing around it that stands in a file."""
        for length in range(len(where), -1, -1):
            if where[:length] in self.marks:
                return self.marks[where[:length]]
        raise LookupError("a document without a root")

    def problem(self, where: Where, message: str, allowed: str = "") -> Problem:
        """Return a problem with the value at a path."""
        place = self.mark(where)
        return Problem(place.file, place.line, dotted(where), message, allowed)


Finder = Callable[[str, Path], tuple[str, Path] | None]
"""Looks for an included file: (what is written, folder of the including file) -> (name for people, path)."""


def dotted(where: Where) -> str:
    """Return a path of keys as messages print it; sockets are counted from 1, as on the housing.

    >>> dotted(("devices", "CP1", "sockets", 0, "phase_order"))
    'devices.CP1.sockets.1.phase_order'
    """
    before = ("", *where)
    return ".".join(
        str(part + 1 if isinstance(part, int) and outer == "sockets" else part)
        for outer, part in zip(before, where, strict=False)
    )


def read_document(name: str, path: Path, find: Finder, *, _outer: tuple[Path, ...] = ()) -> Document:
    """Read a file and everything it includes; what the file says itself wins over its includes."""
    document = Document(marks={(): Mark(name, 1)}, files=[path])
    try:
        _Builder(name, path.parent, document).build(_text(name, path))
    except Broken as broken:
        document.problems.append(broken.problem)
        document.complete = False
        return document
    wanted = document.data.pop("include", None)
    several = isinstance(wanted, list)
    merged = Document(marks={(): document.marks[()]})
    for index, reference in enumerate(wanted if several else [] if wanted is None else [wanted]):
        where: Where = ("include", index) if several else ("include",)
        found = find(reference, path.parent) if isinstance(reference, str) else None
        if found is None:
            text = f"there is no site file {reference!r}."
            hint = "Allowed: a path relative to this file, or the name of a shipped site."
            document.problems.append(document.problem(where, text, hint))
            document.complete = False
            continue
        nick, inner = found
        if inner in (*_outer, path):
            chain = " -> ".join(file.name for file in (*_outer, path, inner))
            document.problems.append(document.problem(where, f"{reference!r} includes itself: {chain}."))
            document.complete = False
            continue
        display = nick if nick != reference else (Path(name).parent / nick).as_posix()
        _merge(merged, read_document(display, inner, find, _outer=(*_outer, path)))
    _merge(merged, document)
    merged.marks[()] = document.marks[()]
    return merged


def _text(name: str, path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise Broken(Problem(name, line, "file", "is not UTF-8 text.", "Save the file as UTF-8.")) from None
    except OSError as error:
        raise Broken(Problem(name, 1, "file", f"cannot be read: {error.strerror}.")) from None


@lru_cache(maxsize=64)
def _composed(text: str) -> Node | None:
    """Return a text's nodes, which nobody changes: suites start the same few files again and again."""
    root: Node | None = YAML(typ="rt", pure=True).compose(text)
    return root


class _Builder:
    """Builds one file's data into a document."""

    def __init__(self, name: str, folder: Path, document: Document) -> None:
        self._name, self._folder, self._document = name, folder, document
        self._open: list[Node] = []

    def build(self, text: str) -> None:
        try:
            root = _composed(text)
        except MarkedYAMLError as error:
            raise Broken(self._syntax(error, text)) from None
        except RecursionError:
            raise Broken(Problem(self._name, 1, "file", "is nested too deeply.")) from None
        except YAMLError as error:
            raise Broken(Problem(self._name, 1, "file", f"is no YAML: {str(error).splitlines()[0]}.")) from None
        if root is None:
            raise Broken(Problem(self._name, 1, "file", "is empty.", "A site needs at least 'site:' and 'devices:'."))
        if not isinstance(root, MappingNode):
            kind = "a list" if isinstance(root, SequenceNode) else "a single value"
            line = root.start_mark.line + 1
            raise Broken(Problem(self._name, line, "file", f"is {kind}.", "Allowed: a mapping, 'key: value'."))
        self._document.data = self._mapping(root, ())

    def _syntax(self, error: MarkedYAMLError, text: str) -> Problem:
        mark = error.problem_mark or error.context_mark
        index = mark.line if mark is not None else 0
        lines = text.splitlines() or [""]
        written = lines[min(index, len(lines) - 1)]
        if "\t" in written[: len(written) - len(written.lstrip())]:
            return Problem(
                self._name, index + 1, "file", "a tab indents this line.", "Use spaces; YAML forbids tabs here."
            )
        reason = (error.problem or error.context or "cannot be understood").strip()
        hint = f"The line reads: {written.strip()}"
        if "[" in reason and "{" in written:
            hint = 'Inside { } a name with [A] needs quotes: {"Current Limit [A]": 16}.'
        return Problem(self._name, index + 1, "file", f"is no YAML here: {reason}.", hint)

    def _value(self, node: Node, where: Where) -> Any:
        if any(node is outer for outer in self._open):
            raise Broken(self._problem(node, where, "contains itself through an anchor."))
        if isinstance(node, MappingNode):
            return self._mapping(node, where)
        if isinstance(node, SequenceNode):
            self._open.append(node)
            values = []
            for index, item in enumerate(node.value):
                self._remember((*where, index), item)
                values.append(self._value(item, (*where, index)))
            self._open.pop()
            return values
        if where and where[-1] == "csv":
            return FileText(node.value, self._folder)
        value = _scalar(node)
        return node.value if where and where[-1] in _VERSIONS and value is not None else value

    def _mapping(self, node: MappingNode, where: Where) -> dict[str, Any]:
        self._open.append(node)
        data: dict[str, Any] = {}
        inherited: list[MappingNode] = []
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self._document.problems.append(self._problem(key, where, "a key must be a plain text."))
            elif key.value == "<<" and not key.style:
                inherited += self._merged(value, where)
            elif key.value in data:
                text = f"is written twice, first in line {self._document.marks[*where, key.value].line}."
                self._document.problems.append(self._problem(key, (*where, key.value), text))
            else:
                here = (*where, key.value)
                self._remember(here, key)
                data[key.value] = self._value(value, here)
        for source in inherited:
            if any(source is outer for outer in self._open):
                raise Broken(self._problem(source, where, "contains itself through an anchor."))
            marks, self._document.marks = self._document.marks, {}
            base = self._mapping(source, where)
            added, self._document.marks = self._document.marks, marks
            for key_text in base.keys() - data.keys():
                marks.update((at, mark) for at, mark in added.items() if at[: len(where) + 1] == (*where, key_text))
            data.update({key_text: value for key_text, value in base.items() if key_text not in data})
        self._open.pop()
        return data

    def _merged(self, node: Node, where: Where) -> Iterator[MappingNode]:
        for source in node.value if isinstance(node, SequenceNode) else [node]:
            if isinstance(source, MappingNode):
                yield source
            else:
                text = "'<<' merges something that is no mapping."
                self._document.problems.append(self._problem(source, where, text, "Allowed: '<<: *anchor'."))

    def _remember(self, where: Where, node: Node) -> None:
        self._document.marks[where] = Mark(self._name, node.start_mark.line + 1)

    def _problem(self, node: Node, where: Where, message: str, allowed: str = "") -> Problem:
        return Problem(self._name, node.start_mark.line + 1, dotted(where) or "file", message, allowed)


def _scalar(node: Node) -> Any:
    text, tag = node.value, str(node.tag).removeprefix(_YAML_TAG)
    if tag == "null":
        return None
    if tag == "bool":
        return text.lower() == "true"
    try:
        if tag == "int":
            return int(text.replace("_", ""), 0) if text[:2] in ("0x", "0o") else int(text.replace("_", ""))
        if tag == "float":
            return float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan").replace(".NaN", "nan"))
    except ValueError:
        pass
    return text


def _merge(base: Document, over: Document) -> None:
    """Put a document over another: mappings key by key, everything else replaced, null removes."""
    base.problems += over.problems
    base.files += over.files
    base.complete &= over.complete
    _merge_maps(base, over, base.data, over.data, ())


def _merge_maps(base: Document, over: Document, below: dict[str, Any], above: Mapping[str, Any], where: Where) -> None:
    for key, value in above.items():
        here = (*where, key)
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            base.marks[here] = over.marks[here]
            _merge_maps(base, over, below[key], value, here)
            continue
        for stale in [at for at in base.marks if at[: len(here)] == here]:
            del base.marks[stale]
        if value is None and key in below:
            del below[key]
            continue
        base.marks.update((at, mark) for at, mark in over.marks.items() if at[: len(here)] == here)
        below[key] = value
