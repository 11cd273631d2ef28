"""Charging profiles: what is installed, and what it allows when. No I/O."""
