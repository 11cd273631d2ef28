"""The library's words, a file a topic. A new topic is a new file here: nothing else lists it.

Each public class of a file is a topic. It is made with the :class:`~hil.keywords.context.Context`, and each of its
methods with ``@keyword`` is a keyword; its docstring shows an example, which robot/suites/keywords runs.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from types import ModuleType

from hil.keywords.context import Context


def topics(context: Context) -> list[object]:
    """Return every topic of this folder, in the order of its files."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__, f"{__name__}."))
    return [topic(context) for name in names for topic in _public_classes(importlib.import_module(name))]


def _public_classes(module: ModuleType) -> list[Callable[[Context], object]]:
    """Return the classes that a file defines itself, not those it imports."""
    return [
        value
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]
