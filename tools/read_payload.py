#!/usr/bin/env python3
"""Reads what a minegate gateway publishes. One file, for your side of the broker; it needs only msgpack (and zstandard
where messages are compressed with it). The format is agent/PAYLOAD.md.

    mosquitto_sub -h BROKER -t 'minegate/1/#' -F '%t %x' | python read_payload.py

Input is "topic hex" or "hex" a line, output one JSON object per scan, event, birth and state; values once the birth has
gone by (it is retained). Sequences may come twice: keep one of each (gateway, sequence).
"""

import json
import struct
import sys
import zlib
from itertools import accumulate

import msgpack

TYPES = {"u1": "B", "i1": "b", "u2": "H", "i2": "h", "u4": "I", "i4": "i", "u8": "Q", "i8": "q", "f4": "f", "f8": "d"}


def unpacked(form, block, size):
    if form == "xor+zstd":
        import zstandard

        block = zstandard.ZstdDecompressor().decompress(block, max_output_size=size)
    elif form == "xor+zlib":
        block = zlib.decompress(block)
    elif form != "xor":
        raise ValueError(f"form {form!r} is not known")
    assert len(block) == size, f"a block of {len(block)} bytes, {size} expected"
    return block


def joined(told, size, weight):
    """Records out of their columns: every byte back in its place, then each record XOR the one before."""
    changed, height = bytearray(len(told)), len(told) // weight
    for at in range(weight):
        changed[at::weight] = told[at * height : (at + 1) * height]
    for at in range(size, len(changed)):
        changed[at] ^= changed[at - size]
    return bytes(changed)


def value(field, record):
    (raw,) = struct.unpack_from(field["type"][0] + TYPES[field["type"][1:]], record, field["at"])
    if field["bits"] is not None:
        raw = (int(raw) >> field["bit"]) & ((1 << field["bits"]) - 1)
        if field["type"][1] == "i" and raw >> (field["bits"] - 1):
            raw -= 1 << field["bits"]
    return raw * field["scale"] + field["offset"]


def values(birth, device, part, record):
    (layouts,) = (each["layouts"] for each in birth["devices"] if each["number"] == device)
    return {field["name"]: value(field, record) for field in layouts[part]["fields"]}


def scans(message, birth=None):
    """The scans of a live or history message, in order of their sequences."""
    devices, found = message.get("d", ()), []
    sizes = [device["z"] * len(device["s"]) for device in devices]
    whole = unpacked(message["c"], message["r"], sum(sizes)) if devices else b""
    for device, size in zip(devices, sizes, strict=True):
        block, whole = joined(whole[:size], device["z"], device["w"]), whole[size:]
        sequences, (boot, *numbers) = list(accumulate(device["s"], initial=message["f"]))[1:], device["o"]
        same = [key if isinstance(key, list) else [key] * len(sequences) for key in (device["q"], device["k"])]
        columns = sequences, accumulate(device["t"]), *same, accumulate(numbers), accumulate(device["m"])
        for at, row in enumerate(zip(*columns, strict=True)):
            record = block[at * device["z"] :][: device["z"]]
            scan = dict(zip(("sequence", "utc_ms", "quality", "clock", "number", "mono_ms"), row, strict=True))
            scan |= {"device": device["n"], "part": device["p"], "boot": boot, "record": record.hex()}
            if birth is not None and birth["b"] == message["b"]:
                scan["values"] = values(birth, device["n"], device["p"], record)
            found.append(scan)
    return sorted(found, key=lambda scan: scan["sequence"])


def rows(payload, birth=None):
    """Everything in one message: {"scan": ...}, {"event": ...}, {"birth": ...} or {"state": ...}."""
    message = msgpack.unpackb(payload)
    assert message["v"] == 1, f"format version {message['v']} is not known"
    if "devices" in message or "online" in message:
        return [{"birth" if "devices" in message else "state": message}]
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
