"""The site of the measured gateway, as a user would write it: lines of methane heads, an area and a relay for each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from minegate_tools.bench.trip_cases import BAUD, CAN_PERIOD_MS, CAN_RELAY_BAUD, LIMIT, TIMEOUT_MS, Shape

FIRST_NODE = 1
CAN_ID = 0x290
STALE_MS = 1200
_TIMING = "[timing]\ntick_ms = 50\npower_on_lock_s = 0\nlease_ms = 600\nrenew_ms = 150\nfeed_check_ms = 2000\n"
_DBC = """VERSION ""
NS_ :
BS_:
BU_: HEAD
BO_ {number} Gas: 8 HEAD
 SG_ Methane : 0|16@1+ (0.01,0) [0|4] "%CH4" HEAD
BA_DEF_ BO_ "GenMsgCycleTime" INT 0 65535;
BA_DEF_ SG_ "Quantity" STRING ;
BA_DEF_DEF_ "GenMsgCycleTime" 0;
BA_DEF_DEF_ "Quantity" "";
BA_ "GenMsgCycleTime" BO_ {number} {period:.0f};
BA_ "Quantity" SG_ {number} Methane "methane";
"""


def area(line: int) -> str:
    """The name of the area of that line."""
    return f"area-{line}"


def relay(line: int) -> str:
    """The name of the output of that line's area."""
    return f"relay-{line}"


def device(line: int, what: str) -> str:
    """The pty of that line's sensors or relay, below the site's folder."""
    return f"sim/{what}-{line}"


def write(folder: Path, shape: Shape, broker: int, page: int) -> None:
    """The files of `texts`, and where the ptys will be."""
    (folder / "sim").mkdir(exist_ok=True)
    for name, text in texts(shape, broker, page).items():
        (folder / name).write_text(text, encoding="utf-8")


def texts(shape: Shape, broker: int, page: int = 0) -> dict[str, str]:
    """Both files by name, and the DBC of a CAN line. `page` 0: there is none."""
    found = {"gateway.toml": "\n".join(_gateway(shape, broker, page)), "rules.toml": "\n".join(_rules(shape))}
    if shape.kind == "can":
        found["head.dbc"] = _DBC.format(number=CAN_ID, period=CAN_PERIOD_MS)
    return found


def _gateway(shape: Shape, broker: int, page: int) -> Iterator[str]:
    yield _table("[gateway]", mine="1", id="bench")
    for line in range(shape.lines):
        yield from _line(shape, line)
    yield _table("[uplink]", host="127.0.0.1", tcp_port=broker)
    yield _table("[page]", tcp_port=page) if page else _table("[page]", enabled=False)


def _line(shape: Shape, line: int) -> Iterator[str]:
    name = f"line-{line}"
    if shape.kind == "can":
        channel = device(line, "sensor")
        yield _table("[[port]]", name=name, kind="can", interface="slcan", channel=channel, bitrate=250_000)
        yield _table("[[device]]", number=line + 1, name=f"head-{line}", port=name, driver="dbc", period_ms=1000)
        yield _table("[device.options]", file="head.dbc")
        yield _table("[[point]]", number=line + 1, name=point(line, 1), device=f"head-{line}", field="Methane")
        return
    yield _table("[[port]]", name=name, kind="serial", device=device(line, "sensor"), baud=BAUD, eager=True)
    for station in range(1, shape.heads + 1):
        number, head = line * shape.heads + station, f"head-{line}-{station}"
        yield _table("[[device]]", number=number, name=head, port=name, driver="gas_head", period_ms=1000,
                     timeout_ms=TIMEOUT_MS)  # fmt: skip
        yield _table("[device.options]", station=station)
        yield _table("[[point]]", number=number, name=point(line, station), device=head, field="ch4")


def point(line: int, station: int) -> str:
    """The name of that head's point."""
    return f"ch4-{line}-{station}"


def _rules(shape: Shape) -> Iterator[str]:
    yield _TIMING
    baud = CAN_RELAY_BAUD if shape.kind == "can" else BAUD
    for line in range(shape.lines):
        yield _table(
            "[[output]]", name=f"relay-{line}", device=device(line, "relay"), node=FIRST_NODE + line, baud=baud
        )
        yield _table("[[area]]", name=area(line), outputs=[relay(line)])
        for station in shape.judged if shape.kind == "serial" else (1,):
            yield _table("[[limit]]", area=area(line), point=point(line, station), unit="%CH4", low=0.0, high=4.0,
                         alarm=1.0, cut=LIMIT, restore=1.0, stale_ms=STALE_MS, source="bench")  # fmt: skip


def _table(head: str, **values: object) -> str:
    """A TOML table; JSON's spelling of these values is TOML's too."""
    return "\n".join((head, *(f"{key} = {json.dumps(value)}" for key, value in values.items()))) + "\n"
