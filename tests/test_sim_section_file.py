"""A section's file that is wrong is refused in one line that names the file, the key and the value."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from minegate_sim.section.plan import Plan
from minegate_sim.section.section import load


def broken() -> Iterator[tuple[str, str, str]]:
    """What to replace in heading.toml, by what, and what the error names."""
    yield 'name = "heading"\ntitle_zh', 'nam = "heading"\ntitle_zh', "nam"
    yield "length_m = 120\narea_m2", "length_m = -1\narea_m2", "length_m"
    yield 'begin = "mouth"\nend = "face"\nmouth', 'begin = "moon"\nend = "face"\nmouth', "moon"
    yield 'works_with = "roadheader-1"', 'works_with = "nobody"', "nobody"
    yield "at_m = 116", "at_m = 500", "T1-ch4: at_m 500"
    yield 'quantity = "duct_speed"', 'quantity = "love"', "love"
    yield 'of = "local"', 'of = "face-gas"', "face-gas"
    yield 'sensors = ["T1-ch4"]', 'sensors = ["T9"]', "T9"
    yield 'sensors = ["T1-ch4"]', 'sensors = ["fan-run"]', "gas_head"
    yield 'port = "can-1"\nof', 'port = "rs485-1"\nof', "needs a port of kind can"
    yield "address = 2\nsensors", "address = 1\nsensors", "port rs485-1: address '1' is given twice"
    yield 'output = "relay-1"', 'output = "rs485-1"', "output"
    yield 'point = "T2-ch4"\nalarm', 'point = "T3-ch4"\nalarm', "T3-ch4"
    yield 'name = "return"\nbegin = "mouth"', 'name = "intake"\nbegin = "mouth"', "'intake' is given twice"
    yield 'end = "outside"', 'end = "nowhere"\nfriction = 9', "friction"
    yield "[[road]]", "[[road]", "heading.toml"


@pytest.mark.parametrize(("old", "new", "said"), list(broken()))
def test_a_file_that_is_wrong_is_refused_with_file_and_name(old: str, new: str, said: str, tmp_path: Path) -> None:
    text = (Path(__file__).parent.parent / "sim/minegate_sim/section/sections/heading.toml").read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / "heading.toml"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=r"heading\.toml") as error:
        load(str(file))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_section_that_is_not_there_is_an_oserror() -> None:
    with pytest.raises(OSError, match="nothing"):
        load("nothing")


def test_a_plan_is_read_once_and_frozen() -> None:
    plan: Plan = load("heading")
    with pytest.raises(AttributeError):
        plan.name = "x"  # type: ignore[misc] - that is the test
