"""A bar with the time that is left, on a terminal; a line per scenario elsewhere."""
from __future__ import annotations

import sys
import time

BAR_COLUMNS = 28


class Progress:
    """Counts planned seconds, and corrects the plan by what really passed."""

    def __init__(self, planned_seconds: float):
        self.planned, self.done, self.began, self.line = planned_seconds, 0.0, time.monotonic(), ""

    def show(self, what: str) -> None:
        """Says what is being done."""
        self.line = what
        self._draw()

    def advance(self, seconds: float) -> None:
        """This much of the plan is done."""
        self.done = min(self.done + seconds, self.planned)
        self._draw()

    def clear(self) -> None:
        """Leaves the line free for other output."""
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def _draw(self) -> None:
        share = self.done / self.planned if self.planned else 1
        passed = time.monotonic() - self.began
        left = passed / share - passed if share > 0.02 else self.planned - self.done
        if sys.stderr.isatty():
            filled = int(share * BAR_COLUMNS)
            sys.stderr.write(f"\r\x1b[K{'█' * filled}{'░' * (BAR_COLUMNS - filled)} {share:4.0%}  {clock(left)} left  {self.line}")
            sys.stderr.flush()


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
