"""The table of planted faults fits the source: a fault whose text is gone would plant nothing."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def test_each_faults_text_stands_exactly_once_and_its_checks_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "mutants"))
    module = importlib.import_module("mutants")
    assert len(module.MUTANTS) >= 8
    for mutant in module.MUTANTS:
        source = (ROOT / mutant.file).read_text(encoding="utf-8")
        assert source.count(mutant.old) == 1, mutant.fault
        assert mutant.old != mutant.new, mutant.fault
        for check in mutant.checks:
            assert (ROOT / check.path).is_file(), (mutant.fault, check.path)
