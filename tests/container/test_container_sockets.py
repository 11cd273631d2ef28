"""The charger with two sockets of docs/extending.md in containers: verdicts and traces of the embedded bench."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Final

import pytest

from tests.walks import ROOT, TEXT, Tree

pytestmark = [pytest.mark.docker, pytest.mark.slow]

SUITE: Final = "try/double.robot"
WHEELS: Final = "build/wheels"
BUILT_FROM: Final = ("compose", "constraints.txt", ".ci", "README.md")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Return a copy of the clone with the text's families and sites, from which the image is built."""
    tree = Tree(tmp_path / "tree", *BUILT_FROM)
    tree.write_all(TEXT.read_text(encoding="utf-8"))
    if (ROOT / WHEELS).is_dir():  # so that the dependencies need not be collected again
        shutil.copytree(ROOT / WHEELS, tree.folder / WHEELS)
    return tree


def traces(tree: Tree, output: str) -> dict[str, list[str]]:
    """Return the lines of each test's trace after its header, sorted, without displays within an instant."""
    found = {}
    for line in (tree.folder / output / "trace" / "index.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        lines = (tree.folder / output / "trace" / record["file"]).read_text(encoding="utf-8").splitlines()[1:]
        found[record["test"]] = sorted(one for one in lines if '"event":"display"' not in one)
    return found


@pytest.mark.timeout(900)
def test_two_sockets_in_containers_are_those_of_the_embedded_bench(tree: Tree) -> None:
    code, said = tree.run(f"hil run --output out/embedded {SUITE}")
    assert code == 0, said
    code, said = tree.run(f"hil run --bench compose --output out/containers {SUITE}")
    assert code == 0, said
    found = traces(tree, "out/containers")
    assert any('"who":"CP1/2"' in line for lines in found.values() for line in lines)
    assert found == traces(tree, "out/embedded")
