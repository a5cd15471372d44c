"""What a node and its gateway say to each other. One source for MicroPython and CPython (firmware/README.md)."""
