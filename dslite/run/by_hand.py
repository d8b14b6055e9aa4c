"""What somebody sees who runs a notebook by hand: how far it is, fits as they learn, a sentence where it is stopped."""

import html
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from uuid import uuid4

from IPython.core.getipython import get_ipython
from IPython.display import display

from dslite.errors import DsliteError
from dslite.layout import progress
from dslite.layout.progress import Epoch
from dslite.reporting.display import RC, figure_html
from dslite.reporting.provenance import provenance_line
from dslite.tasks import CLASSIFICATION, TASKS, Task
from dslite.wording import spoken


@contextmanager
def watched(task: str = CLASSIFICATION.name, **record: object) -> Iterator[None]:
    """Shows how far the stage inside the block is, unless it is one of a run; ``record`` says what it works with, and
    ``task`` what scores on dev are.

    Raises:
        DsliteError: the kernel was interrupted.
    """
    watch, done = _Watch(record, TASKS[task]), False
    by_hand = progress.VARIABLE not in os.environ and hasattr(get_ipython(), "kernel")
    if by_hand:
        progress.listeners.append(watch.hear)
        before, unraisable = signal.signal(signal.SIGINT, watch.stop), sys.unraisablehook
        sys.unraisablehook = partial(watch.dropped, unraisable)
    try:
        yield
        done = True
    except KeyboardInterrupt as stop:
        raise DsliteError(str(stop) or "Stopped. What is finished is kept; run the cell again to go on.") from None
    finally:
        if by_hand:
            signal.signal(signal.SIGINT, before)
            sys.unraisablehook = unraisable
        progress.listeners.clear()
        watch.end(done)


PACE = 0.5
"""Seconds at least between two pictures of growing curves, so that drawing takes no time from training."""


class _Watch:
    """One output below the cell; each report takes the place of the one before it."""

    def __init__(self, record: dict, task: Task):
        self._task, self._record, self._place = task, record, uuid4().hex
        self._began, self._shown = time.monotonic(), 0.0
        self._fits: dict[str, dict[int, Epoch]] = {}
        self._stopped = False

    def stop(self, *_: object) -> None:
        """What an interrupt does. Some libraries drop an exception that comes amid their work (TensorFlow's C++ does,
        and bare ``except:`` in Keras), so the next report raises it again."""
        self._stopped = True
        raise KeyboardInterrupt

    def dropped(self, otherwise: Callable[[object], None], what) -> None:
        """An interrupt that came in the middle of a destructor or a callback of a weak reference: Python drops it
        there, with a traceback for nobody."""
        if not self._stopped or what.exc_type is not KeyboardInterrupt:
            otherwise(what)

    def hear(self, fraction: float, text: str, epochs: Sequence[Epoch]) -> None:
        if self._stopped:
            raise KeyboardInterrupt
        for epoch in epochs:
            self._fits.setdefault(epoch.fit, {})[epoch.epoch] = epoch
        took = time.monotonic() - self._began
        if time.monotonic() - self._shown > PACE:
            left = f", about {spoken(took / fraction - took)} left" if 0.02 < fraction < 1 else ""
            self._show(f"{fraction:.0%}{left}: {text}", bool(self._fits))

    def end(self, done: bool) -> None:
        """Scores take the place of the curves, which the notebook shows itself; where it broke off, these stay."""
        if self._shown:
            unit = self._task.unit.strip(" ()")
            uars = {fit: curve[max(curve)].dev_uar for fit, curve in self._fits.items()}
            said = ", ".join(f"{fit} {self._task.said(uar)} {unit}".strip() for fit, uar in uars.items() if uar == uar)
            line = f"{'Done' if done else 'Ended'} after {spoken(time.monotonic() - self._began)}."
            if said:
                line += f" {self._task.score} on dev after the last epoch: {said} ({provenance_line(self._record)})."
            self._show(line, bool(self._fits) and not done)

    def _show(self, line: str, curves: bool) -> None:
        said = {"text/plain": line, "text/html": self._picture(line) if curves else f"<p>{html.escape(line)}</p>"}
        display(said, raw=True, display_id=self._place, update=self._shown > 0)
        self._shown = time.monotonic()

    def _picture(self, line: str) -> str:
        import matplotlib as mpl
        from matplotlib.figure import Figure  # not pyplot's, which would appear once more where it is interrupted

        curves = [[curve[number] for number in sorted(curve)] for curve in self._fits.values()]
        end = curves[0][0].of + 0.5
        second = min((e.epoch for curve in curves for e in curve if e.phase == 2), default=end + 0.5)
        with mpl.rc_context(RC):
            figure = Figure(figsize=(7.4, 2.8), layout="constrained")
            drawn = {4: "training loss", 5: f"{self._task.score} on dev{self._task.unit}"}
            for axes, (of, label) in zip(figure.subplots(1, 2), drawn.items(), strict=True):
                for curve in curves:
                    known = [epoch for epoch in curve if epoch[of] == epoch[of]]
                    axes.plot([e.epoch for e in known], [e[of] for e in known], "o-", ms=3, lw=1.2, label=curve[0].fit)
                axes.axvspan(second - 0.5, end, color="#efeadd", zorder=0, lw=0)
                axes.set(xlabel="epoch" + " (shaded: phase 2)" * (second < end), ylabel=label, xlim=(0.5, end))
            if self._task is CLASSIFICATION:
                axes.set(ylim=(0, 102))
            figure.legend(*axes.get_legend_handles_labels(), loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
            epochs = f"{sum(map(len, curves))} epochs of {len(curves)} fits so far"
            alt = f"Training loss and {self._task.score} on dev: {epochs}."
            return figure_html(figure, alt, line, self._record, dpi=100)
