"""What a boot knows of itself: why it happened, and chance that no other boot has."""

from os import urandom

import machine

from minegate_wire.messages import RESET_HARD, RESET_POWER_ON, RESET_SOFT, RESET_UNKNOWN, RESET_WATCHDOG
from minegate_wire.seal import SESSION_BYTES


def reset_cause() -> int:
    """HELLO.reset_cause. The ports number their causes differently, and some know only two."""
    cause = machine.reset_cause()
    for name, told in (
        ("WDT_RESET", RESET_WATCHDOG),
        ("PWRON_RESET", RESET_POWER_ON),
        ("HARD_RESET", RESET_HARD),
        ("SOFT_RESET", RESET_SOFT),
    ):
        if cause == getattr(machine, name, None):
            return told
    return RESET_UNKNOWN


def boot_nonce() -> int:
    """1..65535 at random."""
    two = urandom(2)
    return (two[0] | two[1] << 8) or 1


def session() -> bytes:
    """Eight bytes at random, from the generator of the port."""
    return urandom(SESSION_BYTES)
