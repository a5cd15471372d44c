"""JSON and Sparkplug B say the values that the journal has; Sparkplug is read by the real Protocol Buffers library."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from field_side import FieldSide, handing_over
from link_work import GATEWAY, MINE, delivery, running, until, write_site
from minegate_agent.clock import SystemClock
from minegate_agent.link.birth import Birth, birth_of
from minegate_agent.link.format_json import Json
from minegate_agent.link.format_sparkplug import REBIRTH, Sparkplug
from minegate_agent.link.payload import HISTORY, LIVE
from minegate_agent.link.protobuf import Broken, bytes_, fields, text, varint, whole
from minegate_agent.link.records import EVENT, SCAN, encode_event, encode_scan
from minegate_agent.link.store.reader import Record
from minegate_agent.scan import Scan
from minegate_agent.site import load_site
from mosquitto import Mosquitto

T_MS = 1_772_323_200_000


def _schema() -> Any:
    """The Payload message of Sparkplug B 3.0, chapter 6.4, as far as it is used, for an encoder we did not write."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="sparkplug_b.proto", package="t", syntax="proto2")
    tables: dict[str, list[tuple[str, int, int, bool, str]]] = {
        "PropertyValue": [
            ("type", 1, kinds.TYPE_UINT32, False, ""),
            ("int_value", 3, kinds.TYPE_UINT32, False, ""),
            ("string_value", 8, kinds.TYPE_STRING, False, ""),
        ],
        "PropertySet": [
            ("keys", 1, kinds.TYPE_STRING, True, ""),
            ("values", 2, kinds.TYPE_MESSAGE, True, ".t.PropertyValue"),
        ],
        "Metric": [
            ("name", 1, kinds.TYPE_STRING, False, ""),
            ("alias", 2, kinds.TYPE_UINT64, False, ""),
            ("timestamp", 3, kinds.TYPE_UINT64, False, ""),
            ("datatype", 4, kinds.TYPE_UINT32, False, ""),
            ("is_historical", 5, kinds.TYPE_BOOL, False, ""),
            ("is_null", 7, kinds.TYPE_BOOL, False, ""),
            ("properties", 9, kinds.TYPE_MESSAGE, False, ".t.PropertySet"),
            ("long_value", 11, kinds.TYPE_UINT64, False, ""),
            ("double_value", 13, kinds.TYPE_DOUBLE, False, ""),
            ("boolean_value", 14, kinds.TYPE_BOOL, False, ""),
            ("string_value", 15, kinds.TYPE_STRING, False, ""),
        ],
        "Payload": [
            ("timestamp", 1, kinds.TYPE_UINT64, False, ""),
            ("metrics", 2, kinds.TYPE_MESSAGE, True, ".t.Metric"),
            ("seq", 3, kinds.TYPE_UINT64, False, ""),
        ],
    }
    for name, rows in tables.items():
        table = file.message_type.add(name=name)
        for field, number, kind, repeated, other in rows:
            label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            table.field.add(name=field, number=number, type=kind, label=label, type_name=other or None)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.Payload"))


PAYLOAD = _schema()


def read(payload: bytes) -> Any:
    return PAYLOAD.FromString(payload)


@pytest.fixture
def birth(tmp_path: Path) -> Birth:
    return birth_of(load_site(write_site(tmp_path / "site", 1)))


def records(*hundredths: int, quality: int = 0) -> list[Record]:
    scans = [
        Scan(7, number, 1, 0, quality, number, T_MS + number, 1, value.to_bytes(2, "big") + b"\0\0")
        for number, value in enumerate(hundredths, 1)
    ]
    return [Record(scan.number, SCAN, encode_scan(scan)) for scan in scans]


def alarm(sequence: int) -> Record:
    event = {"kind": "alarm", "from": "interlock", "utc_ms": T_MS, "value": float("nan"), "rules": b"\x01"}
    return Record(sequence, EVENT, encode_event(event))


def test_json_tells_values_by_name_and_events_without_what_json_cannot_say(birth: Birth) -> None:
    event, live = Json(MINE, GATEWAY, SystemClock()).block([*records(125, 130, quality=2), alarm(3)], birth, LIVE)
    assert live.topic == f"minegate-json/1/{MINE}/{GATEWAY}/live"
    told = json.loads(live.payload)
    assert [(scan["sequence"], scan["values"]["ch4"], scan["quality"]) for scan in told["scans"]] == [
        (1, 1.25, ["out_of_range"]),
        (2, 1.3, ["out_of_range"]),
    ]
    assert (told["historical"], told["scans"][0]["device"]) == (False, "T1-head")
    (row,) = json.loads(event.payload)["events"]
    assert (row["sequence"], row["kind"], row["value"], row["rules"]) == (3, "alarm", None, "01")


def test_a_record_the_birth_does_not_explain_arrives_as_event(birth: Birth) -> None:
    strange = Record(9, SCAN, encode_scan(Scan(7, 1, 44, 0, 0, 0, T_MS, 1, b"\0")))
    (message,) = Json(MINE, GATEWAY, SystemClock()).block([strange], birth, LIVE)
    assert json.loads(message.payload)["events"][0]["kind"] == "unreadable"


