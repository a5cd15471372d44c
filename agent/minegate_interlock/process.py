"""The interlock's loop: descriptors in and out of the engine. Nothing here decides anything.

One thread, one selector, one fixed tick. If the loop was held up for longer than `STALL_MS`, whatever waited in the
points socket is older than its age says, so it is thrown away: the leases have run out meanwhile, and fresh readings
follow.
"""

from __future__ import annotations

import math
import os
import selectors
import signal
import socket
from collections import deque
from collections.abc import Callable, Iterator

from minegate_interlock import lines, proof_dates, sockets
from minegate_interlock.engine import Engine
from minegate_interlock.lines import (
    RECORD_BYTES_MAX,
    Answer,
    Command,
    Kind,
    Lateness,
    PointName,
    Reading,
    Refused,
    Wanted,
    pack,
)
from minegate_interlock.node_key import use_keys
from minegate_interlock.output_lines import OutputLines
from minegate_interlock.reaction import Buckets
from minegate_interlock.readers import Readers
from minegate_interlock.rules import Rules
from minegate_interlock.rules_file import RulesFile
from minegate_interlock.told import log
from minegate_interlock.world import Folder, World

STALL_MS = 500
SLOW_TICK_MS = 1000  # reopening lines, area states, looking at the rules file
CONTROLS_MAX = 16
CONTROL_WAIT_MS = 3000  # a command follows its connection at once; as long as `minegate` waits for an answer
WAITING_MAX = 1_000_000
RECORDS_AT_ONCE_MAX = 128  # so that a flood of readings cannot hold up the tick


