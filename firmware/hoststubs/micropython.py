"""`micropython` for CPython, as far as the firmware uses it."""

from __future__ import annotations


def alloc_emergency_exception_buf(size: int) -> None:
    """CPython needs none."""


def kbd_intr(character: int) -> None:
    """No prompt here."""
