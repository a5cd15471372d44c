"""What field says of its ports and devices, reduced to what the page shows."""

from __future__ import annotations

import math
from collections.abc import Mapping

from minegate_agent.site import Site

_PORT = (
    "name",
    "kind",
    "up",
    "utilisation",
    "asked",
    "answered",
    "timeouts",
    "discarded",
    "last_error",
    "foreign",
    "dropped",
    "opened",
    "silent",
    "answer_ms_p50",
    "answer_ms_p99",
)
_DEVICE = ("up", "answered", "timeouts", "answer_ms_p50", "answer_ms_p99", "timeout_ms", "last_age_ms")
_HOLD = ("items", "bytes", "dropped")
_TEXT_MAX = 300
_NAMES_MAX = 8


class Health:
    """The newest health record of field. Unknown keys are left out; a row that is no map is no row.

    It comes each second and is taken apart when somebody looks.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._ports: list[dict[str, object]] = []
        self._devices: dict[int, dict[str, object]] = {}
        self._hold: dict[str, object] = {}
        self._fresh: Mapping[str, object] | None = None  # as it came; None: taken apart already
        self._heard_ms: int | None = None
        self._count = 0

    def hear(self, health: Mapping[str, object], now_ms: int) -> None:
        """Replace what was known."""
        self._fresh = health
        self._heard_ms = now_ms
        self._count += 1

    def _take_apart(self) -> None:
        health, self._fresh = self._fresh, None
        if health is None:
            return
        self._ports = [
            {
                **_chosen(row, _PORT),
                "nonsense": _counts(row.get("nonsense")),
                "strays": _counts(row.get("strays")),
                "bus": _counts(row.get("bus")),
                "suspects": _names(row.get("suspects")),
            }
            for row in _rows(health, "ports")
        ]
        self._devices = {
            number: _chosen(row, _DEVICE)
            for row in _rows(health, "devices")
            if isinstance(number := row.get("number"), int)
        }
        hold = health.get("hold")
        self._hold = _chosen(hold, _HOLD) if isinstance(hold, Mapping) else {}

    def ports(self) -> list[dict[str, object]]:
        """One row per port; before field has spoken, the configured ports with nothing known of them."""
        self._take_apart()
        if self._ports:
            return self._ports
        return [{"name": port.name, "kind": port.kind, "up": None} for port in self._site.config.port]

    def devices(self) -> list[dict[str, object]]:
        """One row per configured device, with what field says of it."""
        self._take_apart()
        return [
            {
                "number": device.number,
                "name": device.name,
                "port": device.port,
                "driver": device.config.driver,
                "title_zh": device.config.title_zh,
                "title_en": device.config.title_en,
                "up": None,
                **self._devices.get(device.number, {}),
            }
            for device in self._site.devices.values()
        ]

    def hold(self) -> dict[str, object]:
        """What field keeps because this process has not confirmed it."""
        self._take_apart()
        return self._hold

    def word(self, now_ms: int) -> dict[str, object]:
        """How old all this is."""
        age_ms = None if self._heard_ms is None else max(0, now_ms - self._heard_ms)
        return {"heard": self._count, "age_ms": age_ms}


def plain(value: object) -> object:
    """As JSON can say it: bytes in hex, NaN as None, long texts cut. Anything else stays or becomes its text."""
    if isinstance(value, bool | int) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return value[:_TEXT_MAX].hex()
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return str(value)[:_TEXT_MAX]


def _rows(health: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    rows = health.get(key)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list | tuple) else []


def _chosen(row: Mapping[str, object], keys: tuple[str, ...]) -> dict[str, object]:
    return {key: plain(row[key]) for key in keys if key in row}


def _names(value: object) -> list[str]:
    return [str(name)[:_TEXT_MAX] for name in value[:_NAMES_MAX]] if isinstance(value, list | tuple) else []


def _counts(value: object) -> object:
    return plain(value) if isinstance(value, Mapping) else {}
