"""The device maps as a page: `python -m minegate_drivers.map_docs [FILE...] > drivers/MAPS.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from minegate_drivers.device_map import DeviceMap, MapField, load
from minegate_drivers.map_record import reads
from minegate_drivers.signals import NAMES as _SIGNALS

SHIPPED = Path(__file__).parent / "maps"
_HEAD = """# Device maps that ship

Made from `minegate_drivers/maps/*.toml` by `python -m minegate_drivers.map_docs`; do not edit. A map of your own
lies in the site folder and is named in `gateway.toml`: `driver = "modbus"`, and among its options
`map = "my_device.toml"`.
"""


def page(paths: Iterable[Path]) -> str:
    """Markdown of all maps. ValueError if one is not right."""
    return _HEAD + "".join(f"\n{_section(load(path), path.name)}" for path in paths)


def _section(device_map: DeviceMap, file: str) -> str:
    device = device_map.device
    lines = [
        f"## {file}: {device.title_en} / {device.title_zh}",
        "",
        f"Source: {device.source}.",
        "",
        "| part | table | register | name | meaning | type | value | range | says |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for part, read in enumerate(reads(device_map)):
        for field in read.fields:
            place = str(field.register)
            if field.count > 1:
                place += f"-{field.register + field.count - 1}"
            cells = (
                str(part), read.table, place, f"`{field.name}`", f"{field.title_en} {field.title_zh}".strip(),
                _type(device_map, field), _value(field), _range(field), _says(field),
            )  # fmt: skip
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _type(device_map: DeviceMap, field: MapField) -> str:
    words: list[str] = [field.type]
    if field.count > 1 and field.type not in ("text", "bool"):
        words.append(f"{field.words or device_map.device.words} word first")
    if (field.bytes or device_map.device.bytes) == "little" and field.type != "bool":
        words.append("low byte first")
    if field.bit is not None:
        words.append(f"bits {field.bit}..{field.bit + field.bits - 1} ({device_map.device.bits})")
    return ", ".join(words)


def _value(field: MapField) -> str:
    if field.type == "text":
        return f"is {field.expect!r}" if field.expect else "text"
    parts = [f"raw x {field.scale:g}" if field.scale != 1 else "raw"]
    if field.offset:
        parts.append(f"{field.offset:+g}")
    if field.signal:
        parts.append("Hz" if field.signal in _SIGNALS[:2] else "mA")
        parts.append(f"read as {field.signal}")
    return " ".join([*parts, *([field.unit] if field.unit and not field.signal else [])])


def _range(field: MapField) -> str:
    if field.low is None and field.high is None:
        return ""
    low = "" if field.low is None else f"{field.low:g}"
    high = "" if field.high is None else f"{field.high:g}"
    return f"{low}..{high} {field.unit}".strip()


def _says(field: MapField) -> str:
    said = [f"bit {bit} must be set" for bit in field.must]
    said += [f"bit {bit} {word}" for bit, word in field.flags.items()]
    said += [f"{raw:#06x} is no value" for raw in field.no_value]
    return ", ".join([*said, *([field.national] if field.national else [])])


if __name__ == "__main__":
    print(page([Path(name) for name in sys.argv[1:]] or sorted(SHIPPED.glob("*.toml"))), end="")
