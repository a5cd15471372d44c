"""The command line `minegate` (tools/README.md)."""
