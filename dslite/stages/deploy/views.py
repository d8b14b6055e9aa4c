"""What the page ``deploy`` shows, from what its stage left."""

import pandas as pd

from dslite.configurations import CONFIGURATIONS
from dslite.deployment import latency
from dslite.layout.finished import FinishedStage
from dslite.reporting import ablations, variants
from dslite.scoring import DECISIONS
from dslite.tasks import Task


def gate(stage: FinishedStage) -> pd.DataFrame:
    """A row per variant: its file, if it is offered, and what it is like."""
    table = stage.table("variants").query("model != 'keras'")
    files = [f"{m}.tflite" if ok else "not offered" for m, ok in zip(table["model"], table["offered"], strict=True)]
    decided = {"same decision (%)": table.get("agreement")} if stage.classes else {}
    return pd.DataFrame(
        {
            "variant": table["model"].map(variants.TITLES),
            "file": files,
            "MB": table["bytes"] / 1e6,
            **decided,
            "largest difference": table.get("difference"),
            f"{stage.task.score}, less Keras'": _lost(table, stage.task),
        }
    )


def _lost(table: pd.DataFrame, task: Task) -> list[str]:
    rows = table.reindex(columns=["lost", "lost_low", "lost_high"]).itertuples(index=False)
    said = ((lost, ablations.interval(low, high, task)) for lost, low, high in rows)
    return ["–" if pd.isna(lost) else f"{task.apart(lost)} ({between})" for lost, between in said]


def flips(stage: FinishedStage) -> tuple[pd.DataFrame, str]:
    """The test files that a variant decides otherwise than Keras, those with the largest lead first; of numbers those
    with the largest differences. With its title."""
    title = "Test files decided otherwise than by Keras"
    table = stage.table("flips")
    if table.empty:
        return pd.DataFrame(), title
    table["model"] = table["model"].map(variants.TITLES)
    names = {"model": "variant", "file": "file", "label": "label", "keras": "Keras", "variant": "the file"}
    if not stage.classes:
        title = "Test files on which variants lie farthest from Keras, in the unit of the label"
        names["difference"] = "differ by"
    else:
        table = table.sort_values("lead", ascending=False)
        table["same"] = table["same"].map({True: "yes", False: "no"})
        names |= {"lead": "Keras' lead", "difference": "largest difference", "same": "tie"}
    return table[list(names)].rename(columns=names), title


def refused(stage: FinishedStage) -> str:
    """Which variants did not pass the gate, and why."""
    return variants.refused(stage.table("variants").query("model != 'keras'"))


def scores(stage: FinishedStage) -> pd.DataFrame:
    """Scores on test of Keras and of every variant that runs, on the same chunks."""
    task = stage.task
    table = stage.table("variants").dropna(subset=task.column)
    rows = table[[task.column, "ci_low", "ci_high"]].itertuples(index=False)
    scored = [f"{task.said(score)} ({task.interval(low, high)})" for score, low, high in rows]
    return pd.DataFrame(
        {
            "variant": table["model"].map(variants.TITLES),
            task.score: scored,
            "files": table["n_files"].astype(int),
            "offered": ["–" if m == "keras" else "yes" if ok else "no" for m, ok in
                        zip(table["model"], table["offered"], strict=True)],
        }
    )  # fmt: skip


def drawn(stage: FinishedStage) -> str:
    """How many draws the intervals here and at the gate are from, in words."""
    return ablations.drawn(stage.settings.draws, stage.settings.paired_draws)


def picture(stage: FinishedStage) -> tuple[pd.DataFrame, pd.DataFrame, Task]:
    """What :func:`dslite.stages.deploy.figures.cost_and_score` draws."""
    table, timings = stage.table("variants"), stage.table("latency")
    times = latency.summary(timings) if len(timings) else pd.DataFrame(columns=["model", "part", "p10_ms"])
    times = times[times["part"] == "whole"].assign(title=times["model"].map(variants.TITLES))
    wanted = ["title", "p10_ms", "p50_ms", "p90_ms"]
    named = table.assign(title=table["model"].map(variants.TITLES))
    return named, times.reindex(columns=wanted).dropna(subset="title"), stage.task


def times(stage: FinishedStage) -> pd.DataFrame:
    """Latency of every offered variant, whole and in its two parts, with one thread."""
    timings = stage.table("latency")
    return variants.times(timings) if len(timings) else pd.DataFrame()


def ranks(stage: FinishedStage) -> pd.DataFrame:
    """Which of two variants is faster, as far as the noise floor lets one say."""
    timings = stage.table("latency")
    return variants.ranking(timings) if len(timings) else pd.DataFrame()


def noise(stage: FinishedStage) -> str:
    """The noise floor in words."""
    timings = stage.table("latency")
    return variants.noise_in_words(timings) if len(timings) else "No variant was offered, so none was timed."


def streaming(stage: FinishedStage) -> pd.DataFrame:
    """What a long file made of test clips took, streamed through every offered variant."""
    table = stage.table("streaming")
    if table.empty:
        return table
    names = {"audio_s": "audio (s)", "windows": "windows", "seconds": "took (s)", "factor": "real-time factor"}
    return table.assign(variant=table["model"].map(variants.TITLES)).rename(columns=names)[["variant", *names.values()]]


def contract(stage: FinishedStage) -> pd.DataFrame:
    """What goes into a file and what comes out of it."""
    record = stage.record
    decision = stage.settings.reading.decision
    whole = " (the median of the training files: this model was trained on whole files)"
    samples, rate, classes = record["samples"], record["rate"], record["classes"]
    levelled = "any: each chunk is brought to its own peak inside"
    decided = DECISIONS[decision] if stage.classes else "mean of what is said of them"
    output = f"probabilities, float32 (1, {len(classes)}), in this order: {', '.join(classes)}"
    output = output if stage.classes else "value, float32 (1, 1): the number, in the unit of the label"
    rest = ", with a last one that ends with the file" if stage.settings.reading.remainder == "overlap" else ""
    rows = {
        "trained with": f"{CONFIGURATIONS[record['augmentation']].title}, which is best on dev; on train + dev",
        "input": f"waveform, float32 (1, {samples}): {samples / rate:g} s of mono audio at {rate:,} Hz"
        f"{whole if record['whole_files'] else ''}",
        "level": levelled if record["front_end"]["normalise"] else "as in training: no chunk is normalised inside",
        "shorter audio": "repeat it until it is long enough, as in training; do not pad it with zeros",
        "longer audio": f"cut it into chunks, half a chunk apart{rest}, and take the {decided}",
        "output": output,
        "inside": "Mel spectrogram, colour map, resize, CNN, head; built-in operators only",
    }
    return pd.DataFrame({"what": list(rows), "is": list(rows.values())})
