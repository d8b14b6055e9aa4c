"""What the corpus and train notebooks show, from what their stages left."""

import json

import pandas as pd

from dslite import audio
from dslite.profiles import TABLE2
from dslite.readings import PAPER
from dslite.reporting.figures import Example
from dslite.stages.corpus.work import AUGMENTATIONS, Stage
from dslite.stages.train.fits import TARGETS


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


def reading(stage: Stage) -> pd.DataFrame:
    """The parameters of the reading that a stage ran with, beside those of the default one."""
    from dslite.paper.ledger import LEDGER

    used = stage.settings.reading
    return pd.DataFrame(
        {"entry": entry.id, "about": entry.title, "parameter": name, "here": used.said(name), "paper": PAPER.said(name)}
        for entry in LEDGER
        for name in entry.parameters
    )


def histories(stage: Stage) -> dict[tuple[str, str], pd.DataFrame]:
    """(augmentation, partition) -> a row per epoch."""
    return {key: stage.history(*key) for key in fitted()}


def fit_records(stage: Stage) -> pd.DataFrame:
    """A row per fit: what it was trained and scored on, and what it took."""
    rows = []
    for key in fitted():
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


def fitted() -> list[tuple[str, str]]:
    """(augmentation, partition that is scored) of every fit, in the paper's order."""
    return [(augmentation, target) for augmentation in AUGMENTATIONS for target in TARGETS]
