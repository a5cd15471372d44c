"""What a piece of mine is to whoever simulates it: far ends of lines, physics that is stepped, and a truth to look at.

A place knows no clock, no I/O and no agent: times are arguments (milliseconds of true time, with fractions), bytes go
in and out of its `ends`, chance comes from the seed it was made with. The same place can stand behind ptys and a real
clock (`minegate_sim.process`) or in virtual time (`minegate_sim.gateway`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple, Protocol

from minegate_drivers.ports import Message
from minegate_sim.far_end import FarEnd


class Truth(NamedTuple):
    """Something that really happened, at `ms` of true time. A contact's truths carry `contact`, its output's name."""

    ms: float
    what: str
    fields: dict[str, object] = {}  # noqa: RUF012 - never written to; the empty default is shared on purpose


class Speaker(Protocol):
    """Something that publishes messages by itself, such as a robot on the underground broker."""

    def step(self, at_ms: float, utc_ms: int) -> Message | None:
        """The message that is due at `at_ms`, if there is one to send. Afterwards `due_ms() > at_ms`."""

    def due_ms(self) -> float:
        """When `step` is to be called next."""


class Place(Protocol):
    """A piece of mine. The caller runs the `ends` as they fall due, and steps the physics when `due_ms` says so."""

    @property
    def ends(self) -> Mapping[str, FarEnd]:
        """The far end of each line, by the last part of the `device` or `channel` that the site's files name."""

    @property
    def speakers(self) -> Mapping[str, Speaker]:
        """Who publishes messages, by device name."""

    @property
    def devices(self) -> Collection[str]:
        """The names of the devices that a fault can be wished for."""

    def site(self) -> Mapping[str, str]:
        """The texts of `gateway.toml` and `rules.toml` (and other files) of a gateway that fits this place. Without
        `rules.toml` the gateway has no interlock.
        """

    def step(self, now_ms: float) -> None:
        """Let the physics up to `now_ms` pass."""

    def due_ms(self) -> float:
        """When `step` is to be called next."""

    def values(self) -> Mapping[str, float]:
        """What each device would answer now, by point name, in the unit of the point. NaN: it would not answer."""

    def truths(self) -> Mapping[str, float]:
        """What there really is where a point is measured, for those points of which the place knows it."""

    def contacts(self) -> Mapping[str, bool]:
        """Whether each relay's main contact is closed, by the name of its output in `rules.toml`."""

    def do(self, wish: Mapping[str, object], now_ms: float) -> Mapping[str, object]:
        """What people, rock and bad luck do: `{"do": "fan", "run": False}`. ValueError says what makes no sense."""

    def take_truths(self) -> list[Truth]:
        """What happened since the last call, in order."""
