"""`python -m minegate_sim.ingest STORE`: the reference ingest on a broker, with several workers if asked."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
from pathlib import Path

from minegate_sim.ingest.store import Store
from minegate_sim.ingest.worker import Settings, Worker


def main() -> None:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m minegate_sim.ingest", description=__doc__)
    parser.add_argument("store", type=Path, help="a SQLite file; made if it is not there")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--workers", type=int, default=1, help="more than one share a subscription (MQTT 5)")
    parser.add_argument("--consumer", default="mine", help="the name of the [[uplink]] that the receipts are for")
    parser.add_argument("--no-receipts", action="store_true")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    asyncio.run(_run(asked))


async def _run(asked: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    share = "minegate-ingest" if asked.workers > 1 else ""
    async with asyncio.TaskGroup() as tasks:
        running = []
        for at in range(asked.workers):
            name = f"minegate-ingest-{asked.consumer}-{at}"
            settings = Settings(asked.host, asked.port, name, share, asked.consumer, not asked.no_receipts)
            worker = Worker(settings, Store(asked.store))
            running.append(tasks.create_task(worker.run(), name=name))
        await stop.wait()
        for task in running:
            task.cancel()


if __name__ == "__main__":
    main()
