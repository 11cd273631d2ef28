"""OCPP-J frames: what a message is, and what its payload must be. No I/O."""
