"""What somebody sees who runs a notebook by hand: how far it is, the curves of fits as they grow, and, where it is
stopped, one sentence. Every report takes the place of the one before it."""

import html
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from IPython.core.getipython import get_ipython
from IPython.display import display

from dslite.errors import Stopped
from dslite.layout import progress
from dslite.layout.progress import Epoch
from dslite.layout.settings import Settings
from dslite.reporting.display import RC, figure_html
from dslite.reporting.provenance import provenance_line
from dslite.run.estimates import spoken

EVERY = 0.5
"""Least seconds between two pictures."""


@contextmanager
def watched(settings: Settings | None = None) -> Iterator[None]:
    """Shows how far the stage inside the block is, where that is a notebook outside a run.

    Args:
        settings: of the stage, if it is one of a corpus.

    Raises:
        Stopped: the kernel was interrupted.
    """
    try:
        if progress.VARIABLE in os.environ or not hasattr(get_ipython(), "kernel"):
            yield
            return
        watch = _Watch(settings)
        with progress.told_to(watch.hear):
            yield
        watch.end()
    except Stopped:
        raise
    except KeyboardInterrupt:
        raise Stopped("Stopped. What is finished is kept; run the cell again to go on.") from None


class _Watch:
    """One output below the cell."""

    def __init__(self, settings: Settings | None):
        self._about: dict = {}  # where the curves come from
        if settings:
            self._about = {name: getattr(settings, name) for name in ("backbone", "profile", "seed")}
            self._about["data"] = "stand-in" if settings.standin else ""
            self._about["weights"] = "random" if settings.random_weights else ""
        self._began, self._shown = time.monotonic(), 0.0
        self._first: tuple[float, float] | None = None  # when the first report came, and its fraction
        self._epochs: dict[str, dict[int, Epoch]] = {}
        self._output = None

    def hear(self, fraction: float, text: str, epochs: Sequence[Epoch]) -> None:
        for epoch in epochs:
            self._epochs.setdefault(epoch.fit, {})[epoch.epoch] = epoch
        now = time.monotonic()
        begun, already = self._first = self._first or (now, fraction)
        if now - self._shown < EVERY:
            return
        left = (now - begun) * (1 - fraction) / (fraction - already) if fraction > already else 0
        line = f"{fraction:.0%}{f', about {spoken(left)} left' if left else ''}: {text}"
        self._show(line, self._picture(line) if self._epochs else "")
        self._shown = time.monotonic()

    def end(self) -> None:
        """Scores take the place of the curves, which the notebook shows itself."""
        if self._output:
            uars = {fit: curve[max(curve)].dev_uar for fit, curve in self._epochs.items()}
            said = ", ".join(f"{fit} {uar:.1f} %" for fit, uar in uars.items() if uar == uar)
            scores = f" UAR on dev after the last epoch: {said} ({provenance_line(self._about)})." if said else ""
            self._show(f"Done in {spoken(time.monotonic() - self._began)}.{scores}")

    def _show(self, line: str, picture: str = "") -> None:
        said = {"text/plain": line, "text/html": picture or f"<p>{html.escape(line)}</p>"}
        if self._output:
            self._output.update(said, raw=True)
        else:
            self._output = display(said, raw=True, display_id=True)

    def _picture(self, line: str) -> str:
        import matplotlib as mpl
        from matplotlib.figure import Figure  # not pyplot's: one that is interrupted must not appear below the cell

        curves = [[curve[number] for number in sorted(curve)] for curve in self._epochs.values()]
        second = min((e.epoch for curve in curves for e in curve if e.phase == 2), default=None)
        with mpl.rc_context(RC):
            figure = Figure(figsize=(7.4, 3.0), layout="constrained")
            loss, dev = figure.subplots(1, 2)
            for number, curve in enumerate(curves):
                look = {"color": f"C{number}", "marker": "o", "ms": 3, "lw": 1.2}
                loss.plot([e.epoch for e in curve], [e.loss for e in curve], label=curve[0].fit, **look)
                decided = [e for e in curve if e.dev_uar == e.dev_uar]
                dev.plot([e.epoch for e in decided], [e.dev_uar for e in decided], **look)
            loss.set(ylabel="training loss")
            dev.set(ylabel="UAR on dev (%)", ylim=(0, 102))
            for axes in (loss, dev):
                axes.set(xlabel="epoch", xlim=(0.5, curves[0][0].of + 0.5))
                axes.xaxis.get_major_locator().set_params(integer=True)
                if second:
                    axes.axvspan(second - 0.5, curves[0][0].of + 0.5, color="#efeadd", zorder=0, lw=0)
                    axes.annotate("phase 2", (second, 1), xycoords=("data", "axes fraction"), va="top", fontsize=8)
            figure.legend(loc="outside lower center", ncols=3)
            alt = f"Training loss and UAR on dev: {sum(map(len, curves))} epochs of {len(curves)} fits so far."
            return figure_html(figure, alt, line, self._about, dpi=100)
