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
        assert mutant.checks or mutant.ids, mutant.fault
    faults = [mutant.fault for mutant in module.MUTANTS]
    assert len(set(faults)) == len(faults)


def test_each_faults_ids_are_carried_by_a_robot_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "mutants"))
    carriers = importlib.import_module("statements").carriers()
    unknown = {
        (mutant.fault, entry_id)
        for mutant in importlib.import_module("mutants").MUTANTS
        for entry_id in mutant.ids
        if entry_id not in carriers
    }
    assert not unknown
