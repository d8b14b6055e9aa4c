"""What can be compared with a printed figure at all: everything in which a run is not what the paper did."""

from dslite.profiles import FULL_BACKBONE, TABLE2
from dslite.readings import PAPER, READINGS

_OWN_SPLIT = ("demos", "ravdess")
_AUDIO = {
    "stand-in": "SYNTHETIC stand-in",
    "cropped": "cropped recordings",
    "differing": "other counts or durations than Table 1's",
}


def audio_reasons(data: str) -> list[str]:
    """Why figures of such data cannot be the corpus'; empty for ``real``."""
    return [] if data == "real" else [_AUDIO.get(data, f"data of unknown kind ({data})" if data else "unknown data")]


def score_reasons(corpus: str, row: str, run: dict) -> list[str]:
    """Everything in which a run is not what the paper did; empty if it can be judged.

    Args:
        corpus: whose score it is.
        row: of Table 3 or 4: ``svm`` or an augmentation.
        run: a row of results.csv: ``data``, ``weights``, ``backbone``, ``profile``, ``protocol``, ``reading``,
            ``changed``.
    """
    reasons = audio_reasons(str(run["data"]))
    if run["weights"] != "imagenet":
        reasons.append(f"{run['weights']} weights")
    if isinstance(changed := run.get("changed"), str) and changed:  # read from a CSV, nothing is NaN
        reasons.append(f"changed values ({changed})")
    if run["backbone"] != FULL_BACKBONE:
        reasons.append(f"another base model ({run['backbone']})")
    if row != "svm" and run["profile"] != "full":
        reasons.append(f"the {run['profile']} profile")
    reading = READINGS.get(str(run.get("reading", PAPER.name)), PAPER)
    if row != "svm" and reading.name == "sound":
        reasons.append("the reading sound, which mends what the paper did")
    if row == "svm" and reading.short_files == "drop":
        reasons.append(f"the reading {reading.name}, which leaves short files out")
    if run["protocol"] != protocol(row) and TABLE2[corpus]["chunk"]:  # of whole files both protocols are the same
        reasons.append(f"another protocol ({run['protocol']} files)")
    if corpus in _OWN_SPLIT:
        reasons.append("a split of our own, the paper's is not published")
    return reasons


def setting_reasons(record: dict) -> list[str]:
    """In what a corpus' settings cannot be those of Table 2: base model and profile, and the reading of the paper."""
    # Which audio and which weights were there changes no setting.
    run = record | {"data": "real", "weights": "imagenet", "protocol": protocol("none")}
    reading = [f"the reading {record['reading']}"] if record["reading"] != "paper" else []
    return score_reasons("", "none", run) + reading


def protocol(row: str) -> str:
    """The protocol that a row of Tables 3 and 4 is compared under."""
    return "all" if row == "svm" else "full-chunk"
