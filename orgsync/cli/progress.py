"""A rehearsal as it is played, on stderr: a live line on a terminal, plain lines elsewhere."""

from collections.abc import Callable
from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.markup import escape
from rich.status import Status

if TYPE_CHECKING:
    from orgsync.sandbox.rehearsal.model import Scenario

LIVE_S, PLAIN_S = 0.2, 5.0
"""Seconds between two looks at the traffic: on a terminal, and where every look is a line of its own."""


class Progress:
    """A `ProgressReporter` of `orgsync.sandbox.rehearsal.progress` that prints. Use it as a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self._pulse: Callable[[], str] = lambda: ""
        self._title = ""
        self._line = ""
        self._began = monotonic()
        self._over = Event()
        self._ticker = Thread(target=self._tick, name="progress", daemon=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status = self._console.status("preparing the sandbox")
            self._status.start()
        self._ticker.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._ticker.join()
        if self._status:
            self._status.stop()

    def scenario_started(self, scenario: "Scenario", engine: str, terms: list[str], pulse: Callable[[], str]) -> None:
        """Say what this is: a sandbox, under which conditions, and which engine deploys into it."""
        self._pulse = pulse
        self._say(f"[bold]{escape(scenario.name)}[/]")
        self._say("  sandbox: an AWS organization in this process; nothing reaches AWS")
        self._say(f"  engine: {escape(engine)}{INLINE_NOTE if engine == 'inline' else ''}")
        for term in terms:
            self._say(f"  {escape(term)}")

    def step_started(self, number: int, total: int, title: str) -> None:
        """Show what is being played."""
        self._began, self._line = monotonic(), ""
        self._title = f"{number}/{total} {title}"
        if not self._status:
            self._say(f"[cyan]▸[/] {escape(self._title)}")

    def on_output(self, line: str) -> None:
        """Keep the engine's last line, to be seen while it works."""
        self._line = line.strip()

    def step_finished(self, step: dict[str, Any]) -> None:
        """One line for the step, and why it failed if it did."""
        title, self._title = self._title, ""
        mark = "[green]✓[/]" if step["ok"] else "[red]✗[/]"
        self._say(f"{mark} {escape(title)} [dim]{escape(_came_to(step))}[/]")
        for line in (step["error"] or "").splitlines():
            self._say(f"    [red]{escape(line)}[/]")

    def _tick(self) -> None:
        said = ""
        while not self._over.wait(LIVE_S if self._status else PLAIN_S):
            if not self._title:
                continue
            now = f"{monotonic() - self._began:.0f} s · {self._pulse()}" + (f" · {self._line}" if self._line else "")
            if self._status:
                width = max(20, self._console.width - 4)
                self._status.update(escape(f"{self._title} · {now}"[:width]))
            elif now != said:
                self._say(f"    [dim]{escape(now)}[/]")
                said = now

    def _say(self, line: str) -> None:
        self._console.print(line, highlight=False, soft_wrap=True)


INLINE_NOTE = " (in this process, without a Pulumi CLI; `make engine` builds the real one)"


def _came_to(step: dict[str, Any]) -> str:
    resources = ", ".join(f"{count} {what}" for what, count in (step["resources"] or {}).items() if count)
    runs = f"{len(step['runs'])} run{'s' if len(step['runs']) != 1 else ''}" if step["runs"] else ""
    return " · ".join(part for part in (f"{step['seconds']:.1f} s", resources, runs) if part)
