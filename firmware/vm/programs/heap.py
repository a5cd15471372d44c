"""Whether the relay's loop allocates. The heap is locked around every call of a whole tape: an allocation is a
MemoryError there. What happens only once (a buffer that is made) would show up too, so nothing is warmed up but the
VM's own tables.
"""

import micropython
from tape import Life, read
from vectors import unhexed


def locked(life, event, data):
    """One event under lock. `data` is what a UART or CAN driver has put into a buffer that exists already."""
    node = life.node
    what = event[0]
    micropython.heap_lock()
    try:
        if what == "feed":
            node.feed(data)
            node.reply_length()
        elif what == "segment":
            if life.assembler.take(data, len(data)):
                node.take(life.assembler)
                node.reply_length()
        elif what == "raw":
            node.methane.take(event[1])
        elif what == "bus":
            node.bus_off(event[1] == 1)
        else:
            node.step(event[1], event[2] == 1)
    finally:
        micropython.heap_unlock()


def main(name):
    """Print how many events did not allocate; MemoryError at the first that does."""
    events = read(name)
    life = None
    done = 0
    for event in events:
        if event[0] == "boot":
            life = Life(*event[1:])
            continue
        data = unhexed(event[1]) if event[0] in ("feed", "segment") else b""
        try:
            locked(life, event, data)
        except MemoryError:
            print("allocates:", event)
            raise
        done += 1
    print("nothing allocated in %d events" % done)


def proof():
    """Print whether the lock is one: a list that is made under it."""
    micropython.heap_lock()
    try:
        made = [done for done in range(3)]
        print("not locked", made)
    except MemoryError:
        micropython.heap_unlock()
        print("locked")
