"""One file per command of `minegate`: `declare` adds its arguments, its work returns the exit code."""
