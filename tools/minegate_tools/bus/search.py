"""Finding who answers on a line: every address at every speed is asked one harmless question. Reads only.

The question is Modbus function 3 for one register; an exception is an answer too. Whoever answers is asked with
function 4 as well, so that the list says what can be read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import NamedTuple

from minegate_agent.config import Port
from minegate_agent.field.wire_time import gap_ms, wire_ms
from minegate_drivers.modbus_rtu import STATION_MAX, missing, payload, read
from minegate_drivers.ports import LinePort
from minegate_drivers.sdk import Nonsense

BAUDS = (9600, 19_200, 4800, 115_200, 2400, 38_400, 57_600)
FUNCTIONS = (3, 4)
_ANSWER_BYTES = 7
_SETTLE_BYTES_MAX = 512


class Found(NamedTuple):
    """One station that answers. `says`: per function the register's bytes, or why not."""

    baud: int
    parity: str
    station: int
    says: tuple[str, ...]


class Heard(NamedTuple):
    """Something that is no answer at this speed: a device that speaks another, or a bad line."""

    baud: int
    parity: str
    station: int
    bytes: int


async def search(
    line: LinePort, port: Port, stations: Iterable[int], wait_ms: float, tried: Callable[[int], None]
) -> AsyncIterator[Found | Heard]:
    """Ask every one of `stations` at the speed of `port`. `tried` is called with each station before it is asked."""
    for station in stations:
        tried(station)
        said = [await _ask(line, port, station, FUNCTIONS[0], wait_ms)]
        if said[0] is None:
            continue
        if not isinstance(said[0], str):
            yield Heard(port.baud, port.parity, station, said[0])
            continue
        said += [await _ask(line, port, station, function, wait_ms) for function in FUNCTIONS[1:]]
        yield Found(port.baud, port.parity, station, tuple(_word(word) for word in said))


def stations_of(text: str) -> list[int]:
    """`1-20,33` as numbers. ValueError says what is off."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        try:
            numbers = range(int(first), int(last or first) + 1)
        except ValueError:
            raise ValueError(f"addresses {part!r}: not a number or a range like 1-20") from None
        if not (numbers and numbers[0] >= 1 and numbers[-1] <= STATION_MAX):
            raise ValueError(f"addresses {part!r}: not within 1-{STATION_MAX}")
        found += numbers
    return found


async def _ask(line: LinePort, port: Port, station: int, function: int, wait_ms: float) -> str | int | None:
    """The register's bytes or the exception as text; how many bytes of nonsense came; None: silence."""
    request = read(station, function, 0, 1)
    await line.pause(gap_ms(port) / 1000)
    line.take()
    line.write(request)
    heard = await line.read_some(1, (wire_ms(port, len(request)) + wait_ms) / 1000)
    while heard and len(heard) < _SETTLE_BYTES_MAX:
        wanted = missing(heard, request)
        more = await line.read_some(max(1, wanted), (wire_ms(port, _ANSWER_BYTES) + gap_ms(port) + 5.0) / 1000)
        if not more:
            break
        heard += more
    if not heard:
        return None
    if heard.startswith(request) and len(heard) > len(request):
        heard = heard[len(request) :]  # an adapter that hears itself
    try:
        return payload(heard, request).hex(" ")
    except Nonsense as nonsense:
        return str(nonsense) if nonsense.kind == "exception" else len(heard)


def _word(said: str | int | None) -> str:
    return "silence" if said is None else f"{said} bytes of nonsense" if isinstance(said, int) else said
