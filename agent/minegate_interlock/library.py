"""The rules of the regulations as shipped, `library/*.toml`: each by (class, id), with article, clause and flag."""

from __future__ import annotations

import pkgutil
import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any

from minegate_interlock.digest import sha256
from minegate_interlock.forms import UnfitError

FILES = ("methane.toml", "air.toml", "locks.toml", "machines.toml", "trends.toml")
EDITIONS = ("coal-2007", "coal-2022", "coal-2025")

Entry = dict[str, Any]  # a rule's keys as in its file, those of [common] beneath them, and `articles`


@cache
def entries() -> Mapping[str, Entry]:
    """The rule of each "class/id". Read once."""
    found: dict[str, Entry] = {}
    for file in FILES:
        tables = tomllib.loads(_text(file).decode("utf-8"))
        for row in tables["rule"]:
            key = f"{row['class']}/{row['id']}"
            assert key not in found, key
            editions = row.get("editions", list(tables["article"]))
            found[key] = {**tables.get("common", {}), **row, "articles": tables["article"], "editions": editions}
    return found


@cache
def library_hash() -> bytes:
    """SHA-256 over all files of the library: another library is another set of rules."""
    return sha256(b"".join(_text(file) for file in FILES))


def entry(where: str, key: str, edition: str) -> Entry:
    """The rule `key` as it stands in `edition`. Raises UnfitError."""
    if key not in entries():
        near = sorted(known for known in entries() if known.split("/")[0] == key.split("/")[0])
        classes = sorted({known.split("/")[0] for known in entries()})
        hint = f"ids of this class are {', '.join(near)}" if near else f"classes are {', '.join(classes)}"
        raise UnfitError(f"{where}: the library has no rule {key!r}; {hint}")
    found = entries()[key]
    if edition not in found["editions"]:
        raise UnfitError(f"{where}: rule {key!r} is not in force in edition {edition!r}, only in {found['editions']}")
    return found


def source(key: str, edition: str) -> str:
    """Edition, article, clause and flag of a rule, in one line."""
    found = entries()[key]
    note = f"; {found['note']}" if "note" in found else ""
    return f"{found['articles'][edition]}; {found['clause']} ({found['flag']}){note}"


def _text(file: str) -> bytes:
    data = pkgutil.get_data("minegate_interlock", f"library/{file}")
    assert data is not None, file
    return data
