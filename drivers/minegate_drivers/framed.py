"""A device with a private protocol, described by a file: how its frames look, what is asked, what the answer means.

[frame]                 see framing.py
[ask]
body = "01 03"          between head and check, hex; {address} is the option `address`; bytes for a length included
[answer]
starts = "01 83"        what the answer's body must begin with, so that it is this device's; {address} as above
size = 9                bytes of the whole body
[[field]]               as in device_map.py without tables: `at` is the byte in the body, type as in sdk.Field
name = "ch4"
at = 2
type = ">u2"
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from minegate_drivers.framing import FRAME_BYTES_MAX, Codec, Framing
from minegate_drivers.sdk import Catalogued, Field, Heard, Layout, LineDriver, Nonsense, Option, Quality


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked."""

    body: str


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the answer looks like."""

    size: Annotated[int, Meta(ge=1, le=FRAME_BYTES_MAX)]
    starts: str = ""


class FramedField(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One value, as sdk.Field has it."""

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    at: Annotated[int, Meta(ge=0, le=FRAME_BYTES_MAX)]
    type: str
    scale: float = 1.0
    offset: float = 0.0
    quantity: str = ""
    unit: str = ""
    low: float | None = None
    high: float | None = None
    bit: int = 0
    bits: int | None = None


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole file."""

    frame: Framing
    ask: Ask
    answer: Answer
    field: Annotated[list[FramedField], Meta(min_length=1, max_length=256)]


class FramedDevice(LineDriver, Catalogued):
    """Any polled device whose frames a file describes: head, length, escape, check, tail."""

    name: ClassVar[str] = "framed"
    files: ClassVar[str] = "frames"
    options: ClassVar[dict[str, Option]] = {
        "file": Option(str, file=True, help="description in the site folder, or one that ships here"),
        "address": Option(int, 1, low=0, high=255, help="address of the device, where the file says {address}"),
    }

    def __init__(self, *, file: str, address: int) -> None:
        path = Path(file)
        try:
            said = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Description)
            self._codec = Codec(said.frame)
            self._request = self._codec.build(_hex(said.ask.body, address))
            self._starts = _hex(said.answer.starts, address)
            fields = [Field(**msgspec.structs.asdict(field)) for field in said.field]
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError, ValueError) as error:
            raise ValueError(f"option file: {path.name}: {error}") from error
        self._size = said.answer.size
        layout = Layout(*fields, name=path.stem, size=self._size)
        if layout.size != self._size:
            raise ValueError(f"option file: {path.name}: a field lies beyond the {self._size} bytes of the answer")
        self.layouts = (layout,)

    def ask(self, now_ms: int) -> bytes | None:
        """The same request every time."""
        return self._request

    def missing(self, heard: bytes) -> int:
        """See LineDriver."""
        return self._codec.missing(heard)

    def hear(self, frame: bytes) -> Heard:
        """See LineDriver."""
        body = self._codec.body(frame)
        if not body.startswith(self._starts):
            raise Nonsense("foreign", f"the answer begins with {body[: len(self._starts)].hex(' ')}")
        if len(body) != self._size:
            raise Nonsense("length", f"{len(body)} bytes, the file says {self._size}")
        return Heard(body, Quality.GOOD)


def _hex(text: str, address: int) -> bytes:
    return bytes.fromhex(text.replace("{address}", f"{address:02x}"))
