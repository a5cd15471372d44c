"""Imported first: `dataclasses` is loaded without `inspect`, which it needs only for classes that have no doc string.

`inspect` brings the tables of parser and disassembler with it, 1 MB in a process that is to stay within 16. Whoever
asks for it after all gets it then.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType


class _Later(ModuleType):
    """Becomes the real module at the first question."""

    def __getattr__(self, name: str) -> object:
        real = import_module(self.__name__)
        sys.modules["dataclasses"].__dict__[self.__name__] = real
        return getattr(real, name)


def _load() -> None:
    if "inspect" in sys.modules or "dataclasses" in sys.modules:
        return
    sys.modules["inspect"] = _Later("inspect")
    import_module("dataclasses")
    del sys.modules["inspect"]


_load()
