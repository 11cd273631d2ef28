"""Configuration: a device's parameters, as in its web interface."""

from __future__ import annotations

from typing import Any

from assertionengine import AssertionOperator
from robot.api.deco import keyword

from hil.errors import ScenarioError
from hil.keywords.assertions import JUST_READ, verify
from hil.keywords.context import Context
from hil.site.values import unknown


class Configuration:
    """Words for a device's parameters."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @keyword(tags=("Configuration",))
    def set_parameter(self, device: str, parameter: str, value: str) -> None:
        """Edit a parameter in the device's form; `Save` keeps it.

        | Set Parameter | CP1 | DLM Network Id | 5 |
        """
        session = self._context.session
        session.call(session.tester.form(device).edit(parameter, value))

    @keyword(tags=("Configuration",))
    def save(self, device: str) -> list[str]:
        """Save the device's form; return the parameters that wait for a restart.

        | Save | CP1 |
        """
        session = self._context.session
        return list(session.call(session.tester.form(device).save()))

    @keyword(tags=("Configuration",))
    def restart_device(self, device: str) -> None:
        """Restart a device; unsaved edits are lost.

        | Restart Device | CP1 |
        """
        session = self._context.session
        session.ask(lambda: session.tester.form(device).restart())

    @keyword(tags=("Configuration",))
    def configure(self, device: str, parameter: str, value: str) -> None:
        """Set a parameter, save, restart.

        | Configure | CP4 | DLM Network Id | 5 |
        """
        self.set_parameter(device, parameter, value)
        self.save(device)
        self.restart_device(device)

    @keyword(tags=("Getter", "Assertion"))
    def get_parameter(
        self,
        device: str,
        parameter: str,
        assertion_operator: AssertionOperator = JUST_READ,
        assertion_expected: Any = None,
    ) -> str:
        """Return what the device's form shows for a parameter, as text; with an operator, compare it.

        | ${id} = | Get Parameter | CP1 | DLM Network Id | | |
        | Get Parameter | CP1 | DLM Network Id | == | 0 | |
        | Get Parameter | CP1 | Installation Current Limit [A] | <= | 32 A | |
        """
        session = self._context.session
        shown = session.call(session.tester.form(device).shown(parameter))
        what = f"Parameter {parameter!r} of {device}"
        unit = session.tester.site.require(device).family.parameters.named(parameter).unit
        return verify(session, what, shown, assertion_operator, assertion_expected, unit=unit)  # type: ignore[no-any-return]

    @keyword(tags=("Assertion",))
    def parameter_should_be_available(self, device: str, *parameters: str, menu: str | None = None) -> None:
        """Assert that the device's form has parameters, with ``menu`` in that menu.

        | Parameter Should Be Available | CP1 | DLM Network Id | |
        | Parameter Should Be Available | CP1 | DLM Network Id | menu=Load Management > Dynamic Load Management |
        """
        session = self._context.session
        for name in parameters:
            session.tester.site.require_parameter(device, name)
        offered = session.call(session.tester.form(device).available())
        table = session.tester.site.require(device).family.parameters
        menus = dict.fromkeys(row.menu for row in table.values())
        if menu not in (None, *menus):
            flaw = unknown(f"{device} menu", menu, filter(None, menus))
            raise ScenarioError(f"{flaw.message} {flaw.allowed}".rstrip())
        missing = [name for name in parameters if name not in offered or menu not in (None, table.named(name).menu)]
        if missing:
            raise AssertionError(f"{device} does not have {', '.join(missing)}" + (f" in {menu}." if menu else "."))

    @keyword(tags=("Assertion",))
    def parameter_should_not_be_available(self, device: str, *parameters: str) -> None:
        """Assert that the device's form lacks parameters.

        | Parameter Should Not Be Available | CP2 | EVSE Sub-Distribution Limit (L1/L2/L3) [A] |
        """
        session = self._context.session
        offered = session.call(session.tester.form(device).available())
        for name in parameters:
            session.tester.site.require_parameter(device, name)
            if name in offered:
                raise AssertionError(f"{device} has {name}.")

    @keyword(tags=("Assertion",))
    def parameter_should_refuse(self, device: str, parameter: str, value: str) -> None:
        """Assert that the device's form refuses a value.

        | Parameter Should Refuse | CP1 | DLM Master/Slave | DLM Slave (Master-Auto-Recovery) |
        """
        session = self._context.session
        session.tester.site.require_parameter(device, parameter)
        if not session.call(session.tester.form(device).refuses(parameter, value)):
            raise AssertionError(f"{device} takes {parameter} = {value!r}.")
