"""Freezes the node into a MicroPython build: `make BOARD=... FROZEN_MANIFEST=.../firmware/boards/manifest.py`.

Frozen code runs from flash and takes no RAM, and nobody edits a file on it. Board file, identity and main stay files,
because they differ from node to node; `minegate node flash` writes them.
"""
# ruff: noqa: F821  # the names are those of MicroPython's manifest files

include("$(PORT_DIR)/boards/manifest.py")
package("minegate_wire", base_path="..", opt=2)
package("minegate_node", base_path="..", opt=2)
package("minegate_hal", base_path="..", opt=2)
