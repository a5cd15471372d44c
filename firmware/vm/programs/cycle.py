"""Whether a whole cycle of a relay board allocates: its real board file and hardware abstraction, heap locked."""

from time import ticks_ms

import board
import identity
import micropython

from minegate_hal.relay_board import RelayBoard

WARM = 50


def main(cycles):
    """Run that many cycles, each with the heap locked; MemoryError at the first that allocates."""
    own = RelayBoard(board, identity)
    energised = 0
    for cycle in range(cycles):
        now_ms = ticks_ms()
        if cycle > WARM:
            micropython.heap_lock()
        try:
            own.cycle(now_ms)
        finally:
            if cycle > WARM:
                micropython.heap_unlock()
        energised += own.node.coil
    print(
        "nothing allocated in %d cycles, energised in %d, %d frames heard" % (cycles, energised, own.node.receiver.good)
    )
