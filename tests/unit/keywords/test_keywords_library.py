"""The library is composed of topics: one file each, all with their types, converters and the listener."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest
from robot.libdocpkg import LibraryDocumentation

from hil.errors import ScenarioError
from hil.keywords import topics
from hil.keywords.Farm import Farm
from hil.keywords.names import normal
from hil.keywords.values import Amps, Amps3, Comparison, Percent

FOLDER = Path(topics.__file__).parent
NEW_TOPIC = '''
"""Greetings."""
from robot.api.deco import keyword
from hil.keywords.values import Amps

class Greetings:
    def __init__(self, context):
        self._context = context

    @keyword(tags=("Getter",))
    def greet(self, device: str, current: Amps) -> float:
        """Greet."""
        return current.a

class _Helper:
    @keyword
    def not_a_keyword(self) -> None:
        """Hidden."""
'''


def test_every_file_is_a_topic_with_keywords_of_its_own() -> None:
    sources = {Path(Farm().get_keyword_source(name).rpartition(":")[0]) for name in Farm().get_keyword_names()}
    assert sources == {path for path in FOLDER.glob("*.py") if path.name != "__init__.py"}


def test_a_new_file_is_a_new_topic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "greetings.py").write_text(NEW_TOPIC)
    monkeypatch.setattr(topics, "__path__", [*topics.__path__, str(tmp_path)])
    try:
        library = Farm()
    finally:
        sys.modules.pop("hil.keywords.topics.greetings", None)
    assert set(library.get_keyword_names()) == {*_names(), "greet"}
    assert library.get_keyword_types("greet")["current"] is Amps
    assert "device" in library.context.signatures[normal("Greet")].parameters  # its names are checked like the others


def _names() -> set[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(topics, "__path__", [str(FOLDER)])
        return set(Farm().get_keyword_names())


def test_every_argument_has_a_type_that_robot_can_use() -> None:
    library = Farm()
    for name in library.get_keyword_names():
        types = library.get_keyword_types(name)
        names = [arg[0] if isinstance(arg, tuple) else arg for arg in library.get_keyword_arguments(name)]
        assert {arg.strip("*") for arg in names} - {""} <= set(types), name
        assert not [kind for kind in types.values() if isinstance(kind, str)], f"{name}: a name that is not imported"


def test_the_converters_reach_the_keywords() -> None:
    kinds = {kind for name in Farm().get_keyword_names() for kind in Farm().get_keyword_types(name).values()}
    used = {one for kind in kinds for one in (kind, *get_args(kind))}
    assert used >= {Amps, Amps3, Percent, Comparison, timedelta}
    assert set(Farm.ROBOT_LIBRARY_CONVERTERS) == {Amps, Amps3, Percent, Comparison, timedelta}
    documented = {doc.name for doc in LibraryDocumentation("hil.keywords.Farm").type_docs}
    assert documented >= {"Amps", "Amps3", "Comparison", "AssertionOperator"}


def test_each_library_listens_and_has_a_context_of_its_own() -> None:
    one, two = Farm(), Farm()
    assert [one] == one.ROBOT_LIBRARY_LISTENER
    assert one.context is not two.context
    with pytest.raises(ScenarioError, match="no site is running"):
        _ = one.context.session


@pytest.mark.parametrize("name", ["hil.keywords.Farm", "hil.keywords.Farm.Farm"])
def test_libdoc_writes_the_page(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "robot.libdoc", name, str(tmp_path / "keywords.html")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "keywords.html").read_text(encoding="utf-8")
    assert all(word in page for word in ("Get Register", "Values over farm time", "AssertionOperator"))
