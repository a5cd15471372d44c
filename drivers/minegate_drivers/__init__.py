"""Drivers, device maps and codecs of sensors and robots. A driver knows bytes, never a port."""
