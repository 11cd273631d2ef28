"""The table of planted faults fits the source: a fault whose text is gone would plant nothing."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_each_faults_text_stands_exactly_once_and_its_checks_exist() -> None:
    spec = importlib.util.spec_from_file_location("mutants", ROOT / "tests" / "mutants" / "mutants.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["mutants"] = importlib.util.module_from_spec(spec)  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    assert len(module.MUTANTS) >= 8
    for mutant in module.MUTANTS:
        source = (ROOT / mutant.file).read_text(encoding="utf-8")
        assert source.count(mutant.old) == 1, mutant.fault
        assert mutant.old != mutant.new, mutant.fault
        for check in mutant.checks:
            assert (ROOT / check.path).is_file(), (mutant.fault, check.path)
