"""A serial line with nothing but termios, for the interlock's outputs. One owner, never shared, reopened when lost."""

from __future__ import annotations

import fcntl
import os
import termios

from minegate_interlock.world import LineLost

_BAUD = {
    1200: termios.B1200, 2400: termios.B2400, 4800: termios.B4800, 9600: termios.B9600, 19200: termios.B19200,
    38400: termios.B38400, 57600: termios.B57600, 115200: termios.B115200,
}  # fmt: skip
_READ_BYTES = 4096


class SerialLine:
    """8N1, raw, non-blocking. `fd` is for the selector."""

    def __init__(self, device: str, baud: int) -> None:
        self._device = device
        try:
            self.fd = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise LineLost(f"{device}: {error.strerror}") from error
        try:
            # flock is what pyserial's `exclusive` takes as well; TIOCEXCL alone does not stop root
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.ioctl(self.fd, termios.TIOCEXCL)
            self._make_raw(baud)
        except BlockingIOError as error:
            os.close(self.fd)
            raise LineLost(f"{device}: held by another process") from error
        except (OSError, termios.error) as error:
            os.close(self.fd)
            raise LineLost(f"{device}: {error}") from error

    def read(self) -> bytes:
        """What is there; b"" if nothing (VMIN 0 makes an empty line read as empty). Raises LineLost."""
        try:
            data = os.read(self.fd, _READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise LineLost(f"{self._device}: {error.strerror}") from error
        return data

    def write(self, data: bytes) -> None:
        """Hand a frame to the line. A line that takes nothing loses the frame: the next one is due in milliseconds."""
        try:
            os.write(self.fd, data)
        except BlockingIOError:
            return
        except OSError as error:
            raise LineLost(f"{self._device}: {error.strerror}") from error

    def forget_waiting(self) -> None:
        """Throw away what was received and not yet read. Raises LineLost."""
        try:
            termios.tcflush(self.fd, termios.TCIFLUSH)
        except termios.error as error:
            raise LineLost(f"{self._device}: {error}") from error

    def close(self) -> None:
        """Give the port back."""
        os.close(self.fd)

    def _make_raw(self, baud: int) -> None:
        _, _, cflag, _, _, _, chars = termios.tcgetattr(self.fd)
        cflag &= ~(termios.CSIZE | termios.PARENB | termios.CSTOPB | termios.CRTSCTS)
        cflag |= termios.CS8 | termios.CREAD | termios.CLOCAL
        chars[termios.VMIN], chars[termios.VTIME] = 0, 0
        speed = _BAUD[baud]
        termios.tcsetattr(self.fd, termios.TCSANOW, [0, 0, cflag, 0, speed, speed, chars])
        termios.tcflush(self.fd, termios.TCIOFLUSH)
