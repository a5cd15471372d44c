"""The first thing of every boot, also of a soft reset, which may keep pin states."""

import board

board.off()

import micropython  # noqa: E402  # nothing may stand before the line above

micropython.alloc_emergency_exception_buf(100)
