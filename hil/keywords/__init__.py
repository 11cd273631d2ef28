"""The words that tests are written in: a Robot library (``hil.keywords.Farm``) and ``farm.resource``.

The keywords are in :mod:`hil.keywords.topics`, a file a topic. What they share stands here: the running test
(:mod:`context`, :mod:`session`), values over farm time (:mod:`comparisons`) and of one moment (:mod:`assertions`),
arguments with units (:mod:`values`), the names that a test speaks of (:mod:`names`).
"""
