"""Devices in processes of their own: the seat at their end, the control channel, relays, programs of others."""
