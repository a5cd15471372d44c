"""Whatever a bus brings, a codec says Nonsense and nothing else, is bounded, and knows the next good frame.

`MINEGATE_FUZZ_FRAMES` is the number of frames per codec: 10,000,000 in the long proof unless it is set.
"""

from __future__ import annotations

import os
import random
import resource
from contextlib import suppress

import pytest

from fuzz_codecs import Fed, codecs, damage
from minegate_drivers.sdk import Nonsense

QUICK_FRAMES = 15_000
LONG_FRAMES = int(os.environ.get("MINEGATE_FUZZ_FRAMES", "10000000"))
GOOD_EVERY = 100
GROWTH_KB_MAX = 40_000  # of the whole process; buffers are bounded by far less


def fuzz(codec: Fed, frames: int, seed: int) -> None:
    """The seed is the case: the same one brings the same bytes."""
    chance = random.Random(seed)
    for number in range(frames):
        piece = damage(chance, codec.well)
        with suppress(Nonsense):
            codec.feed(piece)
        assert codec.held() <= 0, (seed, number, piece.hex())
        if number % GOOD_EVERY == 0:
            assert understood(codec), (seed, number)


def understood(codec: Fed) -> bool:
    """Is at least one good frame understood? In a capture some are there to be refused."""
    for frame in codec.well:
        with suppress(Nonsense):
            if codec.understood(frame):
                return True
    return False


@pytest.mark.parametrize("name", sorted(codecs()))
def test_no_frame_breaks_a_codec(name: str) -> None:
    fuzz(codecs()[name], QUICK_FRAMES, seed=2007)


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(codecs()))
def test_no_frame_of_ten_million_breaks_a_codec(name: str) -> None:
    codec = codecs()[name]
    fuzz(codec, 10_000, seed=1)
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fuzz(codec, LONG_FRAMES, seed=20_260_131)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < GROWTH_KB_MAX
