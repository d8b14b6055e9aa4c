"""What the evaluate notebook shows, from what its stage left."""

from itertools import product

import pandas as pd

from dslite import scoring
from dslite.configurations import CONFIGURATIONS
from dslite.layout.finished import FinishedStage
from dslite.reporting import ablations
from dslite.reporting.comparisons import Strip
from dslite.reporting.figures import ConfusionPanel
from dslite.reporting.tables import confusion_matrix
from dslite.resampling import SPEAKERS
from dslite.statistics import UNITS
from dslite.systems import OURS, TITLES

NAMES = {key: configuration.title for key, configuration in CONFIGURATIONS.items()}


def scores(stage: FinishedStage) -> pd.DataFrame:
    """The corpus' rows of results.csv, for reading: the interval over files beside the one over speakers."""
    table = stage.table("scores")
    rows = table.itertuples()
    table["UAR"] = [f"{row.uar:.1f}" if row.n_files else "no file qualifies (n_files 0)" for row in rows]
    table["over files"] = list(map(_interval, table["ci_low"], table["ci_high"]))
    table["over speakers"] = list(map(_interval, table["ci_speaker_low"], table["ci_speaker_high"]))
    shown = ["system", "augmentation", "partition", "protocol", "UAR", "over files", "over speakers"]
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
    words = f"The test files are of {many} speakers; the class that fewest of them have is there from {rarest}."
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
    shown = pd.DataFrame({"pair": table["pair"], "difference": list(map(ablations.points, table["difference"]))})
    for unit in UNITS:
        shown[f"over {unit}s"] = ablations.intervals(table, unit)
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
    scored = scored[(scored["partition"] == "test") & (scored["system"] != OURS)]
    for protocol in protocols(stage):
        of = table[table["protocol"] == protocol].set_index("unit")
        one = of.loc["file"]
        rows.append((protocol, "dev", NAMES.get(one["by_dev"], "none to choose by"), one["uar_by_dev"], *blank))
        estimated = of.loc[list(UNITS), ["optimism", "corrected"]].to_numpy().ravel()
        rows.append((protocol, "test, as in the paper", NAMES[one["by_test"]], one["uar_by_test"], *estimated))
        beside = scored[scored["protocol"] == protocol]
        rows += [(protocol, "–", *row, *blank) for row in beside[["system", "uar"]].itertuples(index=False)]
    columns = ["protocol", "chosen on", "system", "UAR on test"]
    columns += [f"{what}, {unit}s" for unit in UNITS for what in ("optimism", "less it")]
    found = pd.DataFrame(rows, columns=columns)
    found.attrs["digits"] = 1
    return found


def strips(stage: FinishedStage) -> list[Strip]:
    """UAR of the configurations on test (all files), and their paired differences, each with both intervals."""
    table = stage.table("scores")
    table = table[(table["partition"] == "test") & (table["protocol"] == "all")]
    renamed = {"uar": "value", "ci_low": "low_file", "ci_high": "high_file"}
    renamed |= {"ci_speaker_low": "low_speaker", "ci_speaker_high": "high_speaker"}
    uars = table.assign(name=table["augmentation"].map(NAMES).fillna(table["system"])).rename(columns=renamed)
    apart = _pairs(stage, "all").rename(columns={"pair": "name", "difference": "value"})
    chance = 100.0 / len(stage.classes)
    return [
        Strip(uars, "UAR on test (%)", chance, "chance", percent=True),
        Strip(apart, "paired difference (UAR points)", 0.0, "no difference"),
    ]


def confusion_panels(stage: FinishedStage) -> list[ConfusionPanel]:
    """Confusion on test, all files, for each augmentation."""
    counts = stage.table("confusion")
    where = {"partition": "test", "protocol": "all"}
    matrices = {
        a: confusion_matrix(counts, stage.classes, augmentation=a, **where) for a in stage.record["configurations"]
    }
    return [ConfusionPanel(a, matrix, stage.classes) for a, matrix in matrices.items()]


def by_decision(stage: FinishedStage) -> pd.DataFrame:
    """UAR (%) on all files as they were decided, and when each is decided by mean probability."""
    rows = []
    for augmentation, partition in product(stage.record["configurations"], scoring.TRAINED_ON):
        table = stage.predictions(augmentation, partition)
        mean = table[[f"p_{name}" for name in stage.classes]].to_numpy().argmax(axis=1)
        label, said = (pd.Categorical(table[name], stage.classes).codes.astype(int) for name in ("label", "predicted"))
        decided = {stage.settings.reading.decision: said, "mean": mean}
        shown = {scoring.DECISIONS[how]: f"{scoring.uar(label, what):.1f}" for how, what in decided.items()}
        rows.append({"augmentation": augmentation, "partition": partition, **shown})
    return pd.DataFrame(rows)


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
    return f"{speakers} speaker{'s' * (speakers > 1)}: too few to draw; at least {SPEAKERS}."


def _interval(low: float, high: float) -> str:
    return "–" if pd.isna(low) else f"{low:.1f}–{high:.1f}"


def _p(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.4f}" if value < 0.001 else f"{value:.3f}"
