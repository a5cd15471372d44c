"""What runs on a sensor or relay node (firmware/README.md)."""
