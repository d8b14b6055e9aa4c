"""What the evaluate notebook shows, from what its stage left."""

from itertools import product

import pandas as pd
from matplotlib.figure import Figure

from dslite import scoring
from dslite.configurations import CONFIGURATIONS
from dslite.layout.finished import FinishedStage
from dslite.reporting import ablations, figures
from dslite.reporting.comparisons import Strip
from dslite.reporting.display import with_digits
from dslite.resampling import SPEAKERS
from dslite.statistics import UNITS
from dslite.systems import CHANCE, OURS, TITLES
from dslite.wording import counted

NAMES = {key: configuration.title for key, configuration in CONFIGURATIONS.items()}


def scores(stage: FinishedStage) -> pd.DataFrame:
    """The corpus' rows of results.csv, for reading: the interval over files beside the one over speakers."""
    table, task = stage.table("scores"), stage.task
    scored = zip(table[task.column], table["n_files"], strict=True)
    table[task.score] = [task.said(score) if n else "no file qualifies (n_files 0)" for score, n in scored]
    table["over files"] = list(map(task.interval, table["ci_low"], table["ci_high"]))
    table["over speakers"] = list(map(task.interval, table["ci_speaker_low"], table["ci_speaker_high"]))
    shown = ["system", "augmentation", "partition", "protocol", task.score, "over files", "over speakers"]
    counts = {"n_files": "files", "n_speakers": "speakers"}
    return table[[*shown, *counts]].rename(columns=counts)


def intervals(stage: FinishedStage) -> str:
    """How many draws an interval is from, and what one over speakers can be worth here, in words."""
    return f"Intervals are from {stage.settings.draws:,} draws. {speakers(stage)}"


def speakers(stage: FinishedStage) -> str:
    """What an interval over speakers can be worth here, in words."""
    test = stage.predictions(stage.record["configurations"][0], "test")
    named = test[test["speaker"] != ""]
    if named.empty:
        return "Over speakers: not possible, no speakers are published."
    if len(named) < len(test):
        return f"Over speakers: not possible, {len(test) - len(named)} of {len(test)} test files name no speaker."
    many, rarest = named["speaker"].nunique(), named.groupby("label")["speaker"].nunique().min()
    if many < SPEAKERS:
        return _few(many)
    words = f"The test files are of {many} speakers"
    words += f"; the class that fewest of them have is there from {rarest}." if stage.classes else "."
    if many < 30:
        words += " So few speakers leave the interval over speakers too narrow."
    return words


def protocols(stage: FinishedStage) -> list[str]:
    """The protocols that score test files, once where both score the same."""
    table = stage.table("pairs")
    files = table[table["n_files"] > 0].drop_duplicates("protocol").drop_duplicates("n_files")
    return list(files["protocol"])


def pairs(stage: FinishedStage, protocol: str) -> pd.DataFrame:
    """Paired differences on test: a row per pair, with what draws of files and of speakers say."""
    table = _pairs(stage, protocol)
    shown = pd.DataFrame({"pair": table["pair"], "difference": list(map(stage.task.apart, table["difference"]))})
    for unit in UNITS:
        shown[f"over {unit}s"] = ablations.intervals(table, unit, stage.task)
        shown[f"p, {unit}s"] = list(map(_p, table[f"p_{unit}"]))
        shown[f"Holm, {unit}s"] = list(map(_p, table[f"p_holm_{unit}"]))
    return shown


def verdict(stage: FinishedStage, protocol: str) -> str:
    """What the Holm-corrected tests leave standing, in words."""
    table, draws = stage.table("pairs").query("protocol == @protocol"), stage.settings.paired_draws
    words = []
    for unit in UNITS:
        of = table[table["unit"] == unit]
        p, units = of["p_holm"], int(of["n_units"].iloc[0])
        if not p.isna().all():
            found, least = int((p <= 0.05).sum()), max(1 / (draws + 1), 2.0 ** (1 - units))
            words.append(
                f"Drawing {unit}s, {found} of {len(p)} pairs differ at 5 % after Holm's correction; the least p that "
                f"{draws:,} draws of {units} can give is {_p(least)}."
            )
        else:
            words.append(_few(units) if 0 < units < SPEAKERS else f"Draws of {unit}s are not possible here.")
    return " ".join(words)


