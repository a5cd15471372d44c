"""The CAN controller of a board on the bench behind an slcan adapter on a TCP port, as the agent's port expects it."""

from __future__ import annotations

import socket
import threading
from types import TracebackType

from minegate_drivers.ports import CanFrame
from minegate_sim.slcan import Slcan, text_of
from vm_bench import DEADLINE_S, Message
from vm_board import Board


class OnSlcan:
    """`channel` is what python-can opens; one client at a time."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._server = socket.create_server(("127.0.0.1", 0))
        self.channel = f"socket://127.0.0.1:{self._server.getsockname()[1]}"
        self._adapter = Slcan(())  # without devices of its own: the board is the bus
        self._client: socket.socket | None = None
        self._sending = threading.Lock()
        self._thread = threading.Thread(target=self._serve, name="slcan")

    def __enter__(self) -> OnSlcan:
        self._board.told.listeners.append(self._tell)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._board.told.listeners.remove(self._tell)
        self._server.shutdown(socket.SHUT_RDWR)  # ends the wait for a client; one that came has gone by now
        self._thread.join()
        self._server.close()

    def _serve(self) -> None:
        try:
            self._client, _ = self._server.accept()
            self._client.settimeout(DEADLINE_S)
        except OSError:
            return  # nobody came
        with self._client as client:
            while data := client.recv(4096):
                self._adapter.arrive(data, 0.0)
                self._send(self._adapter.run(0.0))
                frames = [[frame.id, frame.data.hex()] for frame in self._adapter.received]
                self._adapter.received = []
                if frames:
                    self._board.say(can=frames)

    def _tell(self, message: Message) -> None:
        if "can" in message and self._client is not None and self._adapter.opened:
            self._send(text_of(CanFrame(message["can"], bytes.fromhex(message["hex"]), True)))

    def _send(self, text: bytes) -> None:
        assert self._client is not None
        with self._sending:
            self._client.sendall(text)
