"""Changes single values in a TOML text and leaves everything else as it is, comments included."""

from __future__ import annotations

import json
import re


def set_value(text: str, table: str, key: str, value: int | float | str | bool, name: str = "", why: str = "") -> str:
    """`text` with `key = value` in `[table]`, or in the `[[table]]` whose `name` is given.

    A key that is not there is added under the header; `why` becomes a comment. ValueError if the table is missing.
    """
    lines = text.splitlines()
    first, end = _section(lines, table, name)
    written = f"{key} = {json.dumps(value, ensure_ascii=False)}" + (f"  # {why}" if why else "")
    for at in range(first, end):
        if re.match(rf"\s*{re.escape(key)}\s*=", lines[at]):
            lines[at] = written
            break
    else:
        lines.insert(first, written)
    return "\n".join(lines) + "\n"


def _section(lines: list[str], table: str, name: str) -> tuple[int, int]:
    """First line under the header, and the line behind the section's last."""
    header = re.compile(rf"\s*\[{{1,2}}{re.escape(table)}\]{{1,2}}\s*(#.*)?$")
    heads = [at for at, line in enumerate(lines) if re.match(r"\s*\[", line) and not line.lstrip().startswith("[ ")]
    for at in heads:
        if not header.match(lines[at]):
            continue
        end = next((other for other in heads if other > at), len(lines))
        named = rf"\s*name\s*=\s*{re.escape(json.dumps(name, ensure_ascii=False))}\s*(#.*)?$"
        if not name or any(re.match(named, line) for line in lines[at:end]):
            return at + 1, end
    raise ValueError(f"no table [{table}] {f'with name {name!r}' if name else ''}".rstrip())
