"""Sensor node: samples, answers and publishes for ever; a program that ends is started again by the watchdog."""

import asyncio
from time import ticks_ms

import board
import identity
import micropython

from minegate_hal.sensor_board import SensorBoard


def main() -> None:
    """For ever, unless a person holds the board for service: then the prompt, and no watchdog."""
    if board.service():
        return
    micropython.kbd_intr(-1)
    asyncio.run(SensorBoard(board, identity, ticks_ms).run())


main()
