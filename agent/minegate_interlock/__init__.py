"""The interlock: rules, judge, timing, lines and outputs. Standard library only (agent/README.md)."""

from minegate_interlock import lean as lean  # before any other import of this package