def selection(stage: FinishedStage) -> pd.DataFrame:
    """The configuration chosen on dev, the one chosen on test and the baselines, scored on test."""
    table, scored, rows, blank = stage.table("selection"), stage.table("scores"), [], [None] * 2 * len(UNITS)
    task = stage.task
    scored = scored[(scored["partition"] == "test") & (scored["system"] != OURS)]
    for protocol in protocols(stage):
        of = table[table["protocol"] == protocol].set_index("unit")
        one = of.loc["file"]
        rows.append((protocol, "dev", NAMES.get(one["by_dev"], "none to choose by"), one["uar_by_dev"], *blank))
        estimated = of.loc[list(UNITS), ["optimism", "corrected"]].to_numpy().ravel()
        rows.append((protocol, "test, as in the paper", NAMES[one["by_test"]], one["uar_by_test"], *estimated))
        beside = scored[scored["protocol"] == protocol]
        rows += [(protocol, "–", *row, *blank) for row in beside[["system", task.column]].itertuples(index=False)]
    columns = ["protocol", "chosen on", "system", f"{task.score} on test"]
    columns += [f"{what}, {unit}s" for unit in UNITS for what in ("optimism", "less it")]
    return with_digits(pd.DataFrame(rows, columns=columns), task.digits)


def strips(stage: FinishedStage) -> list[Strip]:
    """Scores of the configurations on test (all files), and their paired differences, each with both intervals."""
    table, task = stage.table("scores"), stage.task
    table = table[(table["partition"] == "test") & (table["protocol"] == "all")]
    table = table.assign(name=table["augmentation"].map(NAMES).fillna(table["system"]))
    chance = 100.0 / len(stage.classes) if stage.classes else task.chance
    axis = f"{task.score} on test{task.unit}"
    return [
        Strip.of_scores(table, task.column, axis, chance, percent=bool(stage.classes)),
        Strip.of_differences(_pairs(stage, "all"), "pair", f"paired difference ({task.points})"),
    ]


def outcome(stage: FinishedStage) -> tuple[Figure, str, str]:
    """What the fits make of test, all files: confusion, or predicted against true numbers."""
    tables = {a: stage.predictions(a, "test") for a in stage.record["configurations"]}
    return figures.of_files(tables, stage.classes, "augmentation")


def details(stage: FinishedStage) -> tuple[pd.DataFrame, str]:
    """UAR (%) on all files as they were decided, and when each is decided by mean probability; of numbers, every score
    on test."""
    if not stage.classes:
        return _every_score(stage), "All scores on test, all files, with 95 % intervals over files and over speakers"
    rows = []
    for augmentation, partition in product(stage.record["configurations"], scoring.TRAINED_ON):
        table = stage.predictions(augmentation, partition)
        mean = table[[f"p_{name}" for name in stage.classes]].to_numpy().argmax(axis=1)
        label, said = (scoring.coded(table[name], stage.classes) for name in ("label", "predicted"))
        decided = {stage.settings.reading.decision: said, "mean": mean}
        shown = {scoring.DECISIONS[how]: f"{scoring.uar(label, what):.1f}" for how, what in decided.items()}
        rows.append({"augmentation": augmentation, "partition": partition, **shown})
    return pd.DataFrame(rows), "UAR (%) on all files, by decision"


_NUMBER_SCORES = {"ccc": "CCC", "spearman": "Spearman", "mae": "MAE (unit of the label)", "rmse": "RMSE (same)"}


def _every_score(stage: FinishedStage) -> pd.DataFrame:
    table, said = stage.table("numbers").query("partition == 'test' and protocol == 'all'"), stage.task.interval
    texts = []
    for row in table.itertuples():
        value = "undefined: all the same" if pd.isna(row.value) else stage.task.said(row.value)
        between = said(row.ci_low, row.ci_high), said(row.ci_speaker_low, row.ci_speaker_high)
        bare = pd.isna(row.value) or row.system == TITLES[CHANCE]
        texts.append(value if bare else f"{value} ({'; '.join(between)})")
    long = table.assign(score=table["score"].map(_NUMBER_SCORES), text=texts)
    wide = long.pivot_table("text", ["system", "augmentation"], "score", aggfunc="first", sort=False)
    return wide.rename_axis(columns=None).reset_index()


def _pairs(stage: FinishedStage, protocol: str) -> pd.DataFrame:
    """A row per pair: ``pair`` in words, ``difference``, and ``low``, ``high``, ``p``, ``p_holm`` of each unit."""
    table = stage.table("pairs")
    wide = table[table["protocol"] == protocol].pivot(
        index=["first", "second", "difference"], columns="unit", values=["low", "high", "p", "p_holm"]
    )
    wide.columns = [f"{what}_{unit}" for what, unit in wide.columns]
    order = {name: at for at, name in enumerate([*TITLES.values(), *NAMES])}
    wide = wide.reset_index().sort_values(["first", "second"], key=lambda names: names.map(order), ignore_index=True)
    named = [f"{second} − {first}" for first, second in zip(wide["first"], wide["second"], strict=True)]
    return wide.assign(pair=named)


def _few(speakers: int) -> str:
    return f"{counted(speakers, 'speaker')}: too few to draw; at least {SPEAKERS}."


def _p(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.4f}" if value < 0.001 else f"{value:.3f}"
