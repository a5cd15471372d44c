"""What the `micropython` module of a board has and that of the WebAssembly VM has not. On the bench there is nothing
for it to do: no interrupt runs out of memory, and no Ctrl-C comes.
"""

import sys

from micropython import *  # noqa: F403  # the rest is the VM's own


def alloc_emergency_exception_buf(size):
    """See MicroPython."""


def kbd_intr(character):
    """See MicroPython."""


sys.modules["micropython"] = sys.modules["missing"]
