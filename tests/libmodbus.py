"""libmodbus as an oracle: a real client or server of the Debian library, against our bytes over a socket or a pty."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Sequence

_NAME = ctypes.util.find_library("modbus") or "libmodbus.so.5"
_lib = ctypes.CDLL(_NAME, use_errno=True)
_lib.modbus_new_rtu.restype = ctypes.c_void_p
_lib.modbus_new_rtu.argtypes = (ctypes.c_char_p, ctypes.c_int, ctypes.c_char, ctypes.c_int, ctypes.c_int)
_lib.modbus_new_tcp.restype = ctypes.c_void_p
_lib.modbus_new_tcp.argtypes = (ctypes.c_char_p, ctypes.c_int)
_lib.modbus_mapping_new.restype = ctypes.c_void_p
_lib.modbus_strerror.restype = ctypes.c_char_p
REQUEST_BYTES_MAX = 260


class Mapping(ctypes.Structure):
    """modbus_mapping_t of libmodbus 3.1."""

    _fields_ = (
        ("nb_bits", ctypes.c_int), ("start_bits", ctypes.c_int),
        ("nb_input_bits", ctypes.c_int), ("start_input_bits", ctypes.c_int),
        ("nb_input_registers", ctypes.c_int), ("start_input_registers", ctypes.c_int),
        ("nb_registers", ctypes.c_int), ("start_registers", ctypes.c_int),
        ("tab_bits", ctypes.POINTER(ctypes.c_uint8)), ("tab_input_bits", ctypes.POINTER(ctypes.c_uint8)),
        ("tab_input_registers", ctypes.POINTER(ctypes.c_uint16)), ("tab_registers", ctypes.POINTER(ctypes.c_uint16)),
    )  # fmt: skip


class Refused(Exception):  # noqa: N818 - what libmodbus says
    """libmodbus refuses a call."""


def _checked(result: int) -> int:
    if result < 0:
        raise Refused(_lib.modbus_strerror(ctypes.get_errno()).decode())
    return result


class Server:
    """Answers one request at a time on an open descriptor; tables of `size` entries each from address 0."""

    def __init__(self, descriptor: int, station: int, size: int, *, tcp: bool) -> None:
        made = _lib.modbus_new_tcp(b"127.0.0.1", 502) if tcp else _lib.modbus_new_rtu(b"/dev/null", 115200, b"N", 8, 1)
        self._context = ctypes.c_void_p(made)
        _checked(_lib.modbus_set_slave(self._context, station))
        _lib.modbus_set_socket(self._context, descriptor)
        self._mapping = ctypes.c_void_p(_lib.modbus_mapping_new(size, size, size, size))
        self.tables = ctypes.cast(self._mapping, ctypes.POINTER(Mapping)).contents

    def answer(self) -> None:
        """Hear one request and answer it."""
        request = (ctypes.c_uint8 * REQUEST_BYTES_MAX)()
        length = _checked(_lib.modbus_receive(self._context, request))
        if length:
            _checked(_lib.modbus_reply(self._context, request, length, self._mapping))

    def close(self) -> None:
        """Free both; the descriptor stays open."""
        _lib.modbus_mapping_free(self._mapping)
        _lib.modbus_free(self._context)


class Client:
    """Asks on an open descriptor."""

    def __init__(self, descriptor: int, station: int, *, tcp: bool) -> None:
        made = _lib.modbus_new_tcp(b"127.0.0.1", 502) if tcp else _lib.modbus_new_rtu(b"/dev/null", 115200, b"N", 8, 1)
        self._context = ctypes.c_void_p(made)
        _checked(_lib.modbus_set_slave(self._context, station))
        _lib.modbus_set_socket(self._context, descriptor)

    def bits(self, function: int, first: int, count: int) -> list[bool]:
        """Functions 1 and 2."""
        found = (ctypes.c_uint8 * count)()
        call = _lib.modbus_read_bits if function == 1 else _lib.modbus_read_input_bits
        _checked(call(self._context, first, count, found))
        return [bool(value) for value in found]

    def registers(self, function: int, first: int, count: int) -> list[int]:
        """Functions 3 and 4."""
        found = (ctypes.c_uint16 * count)()
        call = _lib.modbus_read_registers if function == 3 else _lib.modbus_read_input_registers
        _checked(call(self._context, first, count, found))
        return list(found)

    def write(self, function: int, first: int, values: Sequence[int]) -> None:
        """Functions 5, 6, 15 and 16."""
        if function == 5:
            _checked(_lib.modbus_write_bit(self._context, first, values[0]))
        elif function == 6:
            _checked(_lib.modbus_write_register(self._context, first, values[0]))
        elif function == 15:
            bits = (ctypes.c_uint8 * len(values))(*values)
            _checked(_lib.modbus_write_bits(self._context, first, len(values), bits))
        else:
            _checked(_lib.modbus_write_registers(self._context, first, len(values), _words(values)))

    def write_and_read(self, write_first: int, values: Sequence[int], first: int, count: int) -> list[int]:
        """Function 23."""
        found = (ctypes.c_uint16 * count)()
        words = _words(values)
        _checked(
            _lib.modbus_write_and_read_registers(self._context, write_first, len(values), words, first, count, found)
        )
        return list(found)

    def close(self) -> None:
        """Free it; the descriptor stays open."""
        _lib.modbus_free(self._context)


def _words(values: Sequence[int]) -> ctypes.Array[ctypes.c_uint16]:
    return (ctypes.c_uint16 * len(values))(*values)
