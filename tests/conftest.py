"""What all tests share."""

import signal

from hypothesis import settings

# How long an example takes says how busy the machine is, and nothing about the farm.
settings.register_profile("farm", deadline=None)
settings.load_profile("farm")

# A shell starts what it runs in the background with Ctrl-C ignored, and processes inherit that; tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
