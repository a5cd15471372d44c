"""A robot's messages become records of one size, whatever it leaves out, and gaps in its numbering are seen."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import pytest

from minegate_drivers.ports import Message
from minegate_drivers.sdk import Heard, Nonsense, Quality
from minegate_drivers.vda5050 import PAYLOAD_BYTES_MAX, Vda5050
from minegate_drivers.vda5050_record import GAS_KEYS, STATE_LAYOUT

STATE: dict[str, object] = {
    "headerId": 7,
    "timestamp": "2026-03-01T08:00:00.25Z",
    "driving": False,
    "operatingMode": "AUTOMATIC",
    "errors": [],
    "powerSupply": {"stateOfCharge": 50, "charging": False},
    "safetyState": {"activeEmergencyStop": "NONE", "fieldViolation": False},
}


def robot(version: int = 3) -> Vda5050:
    return Vda5050(manufacturer="KIT", serial="0001", version=version, interface="vda5050")


def hear(driver: Vda5050, said: Mapping[str, object]) -> Heard:
    heard = driver.hear(Message(driver.topics[0], json.dumps(said).encode("utf-8")))
    assert heard is not None
    return heard


def values(heard: Heard) -> dict[str, float]:
    return dict(zip((field.name for field in STATE_LAYOUT.fields), STATE_LAYOUT.decode(heard.record), strict=True))


def gas(**told: object) -> dict[str, object]:
    references = [{"referenceKey": key, "referenceValue": value} for key, value in told.items()]
    return {"information": [{"infoType": "OTHER"}, {"infoType": "GAS", "infoReferences": references}]}


def test_topics_are_those_of_the_document() -> None:
    assert robot().topics == ("vda5050/v3/KIT/0001/state", "vda5050/v3/KIT/0001/connection")


def test_a_robot_that_tells_the_least_is_good_and_everything_else_is_nan() -> None:
    heard = hear(robot(), STATE)
    told = values(heard)
    assert heard.quality is Quality.GOOD
    assert told["battery"] == 50
    assert told["localized"] == 0
    assert all(math.isnan(told[name]) for name in ("x", "y", "theta", "vx", "ch4", "co", "o2", "h2s", "humidity"))


def test_every_gas_key_lands_in_its_own_field() -> None:
    told = values(hear(robot(), STATE | gas(**{key: str(number) for number, key in enumerate(GAS_KEYS, 1)})))
    assert [told[name] for name in ("ch4", "co", "o2", "h2s", "temperature", "humidity")] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("value", ["", "high", "nan", "inf", None, True, {}, [], "0,42", "1e99999"])
def test_a_gas_that_is_no_number_refuses_the_message(value: object) -> None:
    with pytest.raises(Nonsense, match="value: GAS CH4"):
        hear(robot(), STATE | gas(CH4=value))


def test_what_other_information_carries_is_nobodys_business() -> None:
    other = [{"infoType": "ROUTE", "infoReferences": [{"referenceKey": "n", "referenceValue": {"a": []}}]}]
    assert hear(robot(), STATE | {"information": other}).quality is Quality.GOOD


@pytest.mark.parametrize(
    ("headers", "missed"),
    [
        ([7, 8, 9], [0, 0, 0]),
        ([7, 9, 13], [0, 1, 3]),
        ([4_000_000_000, 0, 1], [0, 0, 0]),
        ([0, 4_000_000_000], [0, 65_535]),
    ],
)
def test_messages_that_did_not_arrive_are_counted(headers: list[int], missed: list[int]) -> None:
    driver = robot()
    assert [values(hear(driver, STATE | {"headerId": header}))["missed"] for header in headers] == missed


def test_a_message_that_was_heard_before_is_stale() -> None:
    driver = robot()
    qualities = [hear(driver, STATE | {"headerId": header}).quality for header in (7, 7, 8)]
    assert qualities == [Quality.GOOD, Quality.STALE, Quality.GOOD]


def test_a_refused_message_leaves_no_gap_behind_unseen() -> None:
    driver = robot()
    hear(driver, STATE)
    with pytest.raises(Nonsense):
        hear(driver, STATE | {"headerId": 8} | gas(CH4="?"))
    assert values(hear(driver, STATE | {"headerId": 9}))["missed"] == 1


@pytest.mark.parametrize("level", ["CRITICAL", "FATAL", "APOCALYPTIC"])
def test_a_robot_that_reports_a_grave_or_unknown_error_is_not_good(level: str) -> None:
    assert Quality.DEVICE_FAULT in hear(robot(), STATE | {"errors": [{"errorLevel": level}]}).quality


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (b"", "format"),
        (b"\xff\xfe", "format"),
        (b"[]", "format"),
        (b"null", "format"),
        (b"[" * 100_000, "format"),
        (b" " * (PAYLOAD_BYTES_MAX + 1), "length"),
        (json.dumps(STATE | {"headerId": -1}).encode(), "format"),
        (json.dumps(STATE | {"headerId": 2**32}).encode(), "format"),
        (json.dumps(STATE | {"timestamp": "0001-01-01T00:00:00+23:59"}).encode(), "good"),
        (json.dumps(STATE | {"velocity": {"vx": 1e300}}).encode(), "value"),
        (json.dumps(STATE | {"errors": [{"errorLevel": "WARNING"}] * 1000}).encode(), "good"),
    ],
)
def test_a_payload_that_is_no_state_is_nonsense(payload: bytes, kind: str) -> None:
    driver = robot()
    found = "good"
    try:
        driver.hear(Message(driver.topics[0], payload))
    except Nonsense as nonsense:
        found = nonsense.kind
    assert found == kind


@pytest.mark.parametrize(
    "timestamp", ["2026-03-01T08:00:00.25", "2026-03-01T08:00:00.250Z", "2026-03-01T16:00:00.25+08:00"]
)
def test_the_robots_time_is_utc_in_milliseconds(timestamp: str) -> None:
    assert values(hear(robot(), STATE | {"timestamp": timestamp}))["robot_utc"] == 1_772_352_000_250


@pytest.mark.parametrize(
    ("state", "number", "quality"),
    [
        ("ONLINE", 1, Quality.GOOD),
        ("OFFLINE", 2, Quality.SUSPENDED),
        ("HIBERNATING", 3, Quality.SUSPENDED),
        ("CONNECTION_BROKEN", 4, Quality.LINE_BREAK),
        ("CONNECTIONBROKEN", 4, Quality.LINE_BREAK),
        ("SHRUG", 255, Quality.DEVICE_FAULT),
    ],
)
def test_the_connection_is_a_part_of_its_own(state: str, number: int, quality: Quality) -> None:
    driver = robot()
    said = {"headerId": 1, "timestamp": "2026-03-01T08:00:00Z", "connectionState": state}
    heard = driver.hear(Message(driver.topics[1], json.dumps(said).encode("utf-8")))
    assert heard is not None
    assert (heard.part, heard.quality) == (1, quality)
    assert driver.layouts[1].decode(heard.record) == (1, 1_772_352_000_000, number)


@pytest.mark.parametrize("serial", ["", "a/b", "+", "#", "$SYS"])
def test_a_name_that_is_no_topic_level_is_refused(serial: str) -> None:
    with pytest.raises(ValueError, match=r"^option serial: "):
        Vda5050(manufacturer="KIT", serial=serial, version=3, interface="vda5050")
