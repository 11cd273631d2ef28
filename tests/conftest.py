"""What all tests share."""

from hypothesis import settings

# How long an example takes says how busy the machine is, and nothing about the farm.
settings.register_profile("farm", deadline=None)
settings.load_profile("farm")
