"""JUnit's two words for a test that did not pass, which Robot does not tell apart."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from hil.errors import BenchError, ScenarioError
from hil.report.verdicts import Failure


def tell_errors(path: Path) -> None:
    """Rewrite Robot's xUnit file: an ``<error>`` is the farm's or the test's author's, a ``<failure>`` the device's.

    What a signal ended, or kept from beginning, stays what Robot calls it.
    """
    tree = ElementTree.parse(path)
    for case in tree.iter("testcase"):
        failed = case.find("failure")
        if failed is None:
            continue
        failure = Failure(case.get("name", ""), "", failed.get("message", ""))
        if failure.farm_failed or failure.author_wrong:
            failed.tag = "error"
            failed.set("type", (BenchError if failure.farm_failed else ScenarioError).__name__)
    for suite in tree.iter("testsuite"):
        for name, tag in (("failures", "failure"), ("errors", "error")):
            suite.set(name, str(sum(1 for _ in suite.iter(tag))))
    tree.write(path, encoding="UTF-8", xml_declaration=True)
