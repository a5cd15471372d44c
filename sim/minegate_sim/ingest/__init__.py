"""A small reference ingest: it stores each record of a gateway once, checks the chain, and sends receipts.

For tests, and for people who write the real one: agent/PAYLOAD.md is what it follows.
"""
