"""The DBC files of the opendbc package, compiled by us, mean what cantools says; multiplexed ones too."""

from __future__ import annotations

import random
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

import pytest
from cantools.database import Error, load_file
from cantools.database.can import Database, Message

from minegate_drivers.dbc import Compiled, DbcListener, Multiplexed, compile_messages
from minegate_drivers.ports import CanFrame
from minegate_drivers.sdk import Nonsense

FOLDER = Path(str(files("opendbc") / "dbc"))
FILES = sorted(FOLDER.rglob("*.dbc"))
QUICK_BYTES_MAX = 12_000


def load(path: Path) -> list[Message]:
    """The messages with signals; none of a file that cantools itself refuses (identifiers too wide for their flag)."""
    try:
        database = load_file(path)
    except Error:
        return []
    assert isinstance(database, Database)
    return [message for message in database.messages if message.signals]


def compiles(message: Message) -> bool:
    """False where the driver says that it does not read the message."""
    try:
        compile_messages([message])
    except ValueError as refused:
        said = str(refused)
    else:
        return True
    assert any(words in said for words in ("spans 9 bytes", "appears twice", "are not inside")), said
    return False


def compare(path: Path, frames: int) -> tuple[int, int]:
    """(messages compared, messages that the driver refuses)."""
    chance = random.Random(path.name)
    messages = load(path)
    readable = [message for message in messages if compiles(message)]
    for message in readable:
        compiled = compile_messages([message])
        for _ in range(frames):
            agree(compiled, message, chance.randbytes(message.length))
    return len(readable), len(messages) - len(readable)


def agree(compiled: Compiled, message: Message, data: bytes) -> None:
    case = compiled.cases[0]
    try:
        theirs = message.decode(data, decode_choices=False, scaling=True)
    except Error:
        theirs = None  # a multiplexer value that the file does not have
    try:
        part, _, size = case.choose(data) if isinstance(case, Multiplexed) else case
    except Nonsense:
        part = None
    if part is None:
        assert theirs is None, message.name
        return
    assert isinstance(theirs, dict), message.name
    layout = compiled.layouts[part]
    ours = dict(zip((field.name for field in layout.fields), layout.decode(data.ljust(size, b"\0")), strict=True))
    assert ours.keys() == theirs.keys(), message.name
    for name, value in theirs.items():
        assert isinstance(value, int | float)
        assert ours[name] == pytest.approx(float(value), rel=1e-9, abs=1e-9, nan_ok=True), (message.name, name)


def test_small_files_are_understood_as_cantools_does() -> None:
    small = [path for path in FILES if path.stat().st_size <= QUICK_BYTES_MAX]
    counted = [compare(path, 3) for path in small]
    compared, refused = sum(one for one, _ in counted), sum(one for _, one in counted)
    assert (len(small) >= 50, compared >= 500, refused <= compared // 50) == (True, True, True), (compared, refused)


@pytest.mark.long
def test_every_file_is_understood_as_cantools_does() -> None:
    counted = [compare(path, 20) for path in FILES]
    compared, refused = sum(one for one, _ in counted), sum(one for _, one in counted)
    print(f"{len(FILES)} files, {compared} messages compared, {refused} refused")
    assert (len(FILES) >= 100, compared >= 2000, refused <= compared // 50) == (True, True, True), (compared, refused)


def test_a_driver_hears_a_multiplexed_message_in_parts() -> None:
    found = (
        (path, message) for path in FILES for message in load(path) if message.is_multiplexed() and compiles(message)
    )
    path, message = next(found)
    driver = DbcListener(file=str(path), messages=message.name)
    assert len(driver.layouts) > 1
    chance = random.Random(7)
    parts = set()
    for _ in range(300):
        frame = CanFrame(message.frame_id, chance.randbytes(message.length), message.is_extended_frame)
        with suppress(Nonsense):
            parts.add(driver.hear(frame).part)
    assert len(parts) > 1
