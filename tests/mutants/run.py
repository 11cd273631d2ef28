"""Plants one fault at a time into a copy of the source and wants tests to fail: ``make mutants [ID ...]``.

A fault with ``ids`` has to fail a Robot test of each of these statements; one with ``checks`` one of the tests named.
Each test is first run on an unharmed copy: a test that fails there proves nothing. A fault counts as killed when a
test *failed*; a run that could not start, or a farm that broke down, is an error of this check.

What was seen is kept: hil/requirements/proofs.csv (statements) and tests/mutants/seen.csv (tests by name). A fault is
planted again when it, the file that it changes or its tests are others than then, or when it is asked for.

Exit code: 0 every fault was killed, 1 one survived, 2 the table or a test is wrong.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import textwrap
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[2]))  # the source beside this file, not an installed one
from mutant import Mutant
from mutants import MUTANTS
from planting import FAILED, Broken, clean_copy, failed_tests, killer, planted
from statements import carriers, key

from hil.requirements.catalogue import Catalogue
from hil.requirements.proofs import PROOFS, Proof, Proven, proven, read_inexpressible, read_proofs, write_proofs

HERE = Path(__file__).resolve().parent
SEEN = HERE / "seen.csv"
PROCESSES = 2
#: Kinds of statements whose planted fault has to be one that violates just that statement.
OWN_FAULT = ("behaviour", "limit")


@dataclass
class Seen:
    """What one fault was seen to do.

    Attributes:
        key: What the verdict rests on.
        killed_by: The first test named that failed; empty when none did, or none is named.
        failed: Tests that failed, by statement.
        broken: Why there is no verdict.
    """

    key: str
    killed_by: str = ""
    failed: Mapping[str, Sequence[str]] = field(default_factory=dict)
    broken: str = ""

    def survived(self, mutant: Mutant) -> list[str]:
        """Return what did not notice the fault: ids, or the names of tests."""
        lost = [entry_id for entry_id in mutant.ids if not self.failed.get(entry_id)]
        if mutant.checks and not self.killed_by:
            lost.append(" and ".join(f"{check.path}: {check.test}" for check in mutant.checks))
        return lost


def remembered() -> dict[str, Seen]:
    """Return what is known of each fault, by its words."""
    known: dict[str, Seen] = {}
    for row in read_proofs():
        if row.fault:
            seen = known.setdefault(row.fault, Seen(row.key, failed={}))
            tests = [*seen.failed.get(row.id, ()), *([row.test] if row.test else [])]
            seen.failed = {**seen.failed, row.id: tests}
    if SEEN.exists():
        with SEEN.open(encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file):
                known.setdefault(line["fault"], Seen(line["key"])).killed_by = line["test"]
    return known


def remember(known: Mapping[str, Seen]) -> None:
    """Write what is known of the faults of today's table."""
    rows: list[Proof] = []
    unproven = {
        (entry_id, test) for entry_id, files in carriers().items() for tests in files.values() for test in tests
    }
    for mutant in MUTANTS:
        seen = known.get(mutant.fault)
        if seen is None or seen.broken:
            continue
        for entry_id in mutant.ids:
            failed = seen.failed.get(entry_id, ())
            unproven -= {(entry_id, test) for test in failed}
            rows += [Proof(entry_id, mutant.fault, test, seen.key) for test in failed or [""]]
    write_proofs([*rows, *(Proof(entry_id, "", test, "") for entry_id, test in unproven)])
    with SEEN.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("fault", "test", "key"))
        for mutant in sorted(MUTANTS, key=lambda mutant: mutant.fault):
            seen = known.get(mutant.fault)
            if mutant.checks and seen and not seen.broken:
                writer.writerow((mutant.fault, seen.killed_by, seen.key))


def attack(mutant: Mutant, clean: Path) -> Seen:
    """Plant one fault and run its tests."""
    seen = Seen(key(mutant))
    try:
        with planted(mutant, clean) as tree:
            if mutant.ids:
                seen.failed = _failed(mutant.ids, tree)
            seen.killed_by = next(filter(None, (killer(check.path, [check.test], tree) for check in mutant.checks)), "")
    except Broken as error:
        seen.broken = str(error)
    return seen


def _failed(ids: Sequence[str], tree: Path) -> dict[str, list[str]]:
    """Return which tests of some ids fail; one by one, when together they end in anything but a verdict."""
    suites = sorted({path for entry_id in ids for path in carriers()[entry_id]})
    try:
        return failed_tests(ids, suites, tree)
    except Broken:
        if len(ids) == 1:
            raise
    return {entry_id: _failed([entry_id], tree)[entry_id] for entry_id in ids}


def wrong_on(clean: Path, mutants: Sequence[Mutant]) -> list[str]:
    """Return which tests of some faults do not pass on the source as it is."""
    files: dict[str, list[str]] = {}  # one run for all tests of a file: starting costs more than testing
    for check in dict.fromkeys(check for mutant in mutants for check in mutant.checks):
        files.setdefault(check.path, []).append(check.test)
    ids = sorted({entry_id for mutant in mutants for entry_id in mutant.ids})
    suites: dict[str, list[str]] = {}
    for entry_id in ids:
        for path in carriers()[entry_id]:
            suites.setdefault(path, []).append(entry_id)
    print(f"{sum(map(len, files.values()))} tests and the suites of {len(ids)} ids on the source as it is", flush=True)

    def named(path: str) -> str:
        failed = killer(path, files[path], clean)
        return f"{failed} fails without any fault planted" if failed else ""

    def carrying(path: str) -> str:
        failed = sorted(set().union(*failed_tests(suites[path], [path], clean).values()))
        return f"{', '.join(failed)}: fails without any fault planted" if failed else ""

    wrong: list[str] = []
    with ThreadPoolExecutor(PROCESSES) as pool:
        runs = [pool.submit(named, path) for path in files] + [pool.submit(carrying, path) for path in suites]
        for run in runs:
            try:
                wrong += filter(None, [run.result()])
            except Broken as error:
                wrong.append(str(error))
    return wrong


