"""Serial lines: the emulated wire, pseudo-terminals, real ports."""
