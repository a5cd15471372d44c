"""What the interlock says never holds it up, and what it needs stays small."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import pytest

from minegate_interlock.digest import sha256
from minegate_interlock.told import Told


def test_a_line_has_name_level_and_words_and_is_one_line() -> None:
    reading, writing = os.pipe()
    told = Told("interlock", writing)
    told.info("ready, rules %s", "ab12")
    told.warning("100 % of two\nlines")
    assert os.read(reading, 4096) == b"interlock INFO ready, rules ab12\ninterlock WARNING 100 % of two lines\n"
    assert told.dropped == 0
    os.close(reading)
    os.close(writing)


def test_a_pipe_that_nobody_reads_takes_no_time_and_is_counted() -> None:
    reading, writing = os.pipe()
    told = Told("interlock", writing)
    for _ in range(3000):
        told.info("%s", "x" * 90)
    kept = len(os.read(reading, 1 << 20))
    assert kept > 0
    assert told.dropped > 0
    assert kept + 106 * told.dropped == 106 * 3000
    os.close(reading)
    told.info("to nobody")  # SIGPIPE is not ours to die of
    os.close(writing)


def test_a_stderr_that_was_closed_costs_the_line_only() -> None:
    told = Told("interlock", 9999)
    told.info("lost")
    assert told.dropped == 1


@pytest.mark.parametrize("data", [b"", b"rules", bytes(100_000)])
def test_the_digest_is_sha_256(data: bytes) -> None:
    assert sha256(data) == hashlib.sha256(data).digest()


def test_the_interlock_loads_nothing_that_is_large() -> None:
    code = "import sys, minegate_interlock.__main__; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    large = {"hashlib", "_hashlib", "ssl", "logging", "argparse", "asyncio", "threading", "subprocess", "ctypes"}
    assert large & set(done.stdout.split()) == set()


def test_what_was_left_out_is_there_for_whoever_asks_after_all() -> None:
    code = (
        "import sys, minegate_interlock.__main__\n"
        "assert 'inspect' not in sys.modules and 'pathlib' not in sys.modules\n"
        "from dataclasses import dataclass\n"
        "@dataclass\n"
        "class Bare:\n"
        "    number: int\n"
        "print(Bare.__doc__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "Bare(number: int)\n"
