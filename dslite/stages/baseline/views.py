"""What the notebook of the ``baseline`` stage shows."""

import pandas as pd
from matplotlib.figure import Figure

from dslite import scoring
from dslite.layout.finished import FinishedStage
from dslite.reporting import figures
from dslite.reporting.display import with_digits
from dslite.reporting.figures import Example
from dslite.systems import CHANCE, TITLES


def whole_files(stage: FinishedStage) -> list[Example]:
    """The first training file of each class (third of the labels; of many, of a few), whole: samples and Deep
    Spectrum's plot of it."""
    from dslite.features import DEEP_SPECTRUM, whole
    from dslite.spectrogram import MelPlot
    from dslite.store import Samples

    plot, samples = MelPlot(DEEP_SPECTRUM), Samples(stage.paths.samples)
    clips, groups = stage.grouped
    train = clips[clips["partition"] == "train"].drop_duplicates("label").set_index("label")["file"]
    shown = figures.few([group for group in groups if group in train])
    waves = {label: whole(samples[train[label]]) for label in shown}
    return [
        Example(label, wave, DEEP_SPECTRUM.rate, plot.quantise(wave[None])[0].numpy()) for label, wave in waves.items()
    ]


def grids(stage: FinishedStage) -> pd.DataFrame:
    """UAR or CCC on dev at each point of the grid: a row per system and complexity, a column per scaling and weight."""
    rows = pd.concat([pd.DataFrame(rows).assign(system=TITLES[key]) for key, rows in stage.record["grid"].items()])
    scaling = rows["standardise"].map({True: "standardised", False: "as they are"})
    weights = rows["balanced"].map({True: "classes balanced", False: "files equal"})
    rows["features"] = scaling + ", " + weights if stage.classes else scaling
    wide = rows.pivot_table(index=["system", "complexity"], columns="features", values="dev_uar", sort=False)
    return with_digits(wide.rename_axis(columns=None).reset_index(), stage.task.digits)


def chosen(stage: FinishedStage) -> pd.DataFrame:
    """Per system, the point that was chosen on dev, how many of the grid's fits converged, and whether its own did."""
    rows = []
    for key, point in stage.record["chosen"].items():
        converged = [row["converged"] for row in stage.record["grid"][key]]
        rows.append(
            {
                "system": TITLES[key],
                "features": stage.record["features"][key],
                "complexity": point["complexity"],
                "standardised": "yes" if point["standardise"] else "no",
                **({"classes balanced": "yes" if point["balanced"] else "no"} if stage.classes else {}),
                "fits converged": f"{sum(converged)} of {len(converged)}",
                "the chosen one": "converged" if stage.record["converged"][key] else "did NOT converge",
            }
        )
    return pd.DataFrame(rows)


def scores(stage: FinishedStage) -> pd.DataFrame:
    """UAR (of numbers CCC) of every baseline on all files of dev and test, with its interval on test."""
    rows, settings, task = [], stage.settings, stage.task
    drawn = f"interval on test, {settings.draws:,} draws"
    for system, name in TITLES.items():
        dev, test = (
            scoring.score(_predictions(stage, system, target), stage.classes, "all", settings.seed, settings.draws)
            for target in scoring.TRAINED_ON
        )
        interval = "–" if system == CHANCE else task.interval(test["ci_low"], test["ci_high"])
        rows.append({"system": name, "dev": dev[task.column], "test": test[task.column], drawn: interval})
    table = pd.DataFrame(rows)  # percent are written by the name of their column
    return table if stage.classes else table.assign(**{part: table[part].map(task.said) for part in ("dev", "test")})


def outcome(stage: FinishedStage) -> tuple[Figure, str, str]:
    """What each baseline that learns makes of test, all files: confusion, or predicted against true numbers."""
    tables = {TITLES[key]: _predictions(stage, key, "test") for key in stage.record["grid"]}
    return figures.of_files(tables, stage.classes, "baseline")


def _predictions(stage: FinishedStage, system: str, target: str) -> pd.DataFrame:
    return pd.read_parquet(stage.paths.baseline(system, target))
