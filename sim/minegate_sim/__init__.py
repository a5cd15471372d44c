"""A mine to test against: buses, devices and physics that speak real bytes (sim/README.md)."""
