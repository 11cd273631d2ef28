"""What the farm knows of devices it learns from their families: none of their names stands in its own rooms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulators.kit.family import families

HIL = Path(__file__).parents[3] / "hil"
#: Rooms that know no family. Keywords have examples in their texts; the catalogues of requirements are the makers' own.
ROOMS = ("bench", "cli", "clock", "compose", "hand", "lines", "plant", "probes", "process", "run", "site", "tester")
TEXTS = {".py", ".csv", ".json", ".yaml", ".resource", ".html", ".sh", ""}
#: What is left out, each with its reason.
LEFT_OUT = {
    HIL / "site" / "sites": "sites for users: what stands on them is their point",
    HIL / "site" / "schema.json": "made from the families",
}
#: Names that are words of everyday language, or of a standard.
EVERYDAY = {
    *("meter", "with", "port", "central", "system", "Single", "Contact"),
    *("DSMR", "P1", "OCPP", "1.6J"),  # standards, not devices
    "IP address",
    "backend",  # the type of the one central system is what everybody calls it
}
#: Sources: the documents of the makers are cited by their names.
DOCUMENTS = ("MENNEKES application note", "MENNEKES recommends", "Alfen smart-charging guide")


def names() -> dict[str, str]:
    """Return every name that belongs to a family, with what it is.

    A parameter of one word (``Port``, ``Identity``) is left out: it cannot be told from prose.
    """
    found = {}
    for family in families().values():
        found[family.type] = "a type"
        found |= dict.fromkeys(family.maker.split(), "a maker")
        found |= dict.fromkeys(re.findall(r"[\w.-]+", family.product), "a product")
        found |= dict.fromkeys((name for name in family.parameters if " " in name or "-" in name), "a parameter")
    return {name: what for name, what in found.items() if name not in EVERYDAY}


def files(root: Path) -> Iterator[Path]:
    for room in ROOMS:
        for path in sorted((root / room).rglob("*")):
            skipped = any(path.is_relative_to(root / one.relative_to(HIL)) for one in LEFT_OUT)
            if path.is_file() and path.suffix in TEXTS and "__pycache__" not in path.parts and not skipped:
                yield path


def found_in(root: Path) -> list[str]:
    known = names()
    wanted = re.compile(rf"(?<![\w/-])({'|'.join(map(re.escape, sorted(known, key=len, reverse=True)))})(?![\w-])")
    return [
        f"{path.relative_to(root)}:{number}: {match[1]!r} is {known[match[1]]}"
        for path in files(root)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        for match in wanted.finditer(_without_documents(line))
    ]


def _without_documents(line: str) -> str:
    for document in DOCUMENTS:
        line = line.replace(document, "")
    return line


def test_the_farm_names_no_device() -> None:
    assert found_in(HIL) == []


def test_the_words_come_from_the_families() -> None:
    known = names()
    assert {"MENNEKES", "Alfen", "PAC2200", "DLM Network Id", "Received Measurements", "countis_e27"} <= set(known)
    assert len(list(files(HIL))) > 80


@pytest.mark.parametrize(
    "line",
    [
        'ROLE = "DLM Master/Slave"',
        'device.parameter("WAN-Router")',
        'if spec.type == "pac2200":',
        "# a Siemens answers here",
        'page.get("IP address of second meter")',
    ],
)
@pytest.mark.parametrize("room", ["site", "bench", "cli"])
def test_a_name_in_a_room_is_found(tmp_path: Path, room: str, line: str) -> None:
    (tmp_path / room).mkdir()
    (tmp_path / room / "fine.py").write_text('"""A backend with a meter, and its MENNEKES application note 6."""\n')
    assert found_in(tmp_path) == []
    (tmp_path / room / "planted.py").write_text(f"\n{line}\n")
    (finding,) = found_in(tmp_path)
    assert finding.startswith(f"{room}/planted.py:2: ")
