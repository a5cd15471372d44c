"""In which words a consumer gets the journal: this project's own, JSON, or Sparkplug B. Each is one file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from minegate_agent.clock import Clock
from minegate_agent.link.birth import Birth
from minegate_agent.link.payload import BIRTH, STATE, STREAMS, messages, state, topic
from minegate_agent.link.store.reader import Record


class Message(NamedTuple):
    """What is published: `stream` says what it is, whatever the topic is called."""

    stream: str
    topic: str
    payload: bytes
    retain: bool = False


class Format(Protocol):
    """A consumer's language; `begin` is called at each connection, before anything else."""

    content_type: str
    heard: tuple[str, ...]  # topics on which somebody may ask for births

    def asks_for_birth(self, topic: str, payload: bytes) -> bool:
        """Whether a message on such a topic asks that everything be explained anew."""

    def begin(self) -> None:
        """A new connection."""

    def born(self, birth: Birth, newest: bool) -> list[Message]:
        """What explains the records under this birth. The newest one stands for the gateway as it is now."""

    def online(self, birth: Birth) -> Message:
        """The gateway is there. Sent at any time; a receiver may hear it often."""

    def offline(self, birth: Birth) -> Message:
        """The gateway is not there any more: last will and goodbye."""

    def block(self, records: Sequence[Record], birth: Birth, lane: str) -> list[Message]:
        """The records, in one message or several."""


class Native:
    """agent/PAYLOAD.md."""

    content_type = "application/msgpack"
    heard: tuple[str, ...] = ()

    def __init__(self, mine: str, gateway: str, clock: Clock) -> None:
        self._topics = {stream: topic(mine, gateway, stream) for stream in STREAMS}
        self._clock = clock

    def asks_for_birth(self, _topic: str, _payload: bytes) -> bool:
        """See Format. Births are retained: nobody needs to."""
        return False

    def begin(self) -> None:
        """See Format. Every connection is like the other."""

    def born(self, birth: Birth, newest: bool) -> list[Message]:
        """See Format. A birth of before goes by unretained: who comes later must find the present one."""
        told = Message(BIRTH, self._topics[BIRTH], birth.payload, retain=newest)
        return [told, self.online(birth)] if newest else [told]

    def online(self, birth: Birth) -> Message:
        """See Format."""
        return Message(STATE, self._topics[STATE], state(birth.id, True, self._clock.utc_ms()), retain=True)

    def offline(self, birth: Birth) -> Message:
        """See Format."""
        return Message(STATE, self._topics[STATE], state(birth.id, False, self._clock.utc_ms()), retain=True)

    def block(self, records: Sequence[Record], birth: Birth, lane: str) -> list[Message]:
        """See Format."""
        told = messages(records, birth.id, self._clock.utc_ms(), birth.weights, lane)
        return [Message(each.stream, self._topics[each.stream], each.payload) for each in told]
