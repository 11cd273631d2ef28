"""Tripwires: every test has them; a test that wants one says so."""

from __future__ import annotations

from typing import Final

from robot.api.deco import keyword

from hil.errors import ScenarioError
from hil.keywords.context import Context
from hil.site import SUPPLY

KINDS: Final = ("fuse", "limit", "live_socket")


class Tripwires:
    """Words for findings of the plant."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @keyword(tags=("Setter",))
    def expect_finding(self, kind: str) -> None:
        """Expect a tripwire of this kind: ``fuse``, ``limit``, ``live_socket``. One that never comes fails the test.

        It may come until the test's end; `Finding Should Be Recorded` says where, and by when.

        | Expect Finding | limit |
        """
        _require_kind(kind)
        self._context.session.expect(kind)

    @keyword(tags=("Assertion",))
    def finding_should_be_recorded(self, kind: str, where: str) -> None:
        """Assert that a tripwire was touched at a node or socket.

        | Finding Should Be Recorded | limit | supply |
        """
        _require_kind(kind)
        session = self._context.session
        site = session.tester.site
        if where not in (known := [SUPPLY, *site.feeders, *site.outlets]):
            raise ScenarioError(f"there is no node and no socket {where!r}. Allowed: {', '.join(known)}.")
        findings = session.tester.installation.findings
        if not any((finding.kind, finding.where) == (kind, where) for finding in findings):
            raise AssertionError(f"No tripwire {kind!r} was touched at {where}.\n{session.why()}")


def _require_kind(kind: str) -> None:
    if kind not in KINDS:
        raise ScenarioError(f"there is no tripwire {kind!r}. Allowed: {', '.join(KINDS)}.")
