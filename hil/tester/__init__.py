"""What a person at a site can do and see, role by role (:mod:`hil.tester.roles`), and who fills the roles."""

from hil.tester.roles import AtSocket, Settings
from hil.tester.tester import Tester

__all__ = ["AtSocket", "Settings", "Tester"]