class Process:
    """The interlock of one site. Whoever drives it waits on `selector` until `next_ms` at most, and calls `turn`."""

    def __init__(self, rules: Rules, rules_file: Folder, run_folder: Folder, world: World) -> None:
        self.selector = selectors.DefaultSelector()
        self._rules = rules
        self._rules_file = RulesFile(rules_file, rules.file_hash)
        self._run_folder = run_folder
        self._now_ms = world.now_ms
        self._utc_s = world.utc_s
        self._engine = Engine(rules, world.boot, self._now_ms(), proof_dates.read(run_folder))
        self._wanted: deque[bytes] = deque()
        use_keys(self._engine.outputs.values(), os.path.dirname(rules_file))
        self._points: socket.socket | None = None
        self._readers = Readers(self._engine, self.selector, self._now_ms)
        self._controls: dict[socket.socket, int] = {}  # oldest first, with the time of their connection
        self._outputs = OutputLines(self._engine, os.path.dirname(rules_file), self.selector, world)
        self._late = Buckets()
        self._stopping = False
        self._claim = sockets.claim(run_folder)
        for name, accept in (
            (sockets.POINTS, self._accept_points),
            (sockets.VERDICTS, self._readers.accept),
            (sockets.CONTROL, self._accept_control),
        ):
            listener = sockets.listen(run_folder, name)
            self.selector.register(listener, selectors.EVENT_READ, lambda s=listener, a=accept: a(s.accept()[0]))
        self._tick_ms = self._slow_ms = self._now_ms()

    def run(self) -> None:
        """Until SIGTERM or SIGINT; the last thing sent is OPEN."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        log.info("ready, rules %s", self._rules.hash[:8].hex())
        while not self._stopping:
            self.turn(self.selector.select(max(0, self.next_ms - self._now_ms()) / 1000))
        self.open_all()

    @property
    def next_ms(self) -> int:
        """When `turn` is to be called at the latest."""
        return math.ceil(min(self._tick_ms, self._engine.again_ms))

    def turn(self, ready: list[tuple[selectors.SelectorKey, int]]) -> None:
        """One turn of the loop: what `selector` found ready, and what is due."""
        late_ms = self._now_ms() - self._tick_ms
        if late_ms > STALL_MS:  # before anything that waited is believed
            self._after_stall(late_ms)
            self._tick_ms = self._now_ms() + self._rules.timing.tick_ms
            return
        for key, _ in ready:
            callback: Callable[[], None] = key.data
            callback()
        now_ms = self._now_ms()
        if now_ms >= self._slow_ms:
            self._slow(now_ms)
            self._slow_ms = now_ms + SLOW_TICK_MS
        if now_ms >= self._engine.again_ms:
            self._engine.again(now_ms)
        if now_ms >= self._tick_ms:
            self._late.add(now_ms - self._tick_ms)
            self._outputs.hear_all()
            self._engine.tick(now_ms)
            self._tick_ms = max(self._tick_ms + self._rules.timing.tick_ms, now_ms)
        self._outputs.send()
        self._readers.tell(now_ms)

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def open_all(self) -> None:
        """Leaving: what is permitted ends now, not when the lease does."""
        self._outputs.open_contacts()

    def close(self) -> None:
        """Give every descriptor back and say nothing to anybody: what the kernel does for a process that ended."""
        for key in list(self.selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._outputs.close()
        self.selector.close()
        os.close(self._claim)

    # -- readings -----------------------------------------------------------------------------------------------------

    def _accept_points(self, connection: socket.socket) -> None:
        """One field process. A dead one's end is read first; a living one is not pushed aside."""
        if self._points is not None:
            self._read_points(self._points)
        if self._points is not None:
            log.warning("points: a second field process is refused")
            connection.close()
            return
        connection.setblocking(False)
        self._points = connection
        self.selector.register(connection, selectors.EVENT_READ, lambda: self._read_points(connection))
        self._engine.inputs(True, self._now_ms())

    def _read_points(self, connection: socket.socket) -> None:
        for _ in range(RECORDS_AT_ONCE_MAX):
            if connection is not self._points:  # replaced or lost since the selector woke up
                return
            try:
                data = connection.recv(RECORD_BYTES_MAX + 1)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._drop_points(connection)
                return
            self._take_record(data)

    def _take_record(self, data: bytes) -> None:
        try:
            record = lines.unpack(data)
        except Refused:
            self._engine.refused_records += 1
            return
        now_ms = self._now_ms()
        if isinstance(record, Reading):
            self._engine.read(record, now_ms)
            self._outputs.send()
        elif isinstance(record, PointName):
            if self._engine.introduce(record, now_ms):
                self._wanted.append(pack(Wanted(record.number)))
                self._tell_wanted()
        else:
            self._engine.refused_records += 1

    def _tell_wanted(self) -> None:
        """What field has to send, as fast as it takes it."""
        try:
            while self._wanted and self._points is not None:
                self._points.send(self._wanted[0])
                self._wanted.popleft()
        except BlockingIOError:
            return
        except OSError:
            self._wanted.clear()  # it is gone; its end is read in its turn, and the next one is told anew

    def _drop_points(self, connection: socket.socket) -> None:
        self.selector.unregister(connection)
        connection.close()
        self._points = None
        self._wanted.clear()
        self._engine.inputs(False, self._now_ms())
        log.warning("field went away: its points fall silent")

    def _after_stall(self, late_ms: int) -> None:
        """What waited is older than it says: readings and answers of the nodes go, the names of the points stay."""
        self._late.add(late_ms)
        thrown = 0
        for data in self._waiting_records():
            if data[0] == Kind.POINT_NAME:
                self._take_record(data)
            else:
                thrown += 1
        self._outputs.forget_waiting()
        log.warning("the loop was held up for %d ms: %d waiting readings thrown away", late_ms, thrown)
        self._engine.tick(self._now_ms())
        self._outputs.send()

    def _waiting_records(self) -> Iterator[bytes]:
        for _ in range(WAITING_MAX):
            try:
                data = self._points.recv(RECORD_BYTES_MAX + 1) if self._points is not None else b""
            except OSError:
                return
            if not data:
                return
            yield data

    # -- people and link ----------------------------------------------------------------------------------------------

    def _accept_control(self, connection: socket.socket) -> None:
        if len(self._controls) >= CONTROLS_MAX:  # whoever says nothing must not keep out a person who wants to cut
            self._drop_control(next(iter(self._controls)))
        connection.setblocking(False)
        self._controls[connection] = self._now_ms()
        self.selector.register(connection, selectors.EVENT_READ, lambda: self._obey(connection))

    def _drop_control(self, connection: socket.socket) -> None:
        del self._controls[connection]
        self.selector.unregister(connection)
        connection.close()

    def _obey(self, connection: socket.socket) -> None:
        if connection not in self._controls:  # dropped since the selector woke up
            return
        del self._controls[connection]
        self.selector.unregister(connection)
        try:
            command = lines.unpack(connection.recv(RECORD_BYTES_MAX + 1))
            done, text = False, "this socket takes commands only"
            if isinstance(command, Command):
                done, text = self._engine.command(command, self._now_ms())
                self._outputs.send()
                asked = sockets.who(connection, command.by)
                log.info("%s asks: verb %d, %s: %s", asked, command.verb, command.area, text)
            connection.send(pack(Answer(done, text)))
        except (Refused, OSError) as error:
            log.warning("control: %s", error)
        finally:
            connection.close()

    # -- once a second ------------------------------------------------------------------------------------------------

    def _slow(self, now_ms: int) -> None:
        self._outputs.open_missing()
        self._look_at_rules(now_ms)
        self._engine.day(self._utc_s(), now_ms)
        proof_dates.keep(self._run_folder, self._engine.testing)
        self._tell_wanted()
        for connection in [own for own, since_ms in self._controls.items() if now_ms - since_ms > CONTROL_WAIT_MS]:
            self._drop_control(connection)
        self._readers.tell_areas(now_ms, Lateness(self._late.worst_ms, self._late.packed()))

    def _look_at_rules(self, now_ms: int) -> None:
        if self._rules_file.edited():
            self._engine.rules_edited(now_ms)
            log.warning(
                "%s: edited; the rules %s stay in force until restart",
                self._rules_file.path,
                self._rules.hash[:8].hex(),
            )
