"""Relay node: a plain loop that ends with the coil off, whatever ends it; the watchdog then starts it again."""

import gc
from time import ticks_ms

import board
import identity
import micropython

from minegate_hal.relay_board import RelayBoard

_COLLECT_CYCLES = 4096  # the loop allocates nothing; what an exception of a driver left is swept up here


def main() -> None:
    """For ever, unless a person holds the board for service: then the prompt, with the coil off and no watchdog."""
    if board.service():
        return
    micropython.kbd_intr(-1)
    own = RelayBoard(board, identity)
    cycles = 0
    try:
        while True:
            own.cycle(ticks_ms())
            cycles += 1
            if cycles == _COLLECT_CYCLES:
                cycles = 0
                gc.collect()
    finally:
        board.off()


main()
