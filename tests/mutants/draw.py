"""Draws faults that nobody chose and runs every Robot suite on each: ``tests/mutants/draw.py SEED [COUNT]``.

A kind of fault is drawn from a list of generic ones, then a place for it in the models of the emulators (the files
that the contract ``models-without-io`` names, and what they reckon with). A fault that no test notices is either
without effect on any statement, which a person has to show, or a test is missing.

Exit code: 0 every fault was noticed, 1 one was not.
"""

from __future__ import annotations

import ast
import random
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[2]))
from mutant import Mutant
from planting import ROOT, Broken, clean_copy, failures, planted

#: What models reckon with and the contract does not name.
MORE = (
    "emulators/kit/phases.py",
    "emulators/kit/readable.py",
    "emulators/kit/p1.py",
    "emulators/kit/pilot.py",
    "emulators/mennekes_ecu/second_meter.py",
)
STORE = {"text", "whole", "number", "flag", "per_phase"}
TIMES = ("until", "deadline", "valid", "expir", "renew", "since", "last", "due")
SCALES = (1000, 1000.0, 100, 10, 10.0, 0.1, 0.01, 0.001, 60, 3600)
PROCESSES = 2


@dataclass(frozen=True, slots=True)
class Place:
    """A piece of a file and what becomes of it.

    Attributes:
        file: From the root of the source.
        line: Its first line.
        start: First character.
        end: The one after the last.
        new: What stands there instead.
    """

    file: str
    line: int
    start: int
    end: int
    new: str


def models() -> list[str]:
    """Return the files of the emulators' models, as the import contract names them."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = config["tool"]["importlinter"]["contracts"]
    (contract,) = (one for one in contracts if one.get("id") == "models-without-io")
    files = {ROOT / file for file in MORE}
    for module in contract["source_modules"]:
        path = module.replace(".", "/")
        files |= set(ROOT.glob(f"{path}.py"))
    return sorted(file.relative_to(ROOT).as_posix() for file in files if file.name != "__init__.py")


def _replaced(node: ast.AST, **fields: object) -> str:
    """Return a node's text with some of its fields changed."""
    parts = {name: getattr(node, name) for name in node._fields} | fields
    return ast.unparse(ast.fix_missing_locations(type(node)(**parts)))


def _is_call(node: ast.AST, *names: str) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in names


def swap_two_phases(node: ast.AST) -> str | None:
    """L2 and L3 change places."""
    if _is_call(node, "PerPhase") and len(getattr(node, "args", ())) == 3:
        assert isinstance(node, ast.Call)
        return _replaced(node, args=[node.args[0], node.args[2], node.args[1]])
    if isinstance(node, ast.Attribute) and node.attr in ("l2", "l3"):
        return _replaced(node, attr={"l2": "l3", "l3": "l2"}[node.attr])
    return None


def drop_a_sign(node: ast.AST) -> str | None:
    """A minus goes, or a magnitude is taken for the value."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return ast.unparse(node.operand)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
        return f"({_replaced(node, op=ast.Add())})"
    if _is_call(node, "copysign") or (isinstance(node, ast.Attribute) and node.attr.startswith("signed_")):
        return f"abs({ast.unparse(node)})" if isinstance(node, ast.Call) else None
    return None


def off_by_one(node: ast.AST) -> str | None:
    """A boundary is beside where it should be."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        other = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}.get(type(node.ops[0]))
        if other:
            return f"({_replaced(node, ops=[other()])})"
    if isinstance(node, ast.BinOp) and isinstance(node.right, ast.Constant) and node.right.value == 1:
        return ast.unparse(node.left)
    return None


def ignore_a_parameter(node: ast.AST) -> str | None:
    """A setting plays no part: what it switches is off, what it bounds is wide open."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in STORE):
        return None
    if not (node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)):
        return None
    return {"text": "''", "whole": "32", "number": "32.0", "flag": "False"}.get(node.func.attr)


def use_l1_for_all(node: ast.AST) -> str | None:
    """The first phase's value counts for all."""
    if _is_call(node, "PerPhase") and len(getattr(node, "args", ())) == 3:
        assert isinstance(node, ast.Call)
        return _replaced(node, args=[node.args[0]] * 3)
    if isinstance(node, ast.Attribute) and node.attr in ("l2", "l3"):
        return _replaced(node, attr="l1")
    return None


