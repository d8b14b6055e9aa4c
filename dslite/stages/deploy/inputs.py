"""What an exported file takes, is calibrated on and says of itself."""

from dslite.layout.finished import FinishedStage

CALIBRATION = {"demo": 30, "full": 100, "tuned": 100}
"""Profile -> training chunks that the full int8 variant is calibrated on."""


def chunk_samples(stage: FinishedStage, rate: int) -> int:
    """Length of the waveform that the exported files take, in samples at ``rate`` Hz.

    The chunk that the model was trained on; where it was trained on whole files, the median duration of a training
    file, rounded to a tenth of a second.
    """
    train = stage.clips.loc[stage.clips["partition"] == "train", "duration"]
    return round((stage.settings.recipe.chunk or max(0.1, round(float(train.median()), 1))) * rate)


def about(stage: FinishedStage, seconds: float) -> dict:
    """What a file's card says of the model, for people."""
    whole = "" if stage.settings.recipe.chunk else "; trained on whole files, this is the median of the training files"
    keep = ("corpus", "data", "note", "backbone", "weights", "profile", "reading", "seed")
    return {
        **{name: stage.record[name] for name in keep if stage.record.get(name)},
        **({} if stage.classes else {"task": "regression: the output is a number in the unit of the label"}),
        "augmentation": stage.chosen,
        "trained_on": "train + dev",
        "chunk": f"{seconds:g} s{whole}",
        "decision": stage.settings.reading.decision,
        "remainder": stage.settings.reading.remainder,
    }
