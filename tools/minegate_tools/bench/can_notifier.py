"""Child of `minegate bench can`: what a plain script does: python-can's Notifier, cantools, nothing kept.

`python -m minegate_tools.bench.can_notifier TTY FOLDER`. Ends when nothing was heard for a second after something was.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import can
import cantools
from cantools.database.can import Database

from minegate_tools.bench.can_ours import QUIET_S, WAIT_S, cpu_s


class Decoding(can.Listener):
    """Decodes every message and counts."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.frames = 0

    def on_message_received(self, msg: can.Message) -> None:
        """See can.Listener."""
        self._database.decode_message(msg.arbitration_id, bytes(msg.data))
        self.frames += 1


def main(tty: str, folder: Path) -> dict[str, float]:
    """Listen until it is quiet."""
    database = cantools.database.load_file(folder / "bench.dbc")
    assert isinstance(database, Database)
    bus = can.Bus(channel=tty, interface="slcan", bitrate=500_000, sleep_after_open=0.0)
    listener = Decoding(database)
    print("ready", flush=True)
    began_s = cpu_s()
    notifier = can.Notifier(bus, [listener])
    before, waited_s = -1, 0.0
    while (listener.frames != before or not listener.frames) and waited_s < WAIT_S:
        before = listener.frames
        time.sleep(QUIET_S)
        waited_s = 0.0 if listener.frames else waited_s + QUIET_S
    used_s = cpu_s() - began_s
    notifier.stop()
    bus.shutdown()
    return {"frames": listener.frames, "cpu_s": used_s}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]))))
