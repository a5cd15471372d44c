"""A device map is the device: what a conforming device answers is what it says, and a wrong map is refused by name."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest
from pymodbus.client.mixin import ModbusClientMixin

from minegate_drivers import modbus_ascii, modbus_rtu, modbus_tcp
from minegate_drivers.catalogue import build
from minegate_drivers.device_map import DeviceMap, MapField, load
from minegate_drivers.map_docs import SHIPPED, page
from minegate_drivers.map_record import Read
from minegate_drivers.modbus_map import ModbusMap
from minegate_drivers.sdk import Heard, Nonsense, Quality
from minegate_drivers.signals import Frequency, Signal, SignalState, Switch, named

MAPS = sorted(SHIPPED.glob("*.toml"))
KIND = ModbusClientMixin.DATATYPE
PYMODBUS = {
    "u16": KIND.UINT16, "i16": KIND.INT16, "u32": KIND.UINT32, "i32": KIND.INT32, "u64": KIND.UINT64,
    "i64": KIND.INT64, "f32": KIND.FLOAT32, "f64": KIND.FLOAT64,
}  # fmt: skip


def driver_of(path: Path, carrier: str = "rtu") -> ModbusMap:
    driver = build("modbus", {"map": path.name, "station": 3, "carrier": carrier}, path.parent)
    assert isinstance(driver, ModbusMap)
    return driver


def registers(field: MapField, device_map: DeviceMap, raw: float) -> list[int]:
    """`raw` as a device with this word and byte order keeps it, by pymodbus."""
    if field.type.startswith("bcd"):
        digits = f"{int(raw):0{4 * field.count}d}"
        words = [int(digits[at : at + 4], 16) for at in range(0, len(digits), 4)]
        words = words[::-1] if (field.words or device_map.device.words) == "little" else words
    else:
        order = field.words or device_map.device.words
        value = raw if field.type[0] == "f" else int(raw)
        words = ModbusClientMixin.convert_to_registers(value, PYMODBUS[field.type], word_order=order)
    if (field.bytes or device_map.device.bytes) == "little":
        words = [word >> 8 | (word & 0xFF) << 8 for word in words]
    return words


def answer(driver: ModbusMap, values: bytes) -> Heard:
    """Let the driver ask, answer with `values`, let it hear."""
    request = driver.ask(0)
    assert request is not None
    body = request[:2] + bytes((len(values),)) + values
    frame = modbus_rtu.framed(body)
    for length in range(len(frame)):
        assert 1 <= driver.missing(frame[:length]) <= len(frame) - length
    return driver.hear(frame)


def image(read: Read, device_map: DeviceMap, raws: dict[str, float]) -> bytes:
    """The answer of a device that holds `raws`."""
    if read.table in ("coil", "discrete"):
        bits = sum(int(raws[field.name]) << field.register - read.first for field in read.fields)
        return bits.to_bytes((read.length + 7) // 8, "little")
    memory = [0] * read.length
    for field in read.fields:
        at = field.register - read.first
        if field.type == "text":
            text = (field.expect or "x").encode("ascii").ljust(2 * field.length, b"\0")
            memory[at : at + field.length] = [int.from_bytes(text[n : n + 2], "big") for n in range(0, len(text), 2)]
        elif field.bit is not None:
            bit = field.bit if device_map.device.bits == "lsb0" else 16 - field.bit - field.bits
            memory[at] |= int(raws[field.name]) << bit
        else:
            memory[at : at + field.count] = registers(field, device_map, raws[field.name])
    return b"".join(word.to_bytes(2, "big") for word in memory)


def raw_of(field: MapField, chance: random.Random) -> float:
    """A raw value whose meaning lies inside the field's range."""
    if field.is_status:
        return sum(1 << bit for bit in field.must)
    if field.signal:
        low, high = {"hz_200_1000": (200, 1000), "hz_1200_2000": (1200, 2000)}.get(field.signal, (0, 0))
        wanted = (
            chance.uniform(low, high) if high else chance.choice({"ma_1_5": (1, 5), "ma_4_20": (4, 20)}[field.signal])
        )
        return round((wanted - field.offset) / field.scale)
    low, high = field.low or 0.0, field.high if field.high is not None else 9000 * field.scale
    raw = (chance.uniform(low, high) - field.offset) / field.scale
    return raw if field.type[0] == "f" else math.floor(raw)


@pytest.mark.parametrize("path", MAPS, ids=lambda path: path.stem)
def test_every_map_that_ships_is_understood_as_it_says(path: Path) -> None:
    chance = random.Random(645)
    device_map, driver = load(path), driver_of(path)
    for _ in range(100):
        for part, read in enumerate(driver.reads):
            raws = {field.name: raw_of(field, chance) for field in read.fields if field.type != "text"}
            heard = answer(driver, image(read, device_map, raws))
            assert (heard.part, heard.quality) == (part, Quality.GOOD)
            layout = driver.layouts[part]
            said = dict(zip((field.name for field in layout.fields), layout.decode(heard.record), strict=True))
            for field in read.fields:
                if field.type == "text":
                    continue
                expected = raws[field.name] * field.scale + field.offset
                if field.signal:
                    assert said[f"{field.name}_state"] == 0
                    expected = named(field.signal, field.low, field.high)(expected).value
                assert said[field.name] == pytest.approx(expected, rel=1e-6), field.name


