"""Drivers of the Gecko inspection robot: what its maker ships so that a minegate gateway can read it."""
