"""When each proof test was last passed, on disk: a restart must not make a test due or overdue."""

from __future__ import annotations

import json
import math
import os

from minegate_interlock.proof_test import Key
from minegate_interlock.proof_tests import ProofTests
from minegate_interlock.told import log
from minegate_interlock.world import Folder

FILE = "proof-tests.json"
_BYTES_MAX = 1 << 20


def read(folder: Folder) -> dict[Key, float]:
    """Seconds since 1970 of each test. A file that is missing or strange says nothing: then every test is due."""
    try:
        with open(os.path.join(folder, FILE), "rb") as file:
            text = file.read(_BYTES_MAX)
        rows = json.loads(text)
        done = {Key(str(kind), str(subject)): float(utc_s) for kind, subject, utc_s in rows}
    except (OSError, ValueError, TypeError, RecursionError):
        return {}
    return {key: utc_s for key, utc_s in done.items() if math.isfinite(utc_s)}


def keep(folder: Folder, testing: ProofTests) -> None:
    """Write what has changed; what cannot be written now is tried again at the next look."""
    if not testing.changed:
        return
    try:
        write(folder, testing.done)
        testing.changed = False
    except OSError as error:
        log.warning("%s: %s; tried again", os.path.join(folder, FILE), error)


def write(folder: Folder, done: dict[Key, float]) -> None:
    """Whole or not at all. Raises OSError."""
    new = os.path.join(folder, FILE + ".new")
    rows = [[key.kind, key.subject, utc_s] for key, utc_s in sorted(done.items())]
    with open(new, "w", encoding="utf-8") as file:
        json.dump(rows, file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, os.path.join(folder, FILE))
