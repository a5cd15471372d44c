"""Which lines of the firmware run, seen by the VM itself while it plays tapes and reads the golden vectors.

The trace has to be set before the firmware is imported: what a module does at import is to be seen too.
"""

import sys


def seen_by(program, package):
    """Print `file line` for each line that a frame of `package` was on while `program()` ran."""
    seen = set()

    def trace(frame, event, arg):
        code = frame.f_code
        if package in code.co_filename:
            seen.add((code.co_filename, frame.f_lineno))
        return trace

    sys.settrace(trace)
    try:
        program()
    finally:
        sys.settrace(None)
    for name, line in sorted(seen):
        print(name, line)
