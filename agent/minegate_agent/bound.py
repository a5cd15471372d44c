"""Becomes another program, bound to its parent: when the parent dies, this process gets SIGTERM.

`python -m minegate_agent.bound PARENT_PID PROGRAM ARGUMENT...`, or `... PARENT_PID -m MODULE ARGUMENT...`, which spares
a second start of the interpreter. Without it, a supervisor ended by `kill -9` would leave three processes behind that
hold the ports, and nobody who restarts them.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>; kept over execve for a program without set-user-ID (prctl(2))


def command(module: str, *arguments: str) -> tuple[str, ...]:
    """The command line that runs Python's `module` bound to the calling process."""
    return program("-m", module, *arguments)


def program(*command_line: str) -> tuple[str, ...]:
    """The command line that runs `command_line` bound to the calling process."""
    return sys.executable, "-m", "minegate_agent.bound", str(os.getpid()), *command_line


def main(parent: int, command_line: list[str]) -> None:
    """Bind, and become `command_line`. Raises OSError if the kernel refuses, and what the module raises."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl: {os.strerror(number)}")
    if os.getppid() != parent:  # it died before we were bound: no signal will come
        raise SystemExit(1)
    if command_line[0] == "-m":
        sys.argv = command_line[1:]
        runpy.run_module(command_line[1], run_name="__main__", alter_sys=True)
    else:
        os.execv(command_line[0], command_line)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
