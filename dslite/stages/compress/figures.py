"""What files cost and what they are worth, as one picture."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from dslite.reporting import variants
from dslite.reporting.figures import subplots
from dslite.stages.compress.networks import KINDS, PAPERS
from dslite.stages.compress.views import COSTS

COLOURS = dict(zip(KINDS, ("#2b2a27", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#8a857b"), strict=True))
MARKERS = {"float32": "o", "float16": "s", "dynamic-int8": "^", "int8": "D"}


def cost_and_score(points: pd.DataFrame) -> Figure:
    """UAR against time and size, with the front of each, the best one's interval and the cost of the paper's network.

    Args:
        points: what :func:`dslite.stages.compress.views.points` returns.
    """
    scored = points.dropna(subset="uar")
    with subplots(1, 2, 4.2, sharey=True) as (figure, grid):
        for axes, cost in zip(grid, ("ms_per_s", "MB"), strict=True):
            if len(scored):
                best = scored.loc[scored["uar"].idxmax()]
                axes.axhspan(best["ci_low"], best["ci_high"], color="#efece4", zorder=0)
            for (kind, variant), rows in scored.groupby(["kind", "variant"], sort=False):
                axes.plot(rows[cost], rows["uar"], MARKERS[variant], color=COLOURS[kind], ms=6, ls="none", mec="white",
                          mew=0.6)  # fmt: skip
            front = scored[scored[f"front {cost}"]].sort_values(cost)
            axes.plot(front[cost], front["uar"], "-", color="#8a857b", lw=1, zorder=1)
            for value in points.loc[points["kind"] == PAPERS, cost]:
                axes.axvline(value, ls="--", lw=1, color=COLOURS[PAPERS])
                said = "DenseNet121, float32, untrained"
                axes.annotate(said, (value, 0.02), xycoords=("data", "axes fraction"), rotation=90,
                              fontsize=7, ha="right", color="#5d5950")  # fmt: skip
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_locator(NullLocator())
            axes.set_xlabel(COSTS[cost])
        grid[0].set_ylabel("UAR on test (%)")
        kinds = [kind for kind in KINDS if kind in set(scored["kind"])]
        handles = [grid[0].plot([], [], "o", color=COLOURS[kind], ls="none", label=kind)[0] for kind in kinds]
        stored = [name for name in MARKERS if name in set(scored["variant"])]
        handles += [grid[0].plot([], [], MARKERS[name], color="#8a857b", ls="none", label=variants.TITLES[name])[0]
                    for name in stored]  # fmt: skip
        figure.legend(handles=handles, loc="outside upper center", ncols=5)
    return figure
