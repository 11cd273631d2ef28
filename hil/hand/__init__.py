"""A running farm from a second shell: ``hil plug``, ``hil load``, ``hil cut``, ``hil watch`` and the like."""
