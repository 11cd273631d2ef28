"""What the manufacturers' documents say, as data, and which tests show it."""

from hil.requirements.catalogue import Catalogue, Entry, Reason
from hil.requirements.matrix import Matrix, Row, matrix, print_matrix, print_waiting

__all__ = ["Catalogue", "Entry", "Matrix", "Reason", "Row", "matrix", "print_matrix", "print_waiting"]
