"""What this Python makes of the golden vectors (tests/golden/wire.json), one line of text per fact: the same on all."""

from minegate_wire import messages
from minegate_wire.can_frames import Assembler, identifier, segment, segments
from minegate_wire.frame import HEAD, SUM, Frame, Receiver, encode
from minegate_wire.messages import dec, enc, row
from minegate_wire.seal import Seal, encode_signed

SEAL_FIELDS = 3
KNOWN = ("what", "node", "kind", "rows", "frame", "can", "key", "session")


def hexed(data, length):
    """`data[:length]` as the golden file writes bytes."""
    return bytes(data[:length]).hex() if length else ""  # of nothing, MicroPython 1.25 makes bytes


def unhexed(text):
    """The other way."""
    return bytes.fromhex(text)


def read(received):
    """What a receiver has got."""
    rows = []
    at = HEAD
    for _ in range(received.count()):
        into = [0] * len(row(received.kind())[3])
        at = dec(received.kind(), received.buf, at, into)
        rows.append(into)
    return "%d %d %s %s" % (received.node(), received.kind(), rows, hexed(received.buf, received.length))


def facts(vector):
    """Lines about one vector. A key that nobody here knows is an error: it would not be compared."""
    for key in vector:
        if key not in KNOWN:
            raise ValueError("golden vectors have a new key: " + key)
    node, kind = vector["node"], vector["kind"]
    rows = [tuple(values) for values in vector["rows"]]
    line = encode(node, kind, rows)
    told = ["line " + hexed(line, len(line)), "as written %s" % (hexed(line, len(line)) == vector["frame"])]
    receiver = Receiver()
    ends = [at for at in range(len(line)) if receiver.feed(line[at])]
    told.append("heard %s %s" % (ends, read(receiver)))
    if "key" in vector:
        told += sealed(vector, receiver)
    if "can" in vector:
        told += on_can(vector, rows)
    return told


def sealed(vector, receiver):
    """A signed frame made from its fields, and its seal under the right and a wrong session."""
    session = unhexed(vector["session"])
    seal = Seal(unhexed(vector["key"]), session)
    made = encode_signed(vector["node"], vector["kind"], tuple(vector["rows"][0][:-SEAL_FIELDS]), seal)
    good = seal.good(receiver.buf, receiver.length - SUM)
    seal.session = bytes([session[0] ^ 1]) + session[1:]
    bad = seal.good(receiver.buf, receiver.length - SUM)
    return ["sealed %s" % (hexed(made, len(made)) == vector["frame"]), "seal %s" % (good and not bad)]


def on_can(vector, rows):
    """The frame in segments, and joined again."""
    can = vector["can"]
    frame = Frame()
    frame.begin(vector["node"], vector["kind"])
    for values in rows:
        frame.add(values)
    frame.close()
    number = identifier(vector["kind"], can["id"] >> 8 & 0xFF, can["id"] & 0xFF)
    into = bytearray(8)
    parts = []
    joined = Assembler()
    taken = []
    for index in range(segments(frame.end)):
        length = segment(frame.plain, frame.end, index, can["turn"], into)
        parts.append(hexed(into, length))
        taken.append(joined.take(into, length))
    as_written = number == can["id"] and parts == can["segments"]
    return ["can %d %s %s" % (number, parts, as_written), "joined %s %s" % (taken, read(joined))]


def lines(vectors):
    """Every fact of every vector."""
    told = []
    for vector in vectors:
        told += [vector["what"] + ": " + fact for fact in facts(vector)]
    return told


def signs():
    """Lines about the field kind `h`, which no message uses yet, in a row that is put into the table for it."""
    known = messages._BY_KIND
    messages._BY_KIND = known + ((len(known), "TRY", "h", ("value",)),)
    told = []
    buf = bytearray(2)
    into = [0]
    for value in (0, 1, -1, 32767, -32768):
        enc(len(known), (value,), buf, 0)
        dec(len(known), buf, 0, into)
        told.append("signed %d %s %s" % (value, hexed(buf, 2), into[0] == value))
    messages._BY_KIND = known
    return told


def main(name):
    """Print them."""
    import json

    with open(name) as file:
        for line in lines(json.load(file)) + signs():
            print(line)
