"""Where the agent's example site is: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

import minegate_agent
from minegate_agent.site import FILE


def example() -> Path:
    """Folder of the example. Raises FileNotFoundError."""
    package = Path(minegate_agent.__file__).parent
    for folder in (package.parent / "example", package / "example"):
        if (folder / FILE).is_file():
            return folder
    raise FileNotFoundError(f"{package.parent / 'example' / FILE}: the example is not installed")
