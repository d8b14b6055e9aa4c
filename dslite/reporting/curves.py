"""How fits learnt, epoch by epoch."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dslite.configurations import CONFIGURATIONS
from dslite.reporting.figures import COLOURS, subplots
from dslite.tasks import CLASSIFICATION, Task


def learning_curves(histories: Mapping[tuple[str, str], pd.DataFrame], task: Task = CLASSIFICATION) -> Figure:
    """Loss, and accuracy with dev UAR (of numbers the CCC alone), over the epochs of the fits.

    Args:
        histories: (augmentation or another name, partition that the fit is scored on) -> ``phase``, ``epoch``,
            ``loss``, ``accuracy`` (a share of 1), ``dev_uar`` (percent, NaN for fits on train + dev); a row per name.
        task: of the corpus.
    """
    names, titles = list(dict.fromkeys(name for name, _ in histories)), {k: c.title for k, c in CONFIGURATIONS.items()}
    shared = {"squeeze": False, "sharex": True, "sharey": "col"}
    with subplots(len(names), 2, 0.5 + 1.75 * len(names), **shared) as (figure, grid):
        for name, (left, right) in zip(names, grid, strict=True):
            for partition, style in (("dev", "-"), ("test", "--")):
                history = histories.get((name, partition))
                if history is not None:
                    _curves(left, right, history, partition, style, task)
            left.set(title=titles.get(name, name), ylabel="training loss")
            if task is CLASSIFICATION:
                right.set(ylabel="accuracy, UAR (%)", ylim=(0, 102))
            else:
                right.set(ylabel=task.score, ylim=(min(0, right.get_ylim()[0]), 1.02))
        for axes in grid[-1]:
            axes.set_xlabel("epoch")
            axes.xaxis.get_major_locator().set_params(integer=True)
        handles = [handle for axes in grid[0] for handle in axes.get_legend_handles_labels()[0]]
        figure.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure


def _curves(left: Axes, right: Axes, history: pd.DataFrame, partition: str, style: str, task: Task) -> None:
    fitted = "train" if partition == "dev" else "train + dev"
    colour = COLOURS["train"] if partition == "dev" else "#56b4e9"
    alone = {} if task is CLASSIFICATION else {"label": f"training loss, fit on {fitted}"}
    left.plot(history["epoch"], history["loss"], color=colour, ls=style, **alone)
    if task is CLASSIFICATION:
        label = f"training loss and accuracy, fit on {fitted}"
        right.plot(history["epoch"], 100 * history["accuracy"], color=colour, ls=style, label=label)
    scored = history[history["dev_uar"].notna()]
    if len(scored):
        dots = {"color": COLOURS["dev"], "marker": "o", "ms": 3.5, "lw": 1.3, "markeredgecolor": "white"}
        right.plot(scored["epoch"], scored["dev_uar"], label=f"{task.score} on dev of the fit on train", **dots)
    second = history.loc[history["phase"] == 2, "epoch"]
    if len(second) and partition == "dev":
        for axes in (left, right):
            span = axes.axvspan(second.min() - 0.5, second.max() + 0.5, color="#efeadd", zorder=0, lw=0)
        span.set_label("second phase: last layers fine-tuned")
