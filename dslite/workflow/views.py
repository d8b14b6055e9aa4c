"""What the notebooks of one corpus show, from what its stages left."""

import json

import pandas as pd

from dslite import audio, scoring
from dslite.profiles import TABLE2
from dslite.reporting.figures import Example, Panel
from dslite.reporting.tables import confusion_matrix
from dslite.workflow.fits import TARGETS
from dslite.workflow.stages import AUGMENTATIONS, Stage


def examples(stage: Stage) -> list[Example]:
    """The first chunk of a training file of each class: its samples and its cached spectrogram."""
    from dslite.store import Spectrograms  # imports TensorFlow: only the corpus stage pays for it

    chunks = pd.read_parquet(stage.paths.chunks)
    stored = Spectrograms(stage.paths.spectrograms, chunks)
    rate = stage.record["front_end"]["rate"]
    length = round(stage.settings.recipe.chunk * rate) or None
    train = stage.clips[stage.clips["partition"] == "train"]
    shown = []
    for label in stage.classes:
        file = train.loc[train["label"] == label, "file"].iloc[0]
        samples = audio.load(stage.settings.folder / file, rate)
        first = int(chunks.index[chunks["file"] == file][0])
        wave = audio.cut(samples, length, 1, stage.record["front_end"]["window"])[0]
        shown.append(Example(label, wave, rate, stored.batches([first])[0][1][0]))
    return shown


def mel_frequencies(stage: Stage):
    """Centre frequency of each Mel bin in Hz."""
    from dslite.spectrogram import FrontEnd

    return FrontEnd(**stage.record["front_end"]).mel_frequencies()


def hyperparameters(stage: Stage) -> dict:
    """The corpus' row of Table 2, if it has one, and the row that was used."""
    name, used = stage.settings.name, dict(stage.record["recipe"])
    used["fine_tuned"] = stage.record["trained_layers"]
    return ({(name, "paper"): TABLE2[name]} if name in TABLE2 else {}) | {(name, "here"): used}


def histories(stage: Stage) -> dict[tuple[str, str], pd.DataFrame]:
    """(augmentation, partition) -> a row per epoch."""
    return {key: stage.history(*key) for key in _fits()}


def fit_records(stage: Stage) -> pd.DataFrame:
    """A row per fit: what it was trained and scored on, and what it took."""
    rows = []
    for key in _fits():
        record = json.loads((stage.paths.fit(*key) / "record.json").read_text())
        rows.append(
            {
                "augmentation": record["augmentation"],
                "trained on": " + ".join(record["trained_on"]),
                "chunks": record["chunks_trained_on"],
                "scored on": record["scored_on"],
                "chunks scored": record["chunks_scored"],
                "layers fine-tuned": record["trained_layers"],
                "parameters": record["parameters"],
                "weights": record["weights"],
                "threads": record["threads"],
                "seconds": record["seconds"],
            }
        )
    return pd.DataFrame(rows)


def scores(stage: Stage) -> pd.DataFrame:
    """The corpus' rows of results.csv, for reading."""
    table = pd.read_parquet(stage.paths.scores)
    table["UAR"] = [
        f"{row.uar:.1f} ({row.ci_low:.1f}–{row.ci_high:.1f})" if row.n_files else "no file qualifies (n_files 0)"
        for row in table.itertuples()
    ]
    wide = ["system", "augmentation", "partition", "protocol", "UAR", "n_files", "n_speakers"]
    return table[wide].rename(columns={"n_files": "files", "n_speakers": "speakers"})


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
    for augmentation, partition in _fits():
        table = stage.predictions(augmentation, partition)
        mean = table[[f"p_{name}" for name in stage.classes]].to_numpy().argmax(axis=1)
        other = table.assign(predicted=[stage.classes[i] for i in mean])
        decided = {stage.settings.reading.decision: table, "mean": other}
        uar = {how: scoring.score(t, stage.classes, "all", stage.settings.seed)["uar"] for how, t in decided.items()}
        shown = {scoring.DECISIONS[how]: f"{value:.1f}" for how, value in uar.items()}
        rows.append({"augmentation": augmentation, "partition": partition, **shown})
    return pd.DataFrame(rows)


def _fits() -> list[tuple[str, str]]:
    return [(augmentation, target) for augmentation in AUGMENTATIONS for target in TARGETS]
