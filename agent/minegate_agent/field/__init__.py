"""The process that owns the buses: ports, arbiter, readers, and the hand-over to interlock and link."""
