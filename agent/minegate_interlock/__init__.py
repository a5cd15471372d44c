"""The interlock: rules, judge, timing, lines and outputs. Standard library only (agent/README.md)."""
