"""The words that tests are written in: a Robot library (``hil.keywords.Farm``) and ``farm.resource``."""
