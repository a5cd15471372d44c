"""The subscriber that judges: a program outside the project, made of paho-mqtt and tools/read_payload.py alone.

`python uplink_ear.py PORT READ_PAYLOAD`. It keeps every message with its time of arrival and reads none before it is
asked to judge. On stdin: `up`: does it hear? `newest`: when did the last readings come (ms UTC)? `judge JSON`, where
JSON has `truth` (file of the mine: when each answer of each slave had left), `windows` (name -> from, to in ms UTC, by
when the answer had left), `after` (when did the first message come behind that, and the first answer that had left
behind it?) and `live_from` (what was read before is only counted).
"""

from __future__ import annotations

import importlib.util
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

RETRY_S = 0.02
TOPIC = "minegate/1/#"
DATA = ("live", "history")


class Ear:
    """Hears for ever; QoS 0, so that the broker hands a message on before it acknowledges it to the sender."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[float, str, bytes]] = []
        self.up = False
        self._port = port
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = self._connected
        self._client.on_subscribe = self._subscribed
        self._client.on_message = self._hear
        threading.Thread(target=self._listen, daemon=True).start()

    def _connected(self, client: paho.Client, *_: object) -> None:
        client.subscribe(TOPIC)

    def _subscribed(self, *_: object) -> None:
        self.up = True

    def _hear(self, _client: paho.Client, _told: object, message: paho.MQTTMessage) -> None:
        self.heard.append((time.time_ns() / 1e6, message.topic.rsplit("/", 1)[1], bytes(message.payload)))

    def _listen(self) -> None:
        while True:
            try:
                self._client.connect("127.0.0.1", self._port, keepalive=5)
                while self._client.loop(timeout=1.0) == paho.MQTT_ERR_SUCCESS:
                    pass
            except OSError:
                pass
            self.up = False
            time.sleep(RETRY_S)


class Judge:
    """What came, against what had left."""

    def __init__(self, asked: dict[str, Any], rows: Any) -> None:
        self._rows = rows
        truth = json.loads(Path(asked["truth"]).read_text())
        self._left: list[list[float]] = truth["left_ms"]
        self._gas: list[int] = truth["gas"]
        self._windows: dict[str, list[float]] = asked.get("windows", {})
        self._after: float = asked.get("after", 0.0)
        self._live_from: float = asked.get("live_from", 0.0)  # what was read before is not the mine's
        self._lags: dict[str, list[float]] = {name: [] for name in self._windows}
        self._seen: dict[int, tuple[int, int]] = {}  # sequence -> device and count
        self._came: dict[tuple[int, int], int] = {}  # device and count -> sequence
        self._newest: dict[tuple[str, int], int] = {}  # stream and device -> count
        self._events: set[int] = set()
        self._alarms: list[float] = []
        self._losses: list[dict[str, Any]] = []
        self._first: dict[str, float] = {}
        self.said: dict[str, Any] = {"repeated": 0, "changed": 0, "unmarked": 0, "out_of_order": 0, "old": 0}

    def hear(self, at_ms: float, stream: str, payload: bytes) -> None:
        """One message."""
        if at_ms > self._after and stream in DATA:
            self._first.setdefault(stream, at_ms)
        for row in self._rows(payload):
            if "scan" in row:
                self._scan(at_ms, stream, row["scan"])
            elif "event" in row:
                self._event(at_ms, row["event"])

    def _scan(self, at_ms: float, stream: str, scan: dict[str, Any]) -> None:
        if scan["utc_ms"] < self._live_from:
            self.said["old"] += 1
            return
        sequence, what = scan["sequence"], (scan["device"], int(scan["record"][:8], 16))
        if sequence in self._seen:
            self.said["repeated"] += 1
            self.said["changed"] += self._seen[sequence] != what
            return
        self._seen[sequence] = what
        self.said["unmarked"] += what in self._came
        self._came[what] = sequence
        place = (stream, scan["device"])
        self.said["out_of_order"] += what[1] < self._newest.get(place, -1)
        self._newest[place] = what[1]
        left_ms = self._left[what[0] - 1][what[1]]
        if left_ms > self._after:
            self._first.setdefault("reading", at_ms)
        for name, (begin_ms, end_ms) in self._windows.items():
            if begin_ms <= left_ms < end_ms and stream == "live":
                self._lags[name].append(at_ms - left_ms)

    def _event(self, at_ms: float, event: dict[str, Any]) -> None:
        if event["journal_sequence"] in self._events:
            return
        self._events.add(event["journal_sequence"])
        if event["kind"] in ("alarm", "alarm_over"):
            self._alarms.append(at_ms)
        if event["kind"] == "loss":
            self._losses.append(event)

    def verdict(self) -> dict[str, Any]:
        """Sums, and what is missing."""
        in_order = sorted((sequence, *what) for sequence, what in self._seen.items())
        newest: dict[int, int] = {}
        for _, device, count in in_order:
            self.said["out_of_order"] += count <= newest.get(device, -1)
            newest[device] = max(count, newest.get(device, -1))
        lost = [
            [station, count, left_ms]
            for station, times in enumerate(self._left, 1)
            for count, left_ms in enumerate(times)
            if (station, count) not in self._came
        ]
        return {
            **self.said,
            "scans": len(self._seen),
            "lost": lost,
            "losses": self._losses,
            "first": self._first,
            "lags": {name: _spread(lags) for name, lags in self._lags.items()},
            "alarms": _spread(self._alarm_lags()),
        }

    def _alarm_lags(self) -> list[float]:
        """Each change of the gas reading makes one event, alarm or alarm_over, in turn. Timed from the first answer
        with it that was heard: one that came too late for its master showed nothing to anybody.
        """
        alarms, left_ms = sorted(self._alarms), self._left[0]
        shown = [next((at for at in range(told, len(left_ms)) if (1, at) in self._came), None) for told in self._gas]
        return [
            min((at_ms - left_ms[count] for at_ms in alarms if at_ms > left_ms[count]), default=float("inf"))
            for count in shown
            if count is not None
        ]


def _spread(lags: list[float]) -> dict[str, float]:
    if not lags:
        return {"n": 0, "p50": float("nan"), "p99": float("nan"), "max": float("nan")}
    rising = sorted(lags)

    def at(share: float) -> float:
        return rising[min(len(rising) - 1, int(share * len(rising)))]

    return {"n": len(rising), "p50": at(0.5), "p99": at(0.99), "max": rising[-1]}


def main() -> None:
    """Obey stdin until its end."""
    spec = importlib.util.spec_from_file_location("read_payload", sys.argv[2])
    assert spec is not None
    assert spec.loader is not None
    reader = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reader)
    ear = Ear(int(sys.argv[1]))
    for line in sys.stdin:
        word, _, rest = line.partition(" ")
        said: object
        if word.strip() == "up":
            said = ear.up
        elif word.strip() == "newest":
            said = next((at for at, stream, _ in reversed(ear.heard) if stream in DATA), 0.0)
        else:
            judge = Judge(json.loads(rest), reader.rows)
            for message in list(ear.heard):
                judge.hear(*message)
            said = judge.verdict()
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