def wanted(words: Sequence[str], part: str, every: bool, known: Mapping[str, Seen]) -> list[Mutant]:
    """Return the faults that are to be planted."""
    if every:
        return list(MUTANTS)
    if words:
        text = " ".join(words).lower()
        prefixes = tuple(words)
        return [
            mutant
            for mutant in MUTANTS
            if text in mutant.fault.lower() or any(entry_id.startswith(prefixes) for entry_id in mutant.ids)
        ]
    keys = {mutant.fault: key(mutant) for mutant in MUTANTS}
    touched = [m for m in MUTANTS if m.fault not in known or known[m.fault].key != keys[m.fault]]
    if not part:
        return touched
    parts = int(part)
    turn = sum(int(one, 16) for one in keys.values()) % parts  # each change of the source brings another part
    return [*touched, *(m for n, m in enumerate(MUTANTS) if n % parts == turn and m not in touched)]


def figures(asked: Sequence[str]) -> str:
    """Return how many of the statements with a test are proven, of all or of those asked for."""
    catalogue = Catalogue.load()
    record: Mapping[str, Proven] = proven(read_proofs(), read_inexpressible(catalogue))
    tested = sorted(one for one in carriers() if not asked or one.startswith(tuple(asked)))

    def line(words: str, ids: Iterable[str]) -> str:
        ids = list(ids)
        whole = [i for i in ids if record[i].killers and not record[i].survivors]
        without = [i for i in ids if not record[i].killers and record[i].inexpressible]
        rest = sorted(set(ids) - set(whole) - set(without))
        text = f"{words}: {len(whole)} of {len(ids)} ids have a kill of their own"
        text += f", {len(without)} say why no fault can violate them" if without else ""
        return textwrap.fill(text + (f"; partly: {', '.join(rest)}" if rest else ""), 118, break_on_hyphens=False)

    own = [entry_id for entry_id in tested if catalogue[entry_id].kind in OWN_FAULT]
    return "\n".join((line("behaviour and limit", own), line("others", [one for one in tested if one not in own])))


def junit(done: Mapping[Mutant, Seen], path: Path) -> None:
    """Write a JUnit file: a fault that survived is a failure, one without a verdict an error."""
    suite = ET.Element("testsuite", name="mutants")
    for mutant, seen in done.items():
        case = ET.SubElement(suite, "testcase", classname=mutant.file, name=mutant.fault)
        lost = seen.survived(mutant)
        if seen.broken or lost:
            ET.SubElement(case, "error" if seen.broken else "failure", message=seen.broken or ", ".join(lost))
    ET.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def main() -> int:
    """Run what is asked for; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="ID", help="ids, what they begin with, or a text of a fault")
    parser.add_argument("--all", action="store_true", help="plant every fault again, also what is remembered")
    parser.add_argument("--part", default="", metavar="N", help="besides what is new: one fault in N, by turns")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write a JUnit file, a test case for each fault")
    args = parser.parse_args()
    known = remembered()
    mutants = wanted(args.words, args.part, args.all, known)
    if args.words and not mutants:
        print(f"no fault has {args.words} in it. There are:", *(m.fault for m in MUTANTS), sep="\n  ")
        return 2
    broken: list[str] = []
    survived: list[str] = []
    done: dict[Mutant, Seen] = {}
    with tempfile.TemporaryDirectory(prefix="mutants-") as name, ThreadPoolExecutor(PROCESSES) as pool:
        clean = clean_copy(Path(name) / "clean")
        broken += wrong_on(clean, mutants) if mutants else []
        if not broken:
            runs = {pool.submit(attack, mutant, clean): mutant for mutant in mutants}
            for count, run in enumerate(as_completed(runs), start=1):
                mutant, seen = runs[run], run.result()
                known[mutant.fault] = done[mutant] = seen
                lost = seen.survived(mutant)
                broken += [f"{mutant.fault}: {seen.broken}"] if seen.broken else []
                survived += [f"{mutant.fault}: {', '.join(lost)}"] if lost and not seen.broken else []
                verdict = "ERROR" if seen.broken else f"SURVIVED {', '.join(lost)}" if lost else "killed"
                by = seen.killed_by or ", ".join(mutant.ids)
                print(f"[{count:3}/{len(mutants)}] {mutant.fault:68} {verdict} ({by})", flush=True)
    remember(known)
    if args.junit:
        junit(done, args.junit)
    for text in broken:
        print(f"error: {text}", file=sys.stderr)
    for text in survived:
        print(f"survived: {text}", file=sys.stderr)
    print(f"{len(mutants)} faults planted, {len(MUTANTS) - len(mutants)} remembered or not asked for, ", end="")
    print(f"{len(survived)} survived, {len(broken)} errors; record: {PROOFS.relative_to(HERE.parents[1])}")
    print(figures(args.words))
    return 2 if broken else FAILED if survived else 0


if __name__ == "__main__":
    sys.exit(main())
