"""What the evaluate notebook shows, from what its stage left."""

import pandas as pd

from dslite import scoring
from dslite.baseline import PUBLISHED, SYSTEMS
from dslite.reporting.comparisons import Strip
from dslite.reporting.figures import AUGMENTATIONS as NAMES
from dslite.reporting.figures import Panel
from dslite.reporting.tables import confusion_matrix
from dslite.stages.corpus.work import AUGMENTATIONS, Stage
from dslite.stages.train.views import fitted
from dslite.statistics import DRAWS, UNITS


def scores(stage: Stage) -> pd.DataFrame:
    """The corpus' rows of results.csv, for reading: the interval over files beside the one over speakers."""
    table = pd.read_parquet(stage.paths.scores)
    rows = table.itertuples()
    table["UAR"] = [f"{row.uar:.1f}" if row.n_files else "no file qualifies (n_files 0)" for row in rows]
    table["over files"] = list(map(_interval, table["ci_low"], table["ci_high"]))
    table["over speakers"] = list(map(_interval, table["ci_speaker_low"], table["ci_speaker_high"]))
    shown = [
        "system",
        "augmentation",
        "partition",
        "protocol",
        "UAR",
        "over files",
        "over speakers",
        "n_files",
        "n_speakers",
    ]
    return table[shown].rename(columns={"n_files": "files", "n_speakers": "speakers"})


def speakers(stage: Stage) -> str:
    """What an interval over speakers can be worth here, in words."""
    test = stage.predictions(AUGMENTATIONS[0], "test")
    named = test[test["speaker"] != ""]
    if named.empty:
        return "Over speakers: not possible, no speakers are published."
    if len(named) < len(test):
        return f"Over speakers: not possible, {len(test) - len(named)} of {len(test)} test files name no speaker."
    many, rarest = named["speaker"].nunique(), named.groupby("label")["speaker"].nunique().min()
    if many == 1:
        return "Over speakers: not possible, all test files are of one speaker."
    words = f"The test files are of {many} speakers; the class that fewest of them have is there from {rarest}."
    if many < 30:
        words += " So few speakers leave the interval over speakers too narrow."
    return words


def protocols(stage: Stage) -> list[str]:
    """The protocols that score test files, once where both score the same."""
    table = pd.read_parquet(stage.paths.pairs)
    files = table[table["n_files"] > 0].drop_duplicates("protocol").drop_duplicates("n_files")
    return list(files["protocol"])


def pairs(stage: Stage, protocol: str) -> pd.DataFrame:
    """Paired differences on test: a row per pair, with what draws of files and of speakers say."""
    table = _pairs(stage, protocol)
    shown = pd.DataFrame({"pair": table["pair"], "difference": [_signed(value) for value in table["difference"]]})
    for unit in UNITS:
        shown[f"over {unit}s"] = list(map(_signed_interval, table[f"low_{unit}"], table[f"high_{unit}"]))
        shown[f"p, {unit}s"] = list(map(_p, table[f"p_{unit}"]))
        shown[f"Holm, {unit}s"] = list(map(_p, table[f"p_holm_{unit}"]))
    return shown


def verdict(stage: Stage, protocol: str) -> str:
    """What the Holm-corrected tests leave standing, in words."""
    table = _pairs(stage, protocol)
    words = []
    for unit in UNITS:
        p = table[f"p_holm_{unit}"]
        if p.isna().all():
            words.append(f"Draws of {unit}s are not possible here.")
        else:
            found = int((p <= 0.05).sum())
            words.append(f"Drawing {unit}s, {found} of {len(p)} pairs differ at 5 % after Holm's correction.")
    return " ".join([*words, f"Least p that {DRAWS:,} draws can give: {1 / (DRAWS + 1):.4f}."])


