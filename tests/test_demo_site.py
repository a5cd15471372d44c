"""The demo changes single values of the example and leaves its comments alone."""

from __future__ import annotations

import tomllib

import pytest

from minegate_sim.edit import set_value

TEXT = """\
# a site
[uplink]  # north
host = "10.0.0.1"   # the mine's broker
[[port]]
name = "rs485-1"
device = "a"
[[port]]
name = "robots" # a broker underground
host = "10.0.0.2"
[page]
"""


def test_a_value_is_replaced_in_its_table_only() -> None:
    changed = set_value(TEXT, "uplink", "host", "127.0.0.1")
    assert tomllib.loads(changed)["uplink"]["host"] == "127.0.0.1"
    assert tomllib.loads(changed)["port"][1]["host"] == "10.0.0.2"
    assert changed.startswith("# a site\n[uplink]  # north\n")


def test_of_several_tables_the_one_with_the_name_is_changed() -> None:
    changed = tomllib.loads(set_value(TEXT, "port", "tcp_port", 1884, name="robots"))
    assert changed["port"] == [
        {"name": "rs485-1", "device": "a"},
        {"name": "robots", "host": "10.0.0.2", "tcp_port": 1884},
    ]


def test_a_key_that_is_missing_is_added_with_its_reason() -> None:
    changed = set_value(TEXT, "page", "enabled", False, why="no page today")
    assert "[page]\nenabled = false  # no page today\n" in changed


@pytest.mark.parametrize(("table", "name"), [("journal", ""), ("port", "rs485-9"), ("upl", "")])
def test_a_table_that_is_missing_is_an_error(table: str, name: str) -> None:
    with pytest.raises(ValueError, match=table):
        set_value(TEXT, table, "host", "x", name=name)
