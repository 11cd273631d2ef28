"""The walks of docs/extending.md, followed literally in a copy of the source: what the text says comes true there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.walks import TEXT, Command, Tree, Written, section, steps

pytestmark = pytest.mark.slow

WALKS = ("A meter", "A charger", "A device fault", "A link fault", "A keyword", "A bench")
#: What somebody who adds something changes of what is there, beside a row in the docs: one value, in one file.
CHANGED = {"hil/clock/link_faults.py"}


@pytest.fixture(scope="module")
def text() -> str:
    return TEXT.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def walked(text: str, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """Return a copy in which every file of the text is written."""
    tree = Tree(tmp_path_factory.mktemp("walked") / "tree")
    tree.write_all(text)
    return tree


def files(folder: Path) -> dict[str, bytes]:
    """Return what stands in a copy, without what running leaves behind."""
    found = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_the_walks_are_all_of_the_text(text: str) -> None:
    in_walks = [step for title in WALKS for step in steps(section(text, title))]
    assert in_walks == steps(text)


@pytest.mark.timeout(300)
def test_what_the_text_says_comes_true(text: str, tmp_path: Path) -> None:
    tree = Tree(tmp_path / "tree")
    for title in WALKS:
        wrong = tree.follow(section(text, title))
        assert not wrong, "\n".join(wrong)


def test_only_what_the_text_names_is_written(text: str, walked: Tree, tmp_path: Path) -> None:
    before, after = files(Tree(tmp_path / "untouched").folder), files(walked.folder)
    written = {step.file for step in steps(text) if isinstance(step, Written)}
    assert {name for name in after if before.get(name) != after[name]} == written
    assert written & before.keys() == CHANGED


def test_the_files_are_as_the_house_wants_them(text: str, walked: Tree) -> None:
    names = sorted({step.file for step in steps(text) if isinstance(step, Written)})
    python = " ".join(name for name in names if name.endswith(".py"))
    typed = " ".join(name for name in names if name.endswith(".py") and name.startswith(("hil", "emulators")))
    for command in (f"ruff check {python}", f"ruff format --check {python}", f"mypy {typed}", "robocop check try"):
        code, said = walked.run(command)
        assert code == 0, said


# A fault each in one of the files: what comes of it, and which command of the text finds it.
BROKEN = [
    (("emulators/em24/registers.csv", "A_L1,current L1,", "A_L2,current L1,"), "hil run try/house.robot"),
    (("emulators/em24/model.py", '"MODEL": MODEL', '"MODEL": 1'), "hil run try/house.robot"),
    (("emulators/alfen_double/model.py", "left_a / (len(taking) - number)", "left_a"), "hil run try/double.robot"),
    (("emulators/alfen_double/__init__.py", "{1: 1, 2: 2}", "{1: 1, 2: 1}"), "hil run try/double.robot"),
    (("try/double.yaml", "phase_order: L2L3L1", "phase_order: L1L2L3"), "hil run try/double.robot"),
    (("hil/clock/link_faults.py", 'event = "link_duplicates"', 'event = "x"'), "grep -h link_duplicates"),
]


@pytest.mark.parametrize(("change", "line"), BROKEN)
def test_a_file_that_is_wrong_is_found(text: str, walked: Tree, change: tuple[str, str, str], line: str) -> None:
    file, old, new = change
    path = walked.folder / file
    right = path.read_text(encoding="utf-8")
    assert right.count(old) == 1
    commands = [step for step in steps(text) if isinstance(step, Command)]
    at = next(number for number, command in enumerate(commands) if command.line.startswith(line))
    path.write_text(right.replace(old, new), encoding="utf-8")
    try:
        walked.run(commands[at - 1].line)  # which may leave behind what this one looks at
        assert walked.contradicts(commands[at])
    finally:
        path.write_text(right, encoding="utf-8")
