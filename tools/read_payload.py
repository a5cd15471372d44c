#!/usr/bin/env python3
"""Reads what a minegate gateway publishes. One file, for your side of the broker; it needs only msgpack (and zstandard
where messages are compressed). The format is agent/PAYLOAD.md.

    mosquitto_sub -h BROKER -t 'minegate/1/#' -F '%t %x' | python read_payload.py

Input lines are "topic hex" or "hex"; output is one JSON object per scan, event, birth and state. Values are decoded
once the birth has gone by (it is retained: a new subscriber gets it first). Sequences may come twice: keep one of
each (gateway, sequence).
"""

import json
import struct
import sys
from itertools import accumulate

import msgpack

TYPES = {"u1": "B", "i1": "b", "u2": "H", "i2": "h", "u4": "I", "i4": "i", "u8": "Q", "i8": "q", "f4": "f", "f8": "d"}


def unpacked(compression, block, size):
    if compression == "zstd":
        import zstandard

        block = zstandard.ZstdDecompressor().decompress(block, max_output_size=size)
    elif compression:
        raise ValueError(f"compression {compression!r} is not known")
    if len(block) != size:
        raise ValueError(f"a block of {len(block)} bytes, {size} expected")
    return block


def each(told, count):
    return told if isinstance(told, list) else [told] * count


def value(field, record):
    (raw,) = struct.unpack_from(field["type"][0] + TYPES[field["type"][1:]], record, field["at"])
    if field["bits"] is not None:
        raw = (int(raw) >> field["bit"]) & ((1 << field["bits"]) - 1)
        if field["type"][1] == "i" and raw >> (field["bits"] - 1):
            raw -= 1 << field["bits"]
    return raw * field["scale"] + field["offset"]


def values(birth, device, part, record):
    known = {each["number"]: each["layouts"] for each in birth["devices"]}
    return {field["name"]: value(field, record) for field in known[device][part]["fields"]}


def scans(message, birth=None):
    """The scans of a live or history message, in order of their sequences."""
    found = []
    for device in message.get("d", ()):
        sequences = list(accumulate(device["s"], initial=message["f"]))[1:]
        count, size = len(sequences), device["z"]
        block = unpacked(message["c"], device["r"], size * count)
        boot, *numbers = device["o"]
        times, numbers = list(accumulate(device["t"])), list(accumulate(numbers))
        qualities, clocks = each(device["q"], count), each(device["k"], count)
        for at, sequence in enumerate(sequences):
            record = block[at * size : (at + 1) * size]
            scan = {"sequence": sequence, "device": device["n"], "part": device["p"], "utc_ms": times[at]}
            scan |= {"quality": qualities[at], "clock": clocks[at], "boot": boot, "number": numbers[at]}
            scan["record"] = record.hex()
            if birth is not None and birth["b"] == message["b"]:
                scan["values"] = values(birth, device["n"], device["p"], record)
            found.append(scan)
    return sorted(found, key=lambda scan: scan["sequence"])


def rows(payload, birth=None):
    """Everything in one message: {"scan": ...}, {"event": ...}, {"birth": ...} or {"state": ...}."""
    message = msgpack.unpackb(payload)
    if message["v"] != 1:
        raise ValueError(f"format version {message['v']} is not known")
    if "devices" in message:
        return [{"birth": message}]
    if "online" in message:
        return [{"state": message}]
    events = [{"event": {**event, "journal_sequence": sequence}} for sequence, event in message.get("e", ())]
    return events + [{"scan": scan} for scan in scans(message, birth)]


def main():
    births = {}
    for line in sys.stdin:
        *topic, text = line.split()
        gateway = topic[0].rsplit("/", 1)[0] if topic else ""
        for row in rows(bytes.fromhex(text), births.get(gateway)):
            births[gateway] = row.get("birth", births.get(gateway))
            print(json.dumps({"gateway": gateway, **row}, default=bytes.hex, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