def test_sparkplug_births_declare_what_the_data_then_name_by_alias(birth: Birth) -> None:
    form = Sparkplug(MINE, GATEWAY, SystemClock())
    form.begin()
    node, device = form.born(birth, newest=True)
    assert (node.topic, device.topic) == (
        f"spBv1.0/{MINE}/NBIRTH/{GATEWAY}",
        f"spBv1.0/{MINE}/DBIRTH/{GATEWAY}/T1-head",
    )
    declared = {metric.name: metric for metric in read(device.payload).metrics}
    assert {metric.name for metric in read(node.payload).metrics} >= {"bdSeq", REBIRTH}
    assert (declared["ch4"].datatype, declared["ch4"].is_null) == (10, True)
    assert declared["ch4"].properties.values[0].string_value == "%CH4"
    (data,) = form.block(records(125, 130), birth, LIVE)
    methane = [metric for metric in read(data.payload).metrics if metric.alias == declared["ch4"].alias]
    assert [(metric.double_value, metric.timestamp, metric.name) for metric in methane] == [
        (1.25, T_MS + 1, ""),
        (1.3, T_MS + 2, ""),
    ]
    assert not methane[0].is_historical
    assert [read(message.payload).seq for message in (node, device, data)] == [0, 1, 2]


def test_sparkplug_marks_history_and_bad_quality_and_says_an_event_in_words(birth: Birth) -> None:
    form = Sparkplug(MINE, GATEWAY, SystemClock())
    form.begin()
    form.born(birth, newest=True)
    event, data = form.block([*records(125, quality=16), alarm(2)], birth, HISTORY)
    metric = read(data.payload).metrics[0]
    assert (metric.is_historical, metric.properties.keys[0], metric.properties.values[0].int_value) == (
        True,
        "Quality",
        0,
    )
    assert json.loads(read(event.payload).metrics[0].string_value)["kind"] == "alarm"


def test_sparkplug_seq_turns_over_and_death_has_the_bdseq_of_its_birth(birth: Birth) -> None:
    form = Sparkplug(MINE, GATEWAY, SystemClock())
    seen = []
    for _ in range(2):
        form.begin()
        death = read(form.offline(birth).payload)
        node, *_ = form.born(birth, newest=True)
        born = next(metric for metric in read(node.payload).metrics if metric.name == "bdSeq")
        assert born.long_value == death.metrics[0].long_value
        assert not death.HasField("seq")
        seen.append(born.long_value)
        numbers = [read(form.block(records(1), birth, LIVE)[0].payload).seq for _ in range(300)]
        assert numbers == [number % 256 for number in range(2, 302)]
    assert seen[1] == (seen[0] + 1) % 256


def test_only_a_rebirth_command_asks_for_births() -> None:
    form = Sparkplug(MINE, GATEWAY, SystemClock())
    (topic,) = form.heard
    rebirth = bytes_(2, text(1, REBIRTH) + whole(4, 11) + whole(14, 1))
    assert form.asks_for_birth(topic, rebirth)
    assert not form.asks_for_birth("spBv1.0/other/NCMD/x", rebirth)
    for other in (b"", b"\xff\xff", bytes_(2, text(1, "Node Control/Reboot")), rebirth[:-3]):
        assert not form.asks_for_birth(topic, other)


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, 2**63, 2**64 - 1])
def test_numbers_come_back(number: int) -> None:
    assert list(fields(whole(5, number))) == [(5, number)]


@pytest.mark.parametrize("broken", [b"\x80", varint(5 << 3 | 2) + b"\x05ab", varint(3 << 3 | 3), b"\xff" * 11])
def test_what_is_no_message_is_refused(broken: bytes) -> None:
    with pytest.raises(Broken):
        list(fields(broken))


async def test_a_sparkplug_host_hears_births_data_and_a_rebirth(tmp_path: Path, mosquitto: Mosquitto) -> None:
    site = write_site(tmp_path / "site", mosquitto.port, 'format = "sparkplug"')
    field = FieldSide(site)
    heard: list[tuple[str, Any]] = []
    async with aiomqtt.Client("127.0.0.1", mosquitto.port) as host:
        await host.subscribe("spBv1.0/#", qos=1)

        async def listen() -> None:
            async for message in host.messages:
                assert isinstance(message.payload, bytes)
                heard.append((str(message.topic).split("/")[2], read(message.payload)))

        def count(kind: str) -> int:
            return sum(told == kind for told, _ in heard)

        task = asyncio.create_task(listen())
        async with running(load_site(site)) as link, handing_over(field):
            for hundredths in (50, 51, 52):
                field.scan(hundredths)
            await until(lambda: delivery(link)["waiting"] == 0 and count("DDATA") > 0, "delivered")
            command = bytes_(2, text(1, REBIRTH) + whole(4, 11) + whole(14, 1))
            await host.publish(f"spBv1.0/{MINE}/NCMD/{GATEWAY}", command, qos=1)
            await until(lambda: count("NBIRTH") == 2 and count("DBIRTH") == 2, "born again")
        await until(lambda: count("NDEATH") == 1, "and it says goodbye")
        task.cancel()
    assert [kind for kind, _ in heard][:2] == ["NBIRTH", "DBIRTH"]
    numbers = [told.seq for kind, told in heard if kind not in ("NDEATH", "NCMD")]
    second = [kind for kind, _ in heard if kind not in ("NDEATH", "NCMD")].index("NBIRTH", 1)
    assert numbers == [*range(second), *range(len(numbers) - second)], "seq rises by one from each birth"
    methane = [metric.double_value for kind, told in heard if kind == "DDATA" for metric in told.metrics]
    assert {0.5, 0.51, 0.52} <= set(methane)
