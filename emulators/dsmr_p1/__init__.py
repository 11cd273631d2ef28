"""Dutch smart meter (DSMR) with a P1 port."""