def selection(stage: Stage) -> pd.DataFrame:
    """The configuration chosen on dev beside the one chosen on test, scored on test."""
    table = pd.read_parquet(stage.paths.selection)
    rows = []
    for protocol in protocols(stage):
        of = table[table["protocol"] == protocol].set_index("unit")
        one = of.loc["file"]
        row = {"protocol": protocol, "chosen on": "dev", "configuration": NAMES.get(one["by_dev"], "none to choose by")}
        rows.append(row | {"UAR on test": one["uar_by_dev"]})
        row = {"protocol": protocol, "chosen on": "test, as in the paper", "configuration": NAMES[one["by_test"]]}
        row["UAR on test"] = one["uar_by_test"]
        for unit in UNITS:
            row |= {f"optimism, {unit}s": of.loc[unit, "optimism"], f"less it, {unit}s": of.loc[unit, "corrected"]}
        rows.append(row)
    return pd.DataFrame(rows)


def strips(stage: Stage) -> list[Strip]:
    """UAR of the configurations on test (all files), and their paired differences, each with both intervals."""
    table = pd.read_parquet(stage.paths.scores)
    table = table[(table["partition"] == "test") & (table["protocol"] == "all")]
    renamed = {"uar": "value", "ci_low": "low_file", "ci_high": "high_file"}
    renamed |= {"ci_speaker_low": "low_speaker", "ci_speaker_high": "high_speaker"}
    uars = table.assign(name=table["augmentation"].map(NAMES).fillna(table["system"])).rename(columns=renamed)
    apart = _pairs(stage, "all").rename(columns={"pair": "name", "difference": "value"})
    chance = 100.0 / len(stage.classes)
    return [
        Strip(uars, "UAR on test (%)", chance, "chance"),
        Strip(apart, "paired difference (UAR points)", 0.0, "no difference"),
    ]


def confusion_panels(stage: Stage) -> list[Panel]:
    """Confusion on test, all files, for each augmentation."""
    counts = pd.read_parquet(stage.paths.confusion)
    return [
        Panel(
            a, confusion_matrix(counts, stage.classes, augmentation=a, partition="test", protocol="all"), stage.classes
        )
        for a in AUGMENTATIONS
    ]


def by_decision(stage: Stage) -> pd.DataFrame:
    """UAR (%) on all files as they were decided, and when each is decided by mean probability."""
    rows = []
    for augmentation, partition in fitted():
        table = stage.predictions(augmentation, partition)
        mean = table[[f"p_{name}" for name in stage.classes]].to_numpy().argmax(axis=1)
        label, said = (pd.Categorical(table[name], stage.classes).codes.astype(int) for name in ("label", "predicted"))
        decided = {stage.settings.reading.decision: said, "mean": mean}
        shown = {scoring.DECISIONS[how]: f"{scoring.uar(label, what):.1f}" for how, what in decided.items()}
        rows.append({"augmentation": augmentation, "partition": partition, **shown})
    return pd.DataFrame(rows)


def _pairs(stage: Stage, protocol: str) -> pd.DataFrame:
    """A row per pair: ``pair`` in words, ``difference``, and ``low``, ``high``, ``p``, ``p_holm`` of each unit."""
    table = pd.read_parquet(stage.paths.pairs)
    wide = table[table["protocol"] == protocol].pivot(
        index=["first", "second", "difference"], columns="unit", values=["low", "high", "p", "p_holm"]
    )
    wide.columns = [f"{what}_{unit}" for what, unit in wide.columns]
    order = {name: at for at, name in enumerate([SYSTEMS[PUBLISHED], *NAMES])}
    wide = wide.reset_index().sort_values(["first", "second"], key=lambda names: names.map(order), ignore_index=True)
    named = [f"{second} − {first}" for first, second in zip(wide["first"], wide["second"], strict=True)]
    return wide.assign(pair=named)


def _interval(low: float, high: float) -> str:
    return "–" if pd.isna(low) else f"{low:.1f}–{high:.1f}"


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−")


def _signed_interval(low: float, high: float) -> str:
    return "–" if pd.isna(low) else f"{_signed(low)} to {_signed(high)}"


def _p(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.4f}" if value < 0.001 else f"{value:.3f}"
