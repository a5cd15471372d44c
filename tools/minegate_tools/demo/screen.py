"""What the terminal shows while the story runs: live on a terminal, one line per step elsewhere."""

from __future__ import annotations

from types import TracebackType

from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from minegate_tools.demo.count import Count
from minegate_tools.demo.story import Seen, Step
from minegate_tools.live import Document

EVENTS_SHOWN = 6


class Screen:
    """A context; `step` at every new scene, `show` as often as something may have changed."""

    def __init__(self, console: Console, steps: tuple[Step, ...], page: str) -> None:
        self._console = console
        self._steps = steps
        self._page = page
        self._at = -1
        self._live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None

    def __enter__(self) -> Screen:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def step(self, at: int, elapsed_s: float) -> None:
        """The story has entered scene `at`."""
        self._at = at
        if at < len(self._steps):
            step = self._steps[at]
            line = f"[dim]{elapsed_s:6.1f} s[/dim]  {step.zh}  [cyan]{step.en}[/cyan]"
            self._console.print(line, highlight=False, soft_wrap=True)

    def show(self, seen: Seen, status: Document, count: Count) -> None:
        """What is the case now."""
        if self._live is not None:
            head = Text(f"page 页面  {self._page}" if self._page else "no page", style="bold")
            self._live.update(Group(head, Columns((_power(seen, status), _delivery(seen, count))), _events(status)))


def _power(seen: Seen, status: Document) -> Table:
    table = Table(title="heading 1201 掘进工作面", title_justify="left", show_header=False)
    power = Text("permitted 送电", "green") if seen.permitted else Text("locked 闭锁", "bold red")
    contact = Text("closed 合", "green") if seen.contact_closed else Text("open 断", "bold red")
    table.add_row("power 供电", power)
    table.add_row("contact 断电器", contact)
    for row in status.get("points", ()):
        if row.get("quantity") == "methane" or row["name"].endswith(("fan-run", "duct-flow")):
            value = "-" if row.get("value") is None else f"{row['value']:.2f}"
            table.add_row(row["name"], f"{value} {row.get('unit', '')}")
    return table


def _delivery(seen: Seen, count: Count) -> Table:
    table = Table(title="delivery 上行", title_justify="left", show_header=False)
    table.add_row("broker", Text("connected 已连接", "green") if seen.connected else Text("lost 中断", "bold yellow"))
    table.add_row("waiting 积压", str(seen.waiting))
    table.add_row("received: records 记录", str(len(count.sequences)))
    table.add_row("received: readings 读数", str(count.readings))
    table.add_row(
        "declared lost 台账", str(sum(last - first + 1 for spans in count.lost.values() for first, last in spans))
    )
    return table


def _events(status: Document) -> Table:
    table = Table(title="events 事件", title_justify="left", show_header=False, box=None)
    for event in list(status.get("events", ()))[:EVENTS_SHOWN]:
        table.add_row(
            str(event.get("kind")), str(event.get("point") or event.get("area") or ""), str(event.get("cause") or "")
        )
    return table