def never_renew(node: ast.AST) -> str | None:
    """A moment that should be moved on stays."""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
        name = node.targets[0].attr
        if any(word in name for word in TIMES) and not isinstance(node.value, ast.Constant):
            return "pass"
    return None


def accept_nan(node: ast.AST) -> str | None:
    """What is no number is taken for one."""
    if _is_call(node, "isnan"):
        return "False"
    if _is_call(node, "isfinite"):
        return "True"
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Is) and ast.unparse(node.comparators[0]) == "None":
        return "False"
    return None


def wrong_unit(node: ast.AST) -> str | None:
    """A factor between two units is forgotten."""
    scaled = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div | ast.FloorDiv)
    if scaled and isinstance(node.right, ast.Constant) and node.right.value in SCALES:
        return ast.unparse(node.left)
    return None


def stale_value(node: ast.AST) -> str | None:
    """What was learned is not kept, so the old value goes on."""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
        return "pass"
    return None


def wrong_rounding(node: ast.AST) -> str | None:
    """Up instead of down, down instead of to the nearest."""
    if not isinstance(node, ast.Call) or not node.args:
        return None
    name = ast.unparse(node.func)
    value = ast.unparse(node.args[0])
    return {
        "round": f"int({value})",
        "int": f"round({value})",
        "math.floor": f"math.ceil({value})",
        "math.ceil": f"math.floor({value})",
    }.get(name)


KINDS: tuple[Callable[[ast.AST], str | None], ...] = (
    swap_two_phases,
    drop_a_sign,
    off_by_one,
    ignore_a_parameter,
    use_l1_for_all,
    never_renew,
    accept_nan,
    wrong_unit,
    stale_value,
    wrong_rounding,
)


def places(kind: Callable[[ast.AST], str | None]) -> Iterator[Place]:
    """Yield where a kind of fault can be planted; what makes an object is not changed, only what it does."""
    for file in models():
        text = (ROOT / file).read_text(encoding="utf-8")
        starts = [0]
        for line in text.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        tree = ast.parse(text)
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef) or function.name.startswith("__"):
                continue
            for node in (inner for step in function.body for inner in ast.walk(step)):
                new = kind(node)
                if new is not None and hasattr(node, "lineno"):
                    assert node.end_lineno and node.end_col_offset is not None
                    start, end = starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1]
                    yield Place(file, node.lineno, start, end + node.end_col_offset, new)


def drawn(seed: int, count: int) -> list[Mutant]:
    """Return faults of kinds and at places that the seed decides, no place twice."""
    dice = random.Random(seed)
    found: dict[tuple[str, int], Mutant] = {}
    kinds: list[Callable[[ast.AST], str | None]] = []
    while len(found) < count:
        kinds = kinds or dice.sample(KINDS, len(KINDS))
        kind = kinds.pop()
        choice = sorted(places(kind), key=lambda place: (place.file, place.start))
        if not choice:
            continue
        place = dice.choice(choice)
        text = (ROOT / place.file).read_text(encoding="utf-8")
        fault = f"{kind.__name__}: {place.file}:{place.line}: {text[place.start : place.end]} -> {place.new}"
        whole = text[: place.start] + place.new + text[place.end :]
        found.setdefault((place.file, place.start), Mutant(fault, place.file, text, whole))
    return list(found.values())


def noticed(mutant: Mutant, clean: Path) -> tuple[str, bool]:
    """Return what all Robot suites say of a fault, and whether one of them fails."""
    try:
        with planted(mutant, clean) as tree:
            failed = failures(tree)
    except Broken as error:  # the farm itself fell: it was noticed, and no verdict was given
        return f"no verdict: {str(error).splitlines()[0]}", True
    return (f"{len(failed)} tests fail, the first is {failed[0]}", True) if failed else ("NOBODY NOTICES", False)


def main(words: list[str]) -> int:
    """Draw and run."""
    seed, count = int(words[0]), int(words[1]) if len(words) > 1 else len(KINDS)
    mutants = drawn(seed, count)
    lost = 0
    with tempfile.TemporaryDirectory(prefix="drawn-") as name, ThreadPoolExecutor(PROCESSES) as pool:
        clean = clean_copy(Path(name) / "clean")
        for mutant, (text, good) in zip(mutants, pool.map(lambda one: noticed(one, clean), mutants), strict=True):
            print(f"{mutant.fault}\n    {text}", flush=True)
            lost += not good
    print(f"seed {seed}: {len(mutants)} faults, {lost} that no test notices")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
