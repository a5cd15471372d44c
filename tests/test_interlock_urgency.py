"""Who cuts goes first where the account may; what it starts does not, and who may not is told so."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SAY = "import os; print(os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK, os.getpriority(os.PRIO_PROCESS, 0))"


def said(code: str) -> list[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split("\n")


def test_what_is_told_is_what_the_kernel_has_given() -> None:
    told, given, *_ = said(f"from minegate_interlock.urgency import go_first\nprint(go_first(2))\n{SAY}")
    policy, niceness = (int(word) for word in given.split())
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    expected = {
        "SCHED_FIFO 2": (os.SCHED_FIFO, niceness),
        f"niceness {min(-10, usual)}": (os.SCHED_OTHER, min(-10, usual)),
        "no more than others": (os.SCHED_OTHER, usual),
    }
    assert (policy, niceness) == expected[told]


def test_what_is_started_from_there_is_as_everybody() -> None:
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SAY!r}], check=True)"
    given, *_ = said(f"from minegate_interlock.urgency import go_first\ngo_first(1)\n{child}")
    assert int(given.split()[0]) == os.SCHED_OTHER


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give its rights away")
def test_an_account_that_may_not_goes_on_as_everybody() -> None:
    nobody = "import os; os.setgroups([]); os.setgid(65534); os.setuid(65534)"
    told, *_ = said(f"from minegate_interlock.urgency import go_first\n{nobody}\nprint(go_first(2))")
    assert told == "no more than others"
