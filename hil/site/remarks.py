"""What the checks of a site have to say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Remark:
    """What a check has to say.

    Attributes:
        where: Path of the field.
        message: What is wrong, with the value.
        allowed: What would be right.
        refuses: The site cannot be used like this; otherwise it is a warning.
    """

    where: tuple[str | int, ...]
    message: str
    allowed: str = ""
    refuses: bool = True
