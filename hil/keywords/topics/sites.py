"""Sites: start one, check one."""

from __future__ import annotations

import os

from robot.api import SkipExecution
from robot.api.deco import keyword

from hil.errors import ScenarioError, SiteFileError
from hil.keywords.context import Context
from hil.keywords.names import check_names
from hil.run.needs import lacking
from hil.run.session import build_site


class Sites:
    """Words for the site that a test runs on."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @keyword(tags=("Setter",))
    def start_site(self, site: str, **overrides: str) -> None:
        """Start a fresh farm for this test from a site file or a shipped site.

        Fields of the site are changed for this test by their dotted name; in parameter names dots do not occur. A test
        that needs what a seat of the site has not (``needs:display``) is skipped here.

        | Start Site | mennekes/car-park | |
        | Start Site | mennekes/car-park | feeders.F3.fuse.rating_a=63 |
        """
        if self._context.is_running:
            raise ScenarioError("a site is running in this test already: one site per test.")
        checked = build_site(os.environ.get("HIL_SITE", site), overrides)
        if reason := lacking(self._context.needs, checked):
            raise SkipExecution(reason)
        check_names(checked, self._context.body, self._context.signatures)
        self._context.start(checked)

    @keyword(tags=("Assertion",))
    def site_check_should_say(self, site: str, text: str, **overrides: str) -> None:
        """Assert that checking a site gives an error or a warning with this text; no farm is started.

        | Site Check Should Say | mennekes/car-park | is negative | loads.x.current_a=-1 |
        """
        try:
            checked = build_site(site, overrides)
        except ScenarioError as error:
            said = str(error)
        else:
            said = "\n".join(str(problem) for problem in checked.warnings)
        if text not in said:
            raise AssertionError(f"The site check does not say {text!r}. It says:\n{said or '(nothing)'}")

    @keyword(tags=("Assertion",))
    def site_check_should_accept(self, site: str, **overrides: str) -> None:
        """Assert that checking a site gives neither errors nor warnings.

        | Site Check Should Accept | mennekes/car-park |
        """
        try:
            said = "\n".join(str(problem) for problem in build_site(site, overrides).warnings)
        except SiteFileError as error:
            said = str(error)  # that the site is refused is the verdict here
        if said:
            raise AssertionError(f"The site check does not accept this. It says:\n{said}")
