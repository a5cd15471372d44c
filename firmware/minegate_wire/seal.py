"""The seal of a SIGNED_PERMIT or SIGNED_OPEN: its last six bytes are a keyed sum that only the gateway can make.

    seal = first 48 bits of SipHash-2-4( key, session, version, node, kind, fields before the seal )

The session is eight bytes of chance that a relay node draws at boot and tells once (SESSION); it covers every seal and
travels in none, so a frame of an earlier boot or of another node is never good. Within a session the sequence decides
(minegate_node/permission.py). 48 bits: whoever tries at random on a line of 9600 baud needs 28 ms per frame, and
125 000 years for an even chance.
"""

from minegate_wire.frame import Frame
from minegate_wire.siphash import SipHash

SEAL_BYTES = 6
SESSION_BYTES = 8


class Seal:
    """Key and session. `session` may be replaced: eight bytes."""

    def __init__(self, key: bytes, session: bytes) -> None:
        if len(session) != SESSION_BYTES:
            raise ValueError("session length")
        self.session = session
        self._hash = SipHash(key)

    def put(self, buf: bytearray, end: int) -> None:
        """Write the seal into the last bytes before `end`."""
        self._sum(buf, end - SEAL_BYTES)
        for at in range(SEAL_BYTES):
            buf[end - SEAL_BYTES + at] = self._hash.sum[at >> 1] >> ((at & 1) << 3) & 0xFF

    def good(self, buf: bytes | bytearray, end: int) -> bool:
        """Whether the last bytes before `end` are the seal. Takes equally long wherever they differ."""
        self._sum(buf, end - SEAL_BYTES)
        differs = 0
        for at in range(SEAL_BYTES):
            differs |= buf[end - SEAL_BYTES + at] ^ (self._hash.sum[at >> 1] >> ((at & 1) << 3) & 0xFF)
        return differs == 0

    def _sum(self, buf: bytes | bytearray, end: int) -> None:
        self._hash.begin()
        self._hash.add(self.session, 0, SESSION_BYTES)
        self._hash.add(buf, 0, end)
        self._hash.finish()


def encode_signed(node: int, kind: int, fields: tuple, seal: Seal) -> bytes:
    """One whole frame of one row; `fields` are those before the seal. ValueError if one does not fit."""
    frame = Frame()
    frame.begin(node, kind)
    frame.add(fields + (0, 0, 0))
    seal.put(frame.plain, frame.end)
    frame.close()
    return bytes(frame.line[: frame.length])
