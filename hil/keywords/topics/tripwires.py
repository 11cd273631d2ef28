"""Tripwires: every test has them; a test that wants one says so."""

from __future__ import annotations

from robot.api.deco import keyword

from hil.errors import ScenarioError
from hil.keywords.context import Context


class Tripwires:
    """Words for findings of the plant."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @keyword(tags=("Setter",))
    def expect_finding(self, kind: str) -> None:
        """Do not fail on a tripwire of this kind: ``fuse``, ``limit``, ``live_socket``.

        `Finding Should Be Recorded` asserts that it was touched.

        | Expect Finding | limit |
        """
        if kind not in ("fuse", "limit", "live_socket"):
            raise ScenarioError(f"there is no tripwire {kind!r}. Allowed: fuse, limit, live_socket.")
        self._context.session.expected.add(kind)

    @keyword(tags=("Assertion",))
    def finding_should_be_recorded(self, kind: str, where: str) -> None:
        """Assert that a tripwire was touched at a node or socket.

        | Finding Should Be Recorded | limit | supply |
        """
        session = self._context.session
        findings = session.tester.installation.findings
        if not any((finding.kind, finding.where) == (kind, where) for finding in findings):
            raise AssertionError(f"No tripwire {kind!r} was touched at {where}.\n{session.why(where)}")
