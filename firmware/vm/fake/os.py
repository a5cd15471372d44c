"""`os` of a board: chance comes from the bench, because the WebAssembly VM has none."""

from _bench import chance
from uctypes import addressof
from uos import *  # noqa: F403  # the rest is the VM's own


def urandom(length):
    """See MicroPython."""
    buf = bytearray(length)
    chance(addressof(buf), length)
    return bytes(buf)
