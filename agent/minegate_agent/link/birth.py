"""The birth: everything a receiver needs to understand a gateway's records, under an id made from the content.

The same configuration gives the same id, after any restart, so records of before still say which birth explains them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgpack

from minegate_agent.link.blocks import weight_of
from minegate_agent.link.payload import VERSION
from minegate_agent.site import Site, SiteDevice, SitePoint
from minegate_drivers.sdk import Field, Layout

ID_DIGITS = 16


class Birth(NamedTuple):
    """`payload` is the message as it goes to the broker; `config` the hash of the gateway.toml that it tells of.

    `weights`: (device, part) -> how many bytes the numbers of its records have (link/blocks.py).
    """

    id: str
    config: str
    payload: bytes
    weights: Mapping[tuple[int, int], int] = {}


def birth_in(payload: bytes) -> Birth | None:
    """The birth that a message tells; None if it is none."""
    try:
        told = msgpack.unpackb(payload)
        return Birth(str(told["b"]), str(told["config"]), payload, _weights(told))
    except (ValueError, KeyError, TypeError, IndexError, msgpack.UnpackException):
        return None


def _weights(told: Mapping[str, Any]) -> dict[tuple[int, int], int]:
    return {
        (device["number"], part): weight_of(layout["size"], layout["fields"])
        for device in told.get("devices", ())
        for part, layout in enumerate(device["layouts"])
    }


def birth_of(site: Site) -> Birth:
    """The birth of a site as it is configured."""
    gateway = site.config.gateway
    told: dict[str, object] = {
        "v": VERSION,
        "mine": gateway.mine,
        "gateway": gateway.id,
        "title_zh": gateway.title_zh,
        "title_en": gateway.title_en,
        "config": site.hash,
        "points": [_point(point) for point in site.points],
        "devices": [_device(device) for device in site.devices.values()],
    }
    digest = hashlib.sha256(msgpack.packb(told)).hexdigest()[:ID_DIGITS]
    return Birth(digest, site.hash, bytes(msgpack.packb({"b": digest, **told})), _weights(told))


def _point(point: SitePoint) -> dict[str, object]:
    field, config = point.field, point.config
    return {
        "number": point.number,
        "name": point.name,
        "device": point.device,
        "part": point.part,
        "field": field.name,
        "quantity": field.quantity,
        "unit": field.unit,
        "low": field.low,
        "high": field.high,
        "scale": field.scale,
        "offset": field.offset,
        "place_zh": config.place_zh,
        "place_en": config.place_en,
        "kj_code": config.kj_code,
        "national_code": config.national_code,
        "sensor_type": config.sensor_type,
    }


def _device(device: SiteDevice) -> dict[str, object]:
    return {
        "number": device.number,
        "name": device.name,
        "driver": device.config.driver,
        "title_zh": device.config.title_zh,
        "title_en": device.config.title_en,
        "layouts": [_layout(layout) for layout in device.driver.layouts],
    }


def _layout(layout: Layout) -> dict[str, object]:
    return {"name": layout.name, "size": layout.size, "fields": [_field(field) for field in layout.fields]}


def _field(field: Field) -> dict[str, object]:
    return {
        "name": field.name,
        "type": field.type,
        "at": field.at,
        "bit": field.bit,
        "bits": field.bits,
        "scale": field.scale,
        "offset": field.offset,
        "quantity": field.quantity,
        "unit": field.unit,
        "low": field.low,
        "high": field.high,
    }
