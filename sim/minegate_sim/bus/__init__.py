"""Buses that misbehave as real ones do: RS-485 and CAN as shared media, and the ways out of them (README.md)."""
