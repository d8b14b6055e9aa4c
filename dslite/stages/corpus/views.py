"""What the corpus notebook shows, from what its stage left."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from dslite import audio
from dslite.corpora.registry import described
from dslite.layout.finished import FinishedStage
from dslite.reporting.figures import COLOURS, PARTITIONS, Example, few, subplots
from dslite.store import Samples, Spectrograms

_PRINT = "#6a3f7e"


def info(stage: FinishedStage):
    """The corpus' entry in the registry; of an own corpus, the little that is known."""
    return described(stage.settings.name, stage.record["about"])


def examples(stage: FinishedStage) -> list[Example]:
    """The first chunk of a training file of each class (third of the labels; of many, of a few): samples and cached
    spectrogram."""
    chunks, samples = stage.chunks, Samples(stage.paths.samples)
    stored = Spectrograms(stage.paths.spectrograms, chunks)
    rate = stage.record["front_end"]["rate"]
    length = round(stage.settings.recipe.chunk * rate) or None
    clips, groups = stage.grouped
    train = clips[clips["partition"] == "train"]
    shown = []
    for label in few([group for group in groups if group in set(train["label"])]):
        file = train.loc[train["label"] == label, "file"].iloc[0]
        first = int(chunks.index[chunks["file"] == file][0])
        wave = audio.cut(samples[file], length, 1, stage.record["front_end"]["window"])[0]
        shown.append(Example(label, wave, rate, stored.batches([first])[0][1][0]))
    return shown


def class_by_partition(clips: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Files by class (rows, with their sum) and partition (columns, with their sum), and speakers in the last row."""
    counts = pd.crosstab(clips["label"], clips["partition"]).reindex(classes, columns=PARTITIONS, fill_value=0)
    counts["all"] = counts.sum(axis=1)
    named = clips[clips["speaker"] != ""]
    speakers = [named.loc[named["partition"] == part, "speaker"].nunique() for part in PARTITIONS]
    counts.loc["all classes"] = counts.sum()
    counts.loc["speakers"] = [*speakers, named["speaker"].nunique()]
    return counts.rename_axis(index=None, columns=None).astype(int)


def files(stage: FinishedStage) -> pd.DataFrame:
    """:func:`class_by_partition`, of numbers by thirds of the labels."""
    counts = class_by_partition(*stage.grouped)
    return counts if stage.classes else counts.rename(index={"all classes": "all labels"})


def coverage(stage: FinishedStage) -> str:
    """What chunks repeat and what they leave out, in two sentences."""
    chunk, minutes = stage.settings.recipe.chunk, stage.clips["duration"].sum() / 60
    if not chunk:
        return "Every file is one plot, whatever its length."
    of_file = stage.chunks.groupby("file").agg(end=("start_s", "max"), padded=("padded", "first"))
    rest = (stage.clips.set_index("file")["duration"] - of_file["end"] - chunk)[~of_file["padded"]].clip(lower=0)
    return (
        f"Chunks are {chunk:g} s long and begin every {chunk / 2:g} s; {of_file['padded'].sum()} of {len(of_file)} "
        f"files are shorter and repeated up to one. Of {minutes:.1f} min {rest.sum() / 60:.1f} are in no chunk: what "
        f"follows a file's last one (the reading sound adds a last chunk that ends with the file)."
    )


def durations(clips: pd.DataFrame, chunk: float, published_mean: float | None) -> Figure:
    """Histogram of durations by partition.

    Args:
        clips: a row per file, with ``duration`` (s) and ``partition``.
        chunk: length of a chunk in s, drawn as a line; 0 for whole files.
        published_mean: the paper's mean duration in s, drawn as a line; None where it has none.
    """
    with subplots(1, 1, 2.7) as (figure, axes):
        shown = [part for part in PARTITIONS if (clips["partition"] == part).any()]
        edges = _edges(clips["duration"].to_numpy(float))
        sns.histplot(
            clips, x="duration", hue="partition", hue_order=shown, palette=COLOURS, multiple="stack", bins=edges,
            edgecolor="white", linewidth=0.4, alpha=0.9, ax=axes,
        )  # fmt: skip
        legend = axes.get_legend()
        handles, labels = list(legend.legend_handles), [text.get_text() for text in legend.get_texts()]
        lines = [(clips["duration"].mean(), "-", "#2b2a27", "mean here"), (chunk or None, ":", "#5d5950", "one chunk")]
        lines.append((published_mean, "--", _PRINT, "mean in the paper"))
        for seconds, style, colour, name in lines:
            if seconds is not None:
                handles.append(axes.axvline(seconds, ls=style, color=colour, lw=1.3))
                labels.append(f"{name}: {seconds:.2f} s")
        legend.remove()
        axes.legend(handles, labels, loc="center left", bbox_to_anchor=(1.0, 0.5))
        axes.set(xlabel="duration of a file (s)", ylabel="files")
        axes.yaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True))
    return figure


def _edges(seconds: np.ndarray) -> np.ndarray:
    """At most 40 bins over all durations; one bin around them if they are all equal."""
    low, high = float(seconds.min()), float(seconds.max())
    if high - low < 1e-3:
        return np.array([low - 0.05, low + 0.05])
    return np.linspace(low, high, min(40, max(8, int(np.sqrt(len(seconds))) + 4)) + 1)
