"""The account as tables for a terminal and as JSON for a file."""

from __future__ import annotations

import json
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from minegate_tools.demo.account import CUT_MS_MAX, Account

_GOOD, _BAD = "[green]yes[/green]", "[bold red]NO[/bold red]"


def show(console: Console, account: Account) -> None:
    """Print the account, and what it comes to."""
    console.print(_openings(account))
    console.print(_origins(account))
    spoke = ", ".join(f"{source.device} {source.spoke}/{source.delivered}" for source in account.sources)
    console.print(f"devices: spoke (the simulator's count) / scans delivered: {spoke}", highlight=False, soft_wrap=True)
    numbers = account.sequences
    console.print(
        f"journal: numbers 1..{numbers.last} received {numbers.received}, missing {numbers.missing}, "
        f"again {numbers.again}; {account.readings} readings in {account.messages} messages",
        highlight=False,
        soft_wrap=True,
    )
    if account.failed:
        console.print(
            f"[bold red]the story did not reach its end:[/bold red] {account.failed}", highlight=False, soft_wrap=True
        )
    word = "balanced 账目平衡" if account.balanced else "NOT balanced 账目不平"
    time = "every cut within 2 s 断电均在 2 秒内" if account.in_time else "NOT every cut within 2 s"
    console.print(f"{word}; {time}", style="bold green" if account.good else "bold red")


def write(path: Path, account: Account) -> None:
    """Write the account as JSON. Raises OSError."""
    path.write_text(json.dumps(as_map(account), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def as_map(account: Account) -> dict[str, object]:
    """The account with its conclusions."""
    return {
        "good": account.good,
        "balanced": account.balanced,
        "in_time": account.in_time,
        "failed": account.failed,
        "readings": account.readings,
        "messages": account.messages,
        "journal": account.sequences._asdict(),
        "devices": [source._asdict() for source in account.sources],
        "origins": [{**origin._asdict(), "balanced": origin.balanced} for origin in account.origins],
        "cuts": [{**opening._asdict(), "in_time": opening.in_time} for opening in account.openings],
    }


def _openings(account: Account) -> Table:
    table = _table("cuts 断电: from cause to open contact")
    for head in ("cause", "took", f"within {CUT_MS_MAX} ms"):
        table.add_column(head)
    for opening in account.openings:
        took = "never opened" if opening.took_ms is None else f"{opening.took_ms} ms"
        table.add_row(opening.cause, took, _GOOD if opening.in_time else _BAD)
    return table


def _origins(account: Account) -> Table:
    table = _table("items 账目: produced = delivered + waiting + declared lost")
    sides = ("produced\n产生", "delivered\n送达", "waiting\n积压", "lost\n台账", "not ex-\nplained")
    heads = ("process\n进程", "boot", *sides, "balanced\n平衡")
    for at, head in enumerate(heads):
        table.add_column(head, justify="right" if 2 <= at <= 6 else "left")
    for origin in account.origins:
        table.add_row(
            origin.process, f"{origin.boot:08x}", str(origin.produced), str(origin.delivered), str(origin.waiting),
            str(origin.lost), str(origin.unexplained + origin.contradicted), _GOOD if origin.balanced else _BAD,
        )  # fmt: skip
    return table


def _table(title: str) -> Table:
    """Narrow enough for eight columns on a terminal of 80."""
    return Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