def test_the_page_of_the_maps_is_the_one_that_is_checked_in() -> None:
    assert (Path(__file__).parent.parent / "drivers" / "MAPS.md").read_text(encoding="utf-8") == page(MAPS)


HEAD = '[device]\nname = "x"\ntitle_en = "x"\ntitle_zh = "x"\nsource = "x"\n'


def field_text(more: str, kind: str = "u16") -> str:
    return f'[[field]]\nname = "v"\nregister = 0\ntype = "{kind}"\n{more}\n'


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "own.toml"
    path.write_text(HEAD + text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("words", "bytes_", "kind", "value", "expected"),
    [
        ("big", "big", "u32", 0x01020304, "01020304"),
        ("little", "big", "u32", 0x01020304, "03040102"),
        ("big", "little", "u32", 0x01020304, "02010403"),
        ("little", "little", "u32", 0x01020304, "04030201"),
        ("little", "little", "i64", -2, "feffffffffffffff"),
        ("big", "big", "i16", -32768, "8000"),
        ("little", "big", "f64", -1.5, "000000000000bff8"),
        ("big", "big", "bcd32", 12345678, "12345678"),
        ("little", "big", "bcd64", 1234567890123456, "3456901256781234"),
    ],
)
def test_words_and_bytes_come_in_any_order(
    tmp_path: Path, words: str, bytes_: str, kind: str, value: float, expected: str
) -> None:
    driver = driver_of(written(tmp_path, field_text(f'words = "{words}"\nbytes = "{bytes_}"', kind)))
    heard = answer(driver, bytes.fromhex(expected))
    assert driver.layouts[0].decode(heard.record)[0] == value


def test_a_bcd_that_is_none_is_no_number(tmp_path: Path) -> None:
    driver = driver_of(written(tmp_path, field_text("", "bcd16")))
    value, state = driver.layouts[0].decode(answer(driver, b"\x12\x3a").record)
    assert math.isnan(value)
    assert state == SignalState.FAULT


def test_bits_are_counted_from_either_end(tmp_path: Path) -> None:
    for order, expected in (("lsb0", 0b01), ("msb0", 0b10)):
        text = HEAD + f'bits = "{order}"\n' + field_text("bit = 0\nbits = 2")
        path = tmp_path / "own.toml"
        path.write_text(text, encoding="utf-8")
        driver = driver_of(path)
        assert driver.layouts[0].decode(answer(driver, b"\x80\x01").record)[0] == expected


@pytest.mark.parametrize(
    ("word", "quality"),
    [
        (0b0001, Quality.GOOD),
        (0b0000, Quality.SUSPENDED),
        (0b0011, Quality.DEVICE_FAULT),
        (0b0101, Quality.CALIBRATING),
        (0b1001, Quality.DEVICE_FAULT),
        (0b0111, Quality.DEVICE_FAULT | Quality.CALIBRATING),
    ],
)
def test_a_status_word_speaks_for_the_record(tmp_path: Path, word: int, quality: Quality) -> None:
    driver = driver_of(written(tmp_path, field_text('must = [0]\nflags = { 1 = "device_fault", 2 = "calibrating" }')))
    assert answer(driver, word.to_bytes(2, "big")).quality == quality


def test_another_device_at_the_same_address_is_foreign(tmp_path: Path) -> None:
    driver = driver_of(
        written(tmp_path, field_text('length = 2\nexpect = "GD4"', "text") + field_text("").replace("v", "w"))
    )
    assert driver.layouts[0].decode(answer(driver, b"GD4\0").record)
    with pytest.raises(Nonsense, match="foreign: v is 'GD5', not 'GD4'"):
        answer(driver, b"GD5 ")


def test_reads_are_few_and_never_longer_than_the_device_answers(tmp_path: Path) -> None:
    def spans(more: str, places: list[int]) -> list[tuple[int, int]]:
        fields = [
            field_text("").replace('"v"', f'"v{at}"').replace("register = 0", f"register = {at}") for at in places
        ]
        path = tmp_path / "own.toml"
        path.write_text(HEAD + more + "".join(fields), encoding="utf-8")
        return [(read.first, read.length) for read in driver_of(path).reads]

    assert spans("", [0, 1, 9, 18]) == [(0, 19)]
    assert spans("", [0, 10]) == [(0, 1), (10, 1)]
    assert spans("gap_max = 0\n", [0, 1, 3]) == [(0, 2), (3, 1)]
    assert spans("registers_max = 10\n", list(range(25))) == [(0, 10), (10, 10), (20, 5)]
    assert spans("gap_max = 124\n", [0, 124, 125]) == [(0, 125), (125, 1)]


