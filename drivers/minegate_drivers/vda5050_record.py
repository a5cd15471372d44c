"""The fixed records of a VDA 5050 robot: part 0 `state`, part 1 `connection`. What the robot does not tell is NaN.

VDA 5050 has no place for gas; we read it from `information`, whose content the document leaves to the maker:

    {"infoType": "GAS", "infoLevel": "INFO", "infoReferences": [
        {"referenceKey": "CH4", "referenceValue": "0.42"}, {"referenceKey": "CO", "referenceValue": "3"}]}

Keys CH4 (%), CO (ppm), O2 (%), H2S (ppm), TEMP (degC), RH (%).
"""

from __future__ import annotations

import math
import struct
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from minegate_drivers.sdk import Field, Heard, Layout, Nonsense, Quality
from minegate_drivers.vda5050_message import Connection, State, battery, emergency_stop, position

GAS = "GAS"
GAS_KEYS = ("CH4", "CO", "O2", "H2S", "TEMP", "RH")
EMERGENCY_STOPS = {"NONE": 0, "MANUAL": 1, "REMOTE": 2, "AUTOACK": 3}
ERROR_LEVELS = {"WARNING": 1, "URGENT": 2, "CRITICAL": 3, "FATAL": 4}
OPERATING_MODES = {
    "STARTUP": 0, "AUTOMATIC": 1, "SEMIAUTOMATIC": 2, "INTERVENED": 3, "MANUAL": 4, "SERVICE": 5,
    "TEACH_IN": 6, "TEACHIN": 6,
}  # fmt: skip
CONNECTIONS = {
    "ONLINE": (1, Quality.GOOD),
    "OFFLINE": (2, Quality.SUSPENDED),
    "HIBERNATING": (3, Quality.SUSPENDED),
    "CONNECTION_BROKEN": (4, Quality.LINE_BREAK),
    "CONNECTIONBROKEN": (4, Quality.LINE_BREAK),
}
_UNKNOWN = 255  # a word that the document does not know: outside the range of its field
MISSED_MAX = 65_535
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

STATE_LAYOUT = Layout(
    Field("header", "<u4"),
    Field("robot_utc", "<i8", unit="ms"),
    Field("missed", "<u2"),  # messages lost directly before this one
    Field("x", "<f8", quantity="position", unit="m"),
    Field("y", "<f8", quantity="position", unit="m"),
    Field("theta", "<f8", quantity="angle", unit="rad"),
    Field("localized", "<u1", low=0, high=1),
    Field("vx", "<f4", quantity="speed", unit="m/s"),
    Field("vy", "<f4", quantity="speed", unit="m/s"),
    Field("driving", "<u1", low=0, high=1),
    Field("battery", "<f4", quantity="battery", unit="%", low=0.0, high=100.0),
    Field("charging", "<u1", low=0, high=1),
    Field("emergency_stop", "<u1", low=0, high=3),
    Field("field_violation", "<u1", low=0, high=1),
    Field("operating_mode", "<u1", low=0, high=6),
    Field("error_level", "<u1", low=0, high=4),
    Field("errors", "<u1"),
    Field("ch4", "<f4", quantity="methane", unit="%CH4", low=0.0, high=100.0),
    Field("co", "<f4", quantity="carbon_monoxide", unit="ppm", low=0.0, high=10_000.0),
    Field("o2", "<f4", quantity="oxygen", unit="%", low=0.0, high=30.0),
    Field("h2s", "<f4", quantity="hydrogen_sulphide", unit="ppm", low=0.0, high=1_000.0),
    Field("temperature", "<f4", quantity="temperature", unit="degC", low=-40.0, high=150.0),
    Field("humidity", "<f4", quantity="humidity", unit="%RH", low=0.0, high=100.0),
    name="state",
)
CONNECTION_LAYOUT = Layout(
    Field("header", "<u4"),
    Field("robot_utc", "<i8", unit="ms"),
    Field("connection", "<u1", low=1, high=4),
    name="connection",
)
_STATE = struct.Struct("<IqHdddBffBfBBBBBBffffff")
_CONNECTION = struct.Struct("<IqB")
_ERROR_LEVEL_AT = next(field.at or 0 for field in STATE_LAYOUT.fields if field.name == "error_level")
assert _STATE.size == STATE_LAYOUT.size
assert _CONNECTION.size == CONNECTION_LAYOUT.size


def connection(said: Connection) -> Heard:
    """Part 1. Raises Nonsense for a time that is none, struct.error for a number that does not fit."""
    number, quality = CONNECTIONS.get(said.connection_state, (_UNKNOWN, Quality.DEVICE_FAULT))
    return Heard(_CONNECTION.pack(said.header_id, _utc_ms(said.timestamp), number), quality, 1)


def record_of(state: State, missed: int) -> bytes:
    """The record of part 0. Raises Nonsense, or OverflowError and struct.error for a number that does not fit."""
    where, localized = position(state)
    percent, charging = battery(state)
    speed = state.velocity
    levels = [ERROR_LEVELS.get(error.error_level, _UNKNOWN) for error in state.errors]
    return _STATE.pack(
        state.header_id,
        _utc_ms(state.timestamp),
        missed,
        *((where.x, where.y, where.theta) if where is not None else (math.nan,) * 3),
        localized,
        *((_told(speed.vx), _told(speed.vy)) if speed is not None else (math.nan,) * 2),
        state.driving,
        percent,
        charging,
        EMERGENCY_STOPS.get(emergency_stop(state), _UNKNOWN),
        state.safety_state.field_violation,
        OPERATING_MODES.get(state.operating_mode, _UNKNOWN),
        max(levels, default=0),
        min(len(levels), 255),
        *_gases(state),
    )


def quality_of(record: bytes) -> Quality:
    """What speaks against the whole of a part 0 record: a grave error, or one whose level nobody knows."""
    return Quality.GOOD if record[_ERROR_LEVEL_AT] < ERROR_LEVELS["CRITICAL"] else Quality.DEVICE_FAULT


def _gases(state: State) -> list[float]:
    told = {
        reference.reference_key: reference.reference_value
        for information in state.information or ()
        if information.info_type == GAS
        for reference in information.info_references or ()
    }
    return [_number(key, told[key]) if key in told else math.nan for key in GAS_KEYS]


def _number(key: str, value: object) -> float:
    number = math.nan
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        with suppress(ValueError):
            number = float(value)
    if not math.isfinite(number):  # NaN means "not told"; a robot that tells it tells nonsense
        raise Nonsense("value", f"{GAS} {key}: {str(value)[:40]!r} is not a number")
    return number


def _told(value: float | None) -> float:
    return math.nan if value is None else value


def _utc_ms(timestamp: str) -> int:
    try:
        said = datetime.fromisoformat(timestamp)
    except ValueError as error:
        raise Nonsense("format", f"timestamp {timestamp[:40]!r} is not ISO 8601") from error
    if said.tzinfo is None:
        said = said.replace(tzinfo=UTC)  # the document: UTC, with Z; some robots leave it out
    return (said - _EPOCH) // timedelta(milliseconds=1)
