"""How a tester sets a device up: the form of its web interface, until other ways are emulated."""

from hil.configure.form import Form

__all__ = ["Form"]
