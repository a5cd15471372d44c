"""A small heading for the tests of the page: two gas heads, a fan node and a machine that speaks by itself."""

from __future__ import annotations

import struct
from pathlib import Path

from minegate_agent.config import Config, Device, Gateway, Point, Port, Uplink
from minegate_agent.scan import Scan
from minegate_agent.site import Site, SiteDevice, SitePoint
from minegate_drivers.ports import CanFrame
from minegate_drivers.sdk import CanDriver, Driver, Field, Heard, Layout, LineDriver
from minegate_interlock.lines import AreaState, Cause, Feed

AREA = "heading-1201"
LIMITS = {"1201-T1-ch4": (1.0, 1.5), "1201-T2-ch4": (1.0, 1.0)}
TITLES = {AREA: ("1201掘进工作面", "heading face 1201")}
UTC_MS = 1_772_323_200_000


class _Head(LineDriver):
    layouts = (
        Layout(
            Field("ch4", ">u2", scale=0.01, quantity="methane", unit="%CH4", low=0.0, high=4.0), Field("status", ">u2")
        ),
    )

    def ask(self, now_ms: int) -> bytes | None:
        return b"?"

    def missing(self, heard: bytes) -> int:
        return 4 - len(heard)

    def hear(self, frame: bytes) -> Heard:
        return Heard(frame)


class _Node(_Head):
    layouts = (
        Layout(
            Field("running", "<u1", quantity="running"),
            Field("flow", "<u2", scale=0.01, quantity="air_speed", unit="m/s", low=0.0, high=15.0),
            Field("feed", "<u1", quantity="feed"),
        ),
    )


class _Machine(CanDriver):
    can_ids = ((0x210, False),)
    layouts = (
        Layout(Field("current", "<u2", quantity="current", unit="A", low=0.0, high=600.0)),
        Layout(Field("ch4", "<f4", quantity="methane", unit="%CH4", low=0.0, high=4.0)),
    )

    def hear(self, frame: CanFrame) -> Heard:
        return Heard(frame.data)


_DEVICES: tuple[tuple[int, str, str, str, str, type[Driver]], ...] = (
    (1, "T1-head", "rs485-1", "掘进工作面甲烷传感器", "face methane head", _Head),
    (2, "T2-head", "rs485-1", "回风流甲烷传感器", "return methane head", _Head),
    (3, "fan-node", "rs485-2", "局部通风机节点", "local fan node", _Node),
    (4, "roadheader", "can-1", "掘进机", "roadheader", _Machine),
)
_POINTS = (
    (1, "1201-T1-ch4", "T1-head", 0, "ch4", "掘进工作面 T1", "heading face T1"),
    (2, "1201-T2-ch4", "T2-head", 0, "ch4", "回风 T2", "return air T2"),
    (3, "1201-fan-run", "fan-node", 0, "running", "局部通风机", "local fan"),
    (4, "1201-duct-flow", "fan-node", 0, "flow", "风筒", "air duct"),
    (5, "1201-feed", "fan-node", 0, "feed", "馈电传感器", "feed sensor"),
    (6, "1201-rh-current", "roadheader", 0, "current", "掘进机截割电机", "roadheader cutter motor"),
    (7, "1201-rh-ch4", "roadheader", 1, "ch4", "掘进机机载", "on the roadheader"),
)


def site(folder: Path = Path("site"), *, uplink: bool = True, **device: int) -> Site:
    """The site, resolved. `device` changes every device, as in `period_ms=500`."""
    drivers = {name: make() for _, name, *_, make in _DEVICES}
    devices = {
        number: SiteDevice(
            number,
            name,
            port,
            drivers[name],
            Device(number=number, name=name, port=port, driver="test", title_zh=zh, title_en=en, **device),
        )
        for number, name, port, zh, en, _ in _DEVICES
    }
    by_name = {each.name: each for each in devices.values()}
    config = Config(
        gateway=Gateway(
            mine="140109000001", id="gw-1201", title_zh="1201掘进工作面网关", title_en="Gateway heading 1201"
        ),
        port=[Port(name="rs485-1", kind="serial"), Port(name="rs485-2", kind="serial"), Port(name="can-1", kind="can")],
        device=[each.config for each in devices.values()],
        point=[
            Point(number=n, name=name, device=dev, part=part, field=field, place_zh=zh, place_en=en)
            for n, name, dev, part, field, zh, en in _POINTS
        ],
        uplink=Uplink(host="127.0.0.1") if uplink else None,
    )
    points = []
    for point in config.point:
        fields = drivers[point.device].layouts[point.part].fields
        at = [each.name for each in fields].index(point.field)
        owner = by_name[point.device].number
        points.append(SitePoint(point.number, point.name, owner, point.part, at, fields[at], point))
    return Site(folder, config, "0123456789abcdef", devices, tuple(points))


def scan(device: int, record: bytes, *, part: int = 0, quality: int = 0, utc_ms: int = UTC_MS, clock: int = 0) -> Scan:
    """One answer."""
    return Scan(1, 1, device, part, quality, 0, utc_ms, clock, record)


def methane(device: int, percent: float, *, utc_ms: int = UTC_MS, quality: int = 0) -> Scan:
    """An answer of a gas head."""
    return scan(device, struct.pack(">HH", round(percent * 100), 1), utc_ms=utc_ms, quality=quality)


def fan(running: int, flow: float, feed: int, *, utc_ms: int = UTC_MS) -> Scan:
    """An answer of the fan node."""
    return scan(3, struct.pack("<BHB", running, round(flow * 100), feed), utc_ms=utc_ms)


def area(
    *,
    permitted: int = 0,
    restorable: int = 0,
    cause: int = Cause.NONE,
    point: str = "",
    value: float = float("nan"),
    limit: float = float("nan"),
    since_ms: int = 0,
    alarms: int = 0,
    contact: int = 0,
    lease_left_ms: int = 0,
    feed: int = Feed.UNKNOWN,
) -> AreaState:
    """The interlock's word on AREA; by itself: locked."""
    return AreaState(
        AREA, permitted, restorable, cause, point, value, limit, since_ms, alarms, contact, lease_left_ms, feed,
        bytes.fromhex("a1b2c3d4e5f60718"),
    )  # fmt: skip


PERMITTED = area(permitted=1, contact=1, lease_left_ms=520, feed=Feed.LIVE, since_ms=754_000)
CUT = area(cause=Cause.LIMIT, point="1201-T1-ch4", value=1.62, limit=1.5, alarms=1, feed=Feed.DEAD, since_ms=12_000)
