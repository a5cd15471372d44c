"""The message that restarts a CAN controller which has left the bus: `ip link set NAME type can restart`, as bytes.

Sources: linux/netlink.h, linux/rtnetlink.h, linux/if_link.h, linux/can/netlink.h. Needs CAP_NET_ADMIN; a service
without it leaves the restart to the interface's own restart-ms.
"""

from __future__ import annotations

import os
import socket
import struct

_RTM_NEWLINK = 16
_NLM_F_REQUEST, _NLM_F_ACK = 1, 4
_NLMSG_ERROR = 2
_IFLA_LINKINFO, _IFLA_INFO_KIND, _IFLA_INFO_DATA = 18, 1, 2
_IFLA_CAN_RESTART = 7
_ANSWER_BYTES = 4096
_ANSWER_S = 0.5


def restart_message(index: int, sequence: int) -> bytes:
    """The request to restart interface number `index`."""
    restart = _attribute(_IFLA_CAN_RESTART, struct.pack("=I", 1))
    info = _attribute(_IFLA_INFO_KIND, b"can\0") + _attribute(_IFLA_INFO_DATA, restart)
    body = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, 0, 0) + _attribute(_IFLA_LINKINFO, info)
    head = struct.pack("=IHHII", 16 + len(body), _RTM_NEWLINK, _NLM_F_REQUEST | _NLM_F_ACK, sequence, 0)
    return head + body


def refusal(answer: bytes) -> str:
    """What the kernel says against it; "" if nothing. ValueError if this is no acknowledgement."""
    if len(answer) < 20 or struct.unpack_from("=H", answer, 4)[0] != _NLMSG_ERROR:
        raise ValueError(f"{len(answer)} bytes that are no acknowledgement")
    number = -struct.unpack_from("=i", answer, 16)[0]
    return os.strerror(number) if number else ""


def restart(name: str) -> str:
    """Restart the controller of interface `name`; "" or why not. Waits at most half a second for the kernel."""
    try:
        index = socket.if_nametoindex(name)
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
            kernel.settimeout(_ANSWER_S)
            kernel.send(restart_message(index, 1))
            return refusal(kernel.recv(_ANSWER_BYTES))
    except (OSError, ValueError) as error:
        return str(getattr(error, "strerror", None) or error)


def _attribute(kind: int, value: bytes) -> bytes:
    size = 4 + len(value)
    return struct.pack("=HH", size, kind) + value + bytes(-size % 4)