@pytest.mark.parametrize("carrier", ["ascii", "tcp"])
def test_the_same_map_speaks_on_every_carrier(tmp_path: Path, carrier: str) -> None:
    driver = driver_of(written(tmp_path, field_text("")), carrier)
    for _ in range(3):
        request = driver.ask(0)
        assert request is not None
        pdu = b"\x03\x02\x01\x02"
        if carrier == "tcp":
            frame = modbus_tcp.request(int.from_bytes(request[:2], "big"), 3, pdu)
        else:
            frame = modbus_ascii.request(3, pdu)
        assert driver.missing(frame) == 0
        assert driver.layouts[0].decode(driver.hear(frame).record) == (0x102,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "missing required field `field`"),
        ("[[field]]\nname = 'v'\n", "missing required field `register`"),
        (field_text("colour = 1"), "unknown field `colour`"),
        (field_text("", "u24"), "Invalid enum value 'u24'"),
        (field_text("") + field_text(""), "field v: the name is given twice"),
        (field_text("", "bool"), "field v: type bool does not lie in table holding"),
        (field_text("", "u32").replace("= 0", "= 65535"), "field v: register 65535 and 1 more reach beyond"),
        (field_text("low = 4.0\nhigh = 4.0"), "field v: low 4 is not below high 4"),
        (field_text("bit = 12\nbits = 5"), "field v: 5 bits from bit 12 are not inside u16"),
        (field_text("bit = 0", "f32"), "field v: 1 bits from bit 0 are not inside f32"),
        (field_text('expect = "a"'), "field v: expect is for a text, not for u16"),
        (field_text("no_value = [0xFFFF]"), "field v: no_value 65535 .* must lie outside low..high"),
        (field_text("no_value = [3]\nlow = 0.0\nhigh = 4.0"), "field v: no_value 3 .3. must lie outside low..high"),
        (field_text("must = [16]"), r"field v: bit 16 is not one of 0\.\.15"),
        (field_text('flags = { x = "stale" }'), r"field v: bit x is not one of 0\.\.15"),
        (field_text('flags = { 1 = "tired" }'), "field v: quality 'tired' is not one of stale, out_of_range"),
        (field_text("must = [0]", "i16"), "field v: must and flags are for a whole u16 or u32, not for i16"),
        (field_text('signal = "hz"'), "signal 'hz' is not one of hz_200_1000, hz_1200_2000, ma_1_5, ma_4_20"),
        (field_text('signal = "hz_200_1000"'), "signal 'hz_200_1000' needs low and high"),
        (field_text("", "text"), r"registers 0\.\.0: a read without a value"),
        (
            field_text("", "u32") + field_text('words = "little"', "u32").replace('"v"', '"w"'),
            "fields v and w want register bytes in different orders",
        ),
        ("[[field", "own.toml: "),
    ],
)  # fmt: skip
def test_a_map_that_cannot_be_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        driver_of(written(tmp_path, text))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"map": "flow_meter.toml", "station": 0}, r"station 0 is not within 1\.\.247"),
        ({"map": "flow_meter.toml", "carrier": "usb"}, "option carrier: 'usb' is not one of rtu, ascii, tcp"),
        ({"map": "none.toml"}, "option map: 'none.toml' is neither in"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, int | float | str | bool], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build("modbus", options, Path())


NO, BAND, LOOP = math.nan, Frequency(200, 1000, 0, 4), Switch(1, 5)
GOOD, DRIFT, BREAK, OVER, FAULT = SignalState


@pytest.mark.parametrize(
    ("signal", "raw", "value", "state"),
    [
        (BAND, 200, 0.0, GOOD), (BAND, 400, 1.0, GOOD), (BAND, 1000, 4.0, GOOD), (BAND, 1008, 4.04, GOOD),
        (BAND, 199, -0.005, DRIFT), (BAND, 160, -0.2, DRIFT), (BAND, 159.9, NO, BREAK), (BAND, 0, NO, BREAK),
        (BAND, 1009, NO, OVER), (BAND, math.inf, NO, OVER), (BAND, NO, NO, BREAK), (BAND, -5, NO, BREAK),
        (LOOP, 0.0, NO, BREAK), (LOOP, 0.09, NO, BREAK), (LOOP, 0.1, NO, FAULT), (LOOP, 0.79, NO, FAULT),
        (LOOP, 0.8, 0.0, GOOD), (LOOP, 1.2, 0.0, GOOD), (LOOP, 1.21, NO, FAULT), (LOOP, 3.99, NO, FAULT),
        (LOOP, 4.0, 1.0, GOOD), (LOOP, 6.0, 1.0, GOOD), (LOOP, 6.01, NO, FAULT), (LOOP, NO, NO, BREAK),
        (Switch(4, 20), 0.39, NO, BREAK), (Switch(4, 20), 3.2, 0.0, GOOD), (Switch(4, 20), 16, 1.0, GOOD),
        (Switch(4, 20), 12, NO, FAULT), (Frequency(1200, 2000, 0, 15), 1600, 7.5, GOOD),
    ],
)  # fmt: skip
def test_signals_have_bands_and_the_gaps_between_them_are_faults(
    signal: Frequency | Switch, raw: float, value: float, state: SignalState
) -> None:
    said: Signal = signal.read(raw)
    assert said.state == state
    assert said.value == pytest.approx(value, nan_ok=True)
