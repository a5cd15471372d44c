"""SipHash-2-4: a keyed sum of 64 bits over short messages (Aumasson and Bernstein: SipHash, 2012).

A word of 64 bits is four limbs of 16, because an integer of a 32-bit board is small only below 2**30; nothing here
passes that or allocates. A sum over the 32 bytes of a sealed PERMIT is 14 rounds, some thousand bytecodes.
"""

KEY_BYTES = 16

# the constants of the paper, low limb first, in the order v0, v1, v2, v3
_START = (
    (0x6575, 0x7073, 0x6D65, 0x736F),
    (0x6F6D, 0x6E64, 0x7261, 0x646F),
    (0x7261, 0x6E65, 0x6765, 0x6C79),
    (0x6573, 0x7974, 0x6462, 0x7465),
)


class SipHash:
    """`begin`, any number of `add`, `finish`; the sum is then `sum`, four limbs, low first."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError("key length")
        self.sum = [0] * 4
        self._key = [key[at] | key[at + 1] << 8 for at in range(0, KEY_BYTES, 2)]
        self._words = [0] * 16
        self._block = [0] * 4
        self._fill = 0
        self._length = 0

    def begin(self) -> None:
        """A new sum."""
        for word in range(4):
            for limb in range(4):
                self._words[word * 4 + limb] = _START[word][limb] ^ self._key[(word & 1) * 4 + limb]
        self._clear()
        self._length = 0

    def add(self, buf: bytes | bytearray, first: int, end: int) -> None:
        """`buf[first:end]` belongs to the message."""
        for position in range(first, end):
            self._block[self._fill >> 1] |= buf[position] << ((self._fill & 1) << 3)
            self._fill += 1
            self._length = (self._length + 1) & 0xFF
            if self._fill == 8:
                self._compress()

    def finish(self) -> None:
        """The message is complete."""
        self._block[3] |= self._length << 8
        self._compress()
        words = self._words
        words[8] ^= 0xFF
        for _ in range(4):
            _round(words)
        for limb in range(4):
            self.sum[limb] = words[limb] ^ words[4 + limb] ^ words[8 + limb] ^ words[12 + limb]

    def _clear(self) -> None:
        for limb in range(4):
            self._block[limb] = 0
        self._fill = 0

    def _compress(self) -> None:
        words = self._words
        for limb in range(4):
            words[12 + limb] ^= self._block[limb]
        _round(words)
        _round(words)
        for limb in range(4):
            words[limb] ^= self._block[limb]
        self._clear()


def _round(words: list) -> None:
    _half(words, 0, 4, 0, 13, True)
    _half(words, 8, 12, 1, 0, False)
    _half(words, 0, 12, 1, 5, False)
    _half(words, 8, 4, 1, 1, True)


def _half(words: list, into: int, other: int, limbs: int, bits: int, halves: bool) -> None:
    """into += other; other = other turned left by 16 * limbs + bits, xor into; then, if `halves`, into turned by 32."""
    b0 = words[other]
    b1 = words[other + 1]
    b2 = words[other + 2]
    b3 = words[other + 3]
    a0 = words[into] + b0
    a1 = words[into + 1] + b1 + (a0 >> 16)
    a2 = words[into + 2] + b2 + (a1 >> 16)
    a3 = (words[into + 3] + b3 + (a2 >> 16)) & 0xFFFF
    a0 &= 0xFFFF
    a1 &= 0xFFFF
    a2 &= 0xFFFF
    if limbs:
        spare = b3
        b3 = b2
        b2 = b1
        b1 = b0
        b0 = spare
    back = 16 - bits
    words[other] = ((b0 << bits | b3 >> back) & 0xFFFF) ^ a0
    words[other + 1] = ((b1 << bits | b0 >> back) & 0xFFFF) ^ a1
    words[other + 2] = ((b2 << bits | b1 >> back) & 0xFFFF) ^ a2
    words[other + 3] = ((b3 << bits | b2 >> back) & 0xFFFF) ^ a3
    words[into] = a2 if halves else a0
    words[into + 1] = a3 if halves else a1
    words[into + 2] = a0 if halves else a2
    words[into + 3] = a1 if halves else a3
