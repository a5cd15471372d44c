"""A driver is named in gateway.toml, its options are checked before it is built, and others may bring their own."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from minegate_drivers.catalogue import OURS, Value, build, describe, find, names
from minegate_drivers.gas_head import GasHead
from minegate_drivers.sdk import LineDriver

ROBOT: dict[str, Value] = {"manufacturer": "KIT", "serial": "0001"}


@pytest.mark.parametrize(
    ("driver", "options"),
    [
        ("gas_head", {"station": 247}),
        ("gas_head", {"station": 1, "high": 10}),  # a whole number where a fraction may stand
        ("wire_node", {"node": 3, "channels": "0 a"}),
        ("dbc", {"file": "roadheader.dbc"}),
        ("vda5050", ROBOT),
    ],
)
def test_a_driver_is_built_from_its_options(driver: str, options: dict[str, Value], tmp_path: Path) -> None:
    built = build(driver, options, tmp_path)
    assert isinstance(built, find(driver))
    assert find(driver).name == driver
    assert built.layouts


@pytest.mark.parametrize(
    ("driver", "options", "words"),
    [
        ("gas", {}, "driver gas: not one of "),
        ("gas_head", {}, "driver gas_head: option station must be given: Modbus address of the head"),
        ("gas_head", {"station": 300}, "driver gas_head: option station: 300 is above 247"),
        ("gas_head", {"station": 0}, "driver gas_head: option station: 0 is below 1"),
        ("gas_head", {"station": "1"}, "driver gas_head: option station: '1' is not of type int"),
        ("gas_head", {"station": True}, "driver gas_head: option station: True is not of type int"),
        ("gas_head", {"station": 1.0}, "driver gas_head: option station: 1.0 is not of type int"),
        ("gas_head", {"station": 1, "high": math.nan}, "driver gas_head: option high: nan is not a number that can be"),
        ("gas_head", {"station": 1, "scale": math.inf}, "driver gas_head: option scale: inf is not a number that can"),
        ("gas_head", {"station": 1, "low": 4}, "driver gas_head: option low: 4 is not below option high: 4"),
        ("gas_head", {"statoin": 1}, "driver gas_head: option statoin is unknown; known are first, function, "),
        ("gas_head", {"station": 1, "function": 6}, "driver gas_head: option function: 6 is above 4"),
        ("dbc", {"file": "none.dbc"}, "driver dbc: option file: 'none.dbc' is neither in {folder} nor one of ['"),
        ("vda5050", ROBOT | {"serial": "a/b"}, "driver vda5050: option serial: 'a/b' is empty or has one of / + # $"),
    ],
)
def test_an_option_that_does_not_fit_is_one_line(
    driver: str, options: dict[str, Value], words: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"^driver ") as caught:
        build(driver, options, tmp_path)
    assert str(caught.value).startswith(words.replace("{folder}", str(tmp_path)))
    assert "\n" not in str(caught.value)


def test_a_file_of_the_site_goes_before_the_one_that_ships(tmp_path: Path) -> None:
    text = 'VERSION ""\nBU_: A\nBO_ 5 Own: 1 A\n SG_ x : 0|8@1+ (1,0) [0|0] "" A\n'
    (tmp_path / "roadheader.dbc").write_text(text, encoding="utf-8")
    assert build("dbc", {"file": "roadheader.dbc"}, tmp_path).layouts[0].name == "Own"


@pytest.mark.parametrize("driver", sorted(OURS))
def test_every_driver_can_be_described(driver: str) -> None:
    described = describe(driver)
    assert described.port in ("serial", "can", "mqtt", "any")
    assert len(described.summary) > 20
    assert all(option.help for option in described.options.values())


FOREIGN = '''
from minegate_drivers.sdk import Catalogued, Field, Heard, Layout, LineDriver, Option

class Thermometer(LineDriver, Catalogued):
    """A thermometer that a third party made."""
    name = "thermometer"
    options = {"address": Option(int, low=1, high=9)}
    layouts = (Layout(Field("t", "<i1", unit="degC")),)
    def __init__(self, *, address): self._request = bytes((address,))
    def ask(self, now_ms): return self._request
    def missing(self, heard): return 1 - len(heard)
    def hear(self, frame): return Heard(frame)

class NoDriver: pass
'''


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed distribution that is not ours."""
    installed(tmp_path, "thermo", ["thermometer = thermo:Thermometer", "broken = thermo:Nothing", "gone = nowhere:X"])
    with (tmp_path / "thermo-1.0.dist-info" / "entry_points.txt").open("a", encoding="utf-8") as file:
        file.write("none = thermo:NoDriver\ngas_head = thermo:Thermometer\n")
    (tmp_path / "thermo.py").write_text(FOREIGN, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def installed(folder: Path, name: str, entries: list[str]) -> None:
    information = folder / f"{name}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    text = "\n".join(("[minegate.drivers]", *entries)) + "\n"
    (information / "entry_points.txt").write_text(text, encoding="utf-8")


@pytest.mark.usefixtures("foreign")
def test_another_distribution_brings_a_driver(tmp_path: Path) -> None:
    driver = build("thermometer", {"address": 5}, tmp_path)
    assert isinstance(driver, LineDriver)
    assert driver.ask(0) == b"\x05"
    assert "thermometer" in names()
    with pytest.raises(ValueError, match="driver thermometer: option address: 10 is above 9"):
        build("thermometer", {"address": 10}, tmp_path)


@pytest.mark.usefixtures("foreign")
def test_a_name_of_ours_cannot_be_taken_over() -> None:
    assert find("gas_head") is GasHead


@pytest.mark.usefixtures("foreign")
@pytest.mark.parametrize(
    ("driver", "words"),
    [
        ("broken", "driver broken: thermo:Nothing cannot be loaded: "),
        ("gone", "driver gone: nowhere:X cannot be loaded: No module named 'nowhere'"),
        ("none", "driver none: thermo:NoDriver is not a Catalogued line, CAN or message driver"),
    ],
)
def test_a_foreign_driver_that_is_none_is_one_line(driver: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"^driver ") as caught:
        find(driver)
    assert str(caught.value).startswith(words)


def test_two_foreign_drivers_of_one_name_are_refused(foreign: Path) -> None:
    installed(foreign, "other", ["thermometer = other:Thermometer"])
    with pytest.raises(ValueError, match="driver thermometer: given by other:Thermometer and by thermo:Thermometer"):
        find("thermometer")
