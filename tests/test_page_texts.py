"""Every text of the page stands in one table, in both languages, and every one of them is used."""

from __future__ import annotations

import json
import re
from enum import Enum

import pytest

from minegate_agent.field.frames import Stray
from minegate_agent.link.page.app import STATIC
from minegate_drivers.sdk import Quality
from minegate_interlock.lines import Cause, Feed, What

TABLE: dict[str, dict[str, str]] = json.loads((STATIC / "texts.json").read_text(encoding="utf-8"))
SOURCES = {path.name: path.read_text(encoding="utf-8") for path in sorted(STATIC.glob("*.js"))}
HTML = (STATIC / "index.html").read_text(encoding="utf-8")

FIELD_KINDS = {
    "device_lost", "device_back", "port_lost", "port_back", "driver_error", "loss", "quality", "loop_held_up",
}  # fmt: skip
LINK_KINDS = {"config_change", "uplink_up", "uplink_down", "clock_step", "clock_set", "disk_error", "disk_ok"}


def names(words: type[Enum]) -> set[str]:
    return {word.name.lower() for word in words}


BINARY = ("running", "local_fan", "feed", "feed_state", "state", "lock")

# Keys that the page puts together from a word of the gateway: exactly one text for each word that can come.
FAMILIES = {
    "event": names(What) | FIELD_KINDS | LINK_KINDS | {"other"},
    "cause": names(Cause) | {"state"},
    "quality": {str(flag.name) for flag in Quality},
    "feed": names(Feed),
    "contact": {"open", "closed", "mismatch", "unread", "silent", "unknown"},
    "state": {"permitted", "locked", "cut", "unknown"},
    "process": {"interlock", "field", "link"},
    "loss": {"field_died", "power_cut", "hold_full", "gap", "journal_thinned", "journal_damaged", "other"},
    "stray": {stray.value for stray in Stray},
    "proof": {"lock", "fan-lock", "calibration"},
    "binary": {f"{quantity}.{value}" for quantity in BINARY for value in (0, 1)},
}
PROOF_WORDS = {
    "heading", "every", "last", "never", "in_time", "due", "running", "wait", "wait_fan", "reset", "how", "how_fan",
    "how_calibration",
}  # fmt: skip
BESIDE = {"event": {"heading", "none", "open_end"}, "proof": PROOF_WORDS}  # literal keys in the room of a family


def used() -> tuple[set[str], set[str]]:
    """Whole keys, and first words of keys that are put together."""
    scripts = "\n".join(SOURCES.values())
    whole = set(re.findall(r'"([a-z_]+(?:\.[a-z_]+)+)"', scripts)) | set(re.findall(r'data-t="([^"]+)"', HTML))
    return whole, set(re.findall(r"`([a-z_]+)\.\$\{", scripts))


@pytest.mark.parametrize("key", TABLE)
def test_a_text_has_both_languages_with_the_same_holes(key: str) -> None:
    assert set(TABLE[key]) == {"zh", "en"}
    holes = {lang: sorted(set(re.findall(r"\{(\w+)\}", text))) for lang, text in TABLE[key].items()}
    assert holes["zh"] == holes["en"]
    assert all(text.strip() == text != "" for text in TABLE[key].values())


@pytest.mark.parametrize("key", TABLE)
def test_chinese_is_chinese_and_english_is_not(key: str) -> None:
    han = re.compile(r"[\u4e00-\u9fff，。：；（）]")
    without_holes = re.sub(r"\{\w+\}|minegate", "", TABLE[key]["zh"])
    assert han.search(without_holes) or not re.search(r"[A-Za-z]", without_holes)
    assert not re.search(r"[,:;()]", without_holes), "Chinese has its own punctuation"
    assert not han.search(TABLE[key]["en"])


def test_every_text_that_is_asked_for_is_there_and_none_is_left_over() -> None:
    whole, put_together = used()
    assert put_together == {*FAMILIES, "head"}
    families = {f"{family}.{word}" for family, words in FAMILIES.items() for word in words}
    head = {f"head.{word}" for word in ("live", "lost", "connecting")}
    missing = (whole | families | head) - set(TABLE)
    unused = set(TABLE) - whole - families - head
    assert (missing, unused) == (set(), set())


@pytest.mark.parametrize("family", FAMILIES)
def test_there_is_a_text_for_every_word_that_the_gateway_can_say(family: str) -> None:
    found = {key.partition(".")[2] for key in TABLE if key.startswith(f"{family}.")}
    assert found - BESIDE.get(family, set()) == FAMILIES[family]


def test_the_page_names_no_address_outside_itself() -> None:
    own = {**SOURCES, "index.html": HTML, "page.css": (STATIC / "page.css").read_text(encoding="utf-8")}
    for name, text in own.items():
        outside = [found for found in re.findall(r"(?:https?:)?//[\w.-]+\.\w+", text) if "www.w3.org" not in found]
        assert outside == [], name


def test_no_script_makes_markup_out_of_text() -> None:
    for name, text in SOURCES.items():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text), (
            name
        )


def test_the_foreign_code_comes_with_its_licence() -> None:
    assert "MIT" in (STATIC / "uplot" / "LICENSE").read_text(encoding="utf-8")
