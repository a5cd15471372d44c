"""TOML as the files of a section's gateway are written: tables of plain values."""

from __future__ import annotations

import json

Value = int | float | str | bool | list[str]


def table(head: str, **values: Value) -> str:
    """A table under `[head]`; JSON's spelling of these values is TOML's too. Empty texts are left out."""
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items() if value != ""]
    return "\n".join([f"[{head}]", *lines]) + "\n"
