"""What the channels of a node of ours mean: a text in gateway.toml, one channel per line or between semicolons.

    channels = '''
    0 running  quantity=local_fan low=0 high=1
    1 flow     quantity=air_speed unit=m/s scale=0.01 low=0 high=30
    '''

Number as the node sends it, name of the field, then what is known of the value: `quantity`, `unit`, `scale`, `offset`,
`low`, `high` as in sdk.Field. The order of the lines is the order of the fields, whatever order the node sends in.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

_TEXTS = ("quantity", "unit")
_NUMBERS = ("scale", "offset", "low", "high")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


class Channel(NamedTuple):
    """One channel: `value = raw * scale + offset`, believable from `low` to `high`."""

    number: int
    name: str
    quantity: str = ""
    unit: str = ""
    scale: float = 1.0
    offset: float = 0.0
    low: float | None = None
    high: float | None = None


def parse(text: str, channels_max: int) -> tuple[Channel, ...]:
    """The channels declared in `text`. ValueError names the line's words and the limit."""
    lines = [line.strip() for line in re.split(r"[;\n]", text)]
    channels = tuple(_channel(line) for line in lines if line)
    if not 1 <= len(channels) <= channels_max:
        raise ValueError(f"option channels: {len(channels)} channels are not within 1..{channels_max}")
    for key in ("number", "name"):
        values = [getattr(channel, key) for channel in channels]
        twice = {value for value in values if values.count(value) > 1}
        if twice:
            raise ValueError(f"option channels: {key} {min(twice)!r} is given twice")
    return channels


def _channel(line: str) -> Channel:
    words = line.split()
    if len(words) < 2 or not words[0].isdecimal() or not int(words[0]) <= 255:
        raise ValueError(f"option channels: {line!r} does not begin with a channel number 0..255 and a name")
    if not _NAME.fullmatch(words[1]):
        raise ValueError(f"option channels: name {words[1]!r} is not lower-case letters, digits and _, 32 at most")
    texts: dict[str, str] = {}
    numbers: dict[str, float] = {}
    for word in words[2:]:
        key, equals, value = word.partition("=")
        if not equals or key in texts or key in numbers:
            raise ValueError(f"option channels: {word!r} of {words[1]!r} is not one key=value, each key once")
        if key in _TEXTS:
            texts[key] = value
        elif key in _NUMBERS:
            numbers[key] = _number(word, value)
        else:
            raise ValueError(f"option channels: {word!r} of {words[1]!r} is not one of {', '.join(_TEXTS + _NUMBERS)}")
    low, high = numbers.get("low"), numbers.get("high")
    if low is not None and high is not None and not low < high:
        raise ValueError(f"option channels: low={low:g} of {words[1]!r} is not below high={high:g}")
    scale, offset = numbers.get("scale", 1.0), numbers.get("offset", 0.0)
    return Channel(int(words[0]), words[1], texts.get("quantity", ""), texts.get("unit", ""), scale, offset, low, high)


def _number(word: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or (word.startswith("scale") and number == 0):
        raise ValueError(f"option channels: {word!r} is not a number that can be used")
    return number
