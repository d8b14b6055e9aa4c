"""What the pages ``deploy`` and ``benchmark`` show, from what their stages left."""

from itertools import combinations

import pandas as pd

from dslite.deployment import latency
from dslite.deployment.quantisation import VARIANTS
from dslite.paper import published, verdicts
from dslite.reporting.sheets import Sheet
from dslite.scoring import DECISIONS
from dslite.stages.benchmark.work import Benchmark
from dslite.stages.corpus.work import Stage
from dslite.stages.deploy import figures as deployment

TITLES = {"keras": "Keras"} | {name: variant.title for name, variant in VARIANTS.items()}
PARTS = {"whole": "whole", "front end": "front end", "cnn": "CNN and head"}


def _read(stage: Stage, name: str) -> pd.DataFrame:
    return pd.read_parquet(stage.paths.deploy(f"{name}.parquet"))


# deploy ---------------------------------------------------------------------------------------------------------------


def gate(stage: Stage) -> pd.DataFrame:
    """A row per variant: its file, if it is offered, and what it is like."""
    table = _read(stage, "variants").query("model != 'keras'")
    files = [f"{m}.tflite" if ok else "not offered" for m, ok in zip(table["model"], table["offered"], strict=True)]
    return pd.DataFrame(
        {
            "variant": table["model"].map(TITLES),
            "file": files,
            "MB": table["bytes"] / 1e6,
            "same decision on dev (%)": table.get("agreement"),
            "largest difference": table.get("difference"),
        }
    )


def refused(stage: Stage) -> str:
    """Which variants did not pass the gate, and why."""
    return _refused(_read(stage, "variants").query("model != 'keras'"))


def _refused(table: pd.DataFrame) -> str:
    wrong = [f"{TITLES[row.model]}: {row.reason}." for row in table.itertuples() if not row.offered]
    return f"Not offered: {' '.join(wrong)}" if wrong else "All variants passed."


def scores(stage: Stage) -> pd.DataFrame:
    """UAR on test of Keras and of every variant that runs, on the same chunks."""
    table = _read(stage, "variants").dropna(subset="uar")
    uar = [f"{row.uar:.1f} ({row.ci_low:.1f}–{row.ci_high:.1f})" for row in table.itertuples()]
    return pd.DataFrame(
        {
            "variant": table["model"].map(TITLES),
            "UAR": uar,
            "files": table["n_files"].astype(int),
            "offered": ["–" if m == "keras" else "yes" if ok else "no" for m, ok in
                        zip(table["model"], table["offered"], strict=True)],
        }
    )  # fmt: skip


def picture(stage: Stage) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What :func:`dslite.stages.deploy.figures.variants` draws."""
    table, timings = _read(stage, "variants"), _read(stage, "latency")
    times = latency.summary(timings) if len(timings) else pd.DataFrame(columns=["model", "part", "p10_ms"])
    times = times[times["part"] == "whole"].assign(title=times["model"].map(TITLES))
    wanted = ["title", "p10_ms", "p50_ms", "p90_ms"]
    return table.assign(title=table["model"].map(TITLES)), times.reindex(columns=wanted).dropna(subset="title")


def times(stage: Stage) -> pd.DataFrame:
    """Latency of every offered variant, whole and in its two parts, with one thread."""
    timings = _read(stage, "latency")
    return _times(timings) if len(timings) else pd.DataFrame()


def ranks(stage: Stage) -> pd.DataFrame:
    """Which of two variants is faster, as far as the noise floor lets one say."""
    timings = _read(stage, "latency")
    return ranking(timings) if len(timings) else pd.DataFrame()


def noise(stage: Stage) -> str:
    """The noise floor in words."""
    timings = _read(stage, "latency")
    return noise_in_words(timings) if len(timings) else "No variant was offered, so none was timed."


def streaming(stage: Stage) -> pd.DataFrame:
    """What a long file made of test clips took, streamed through every offered variant."""
    table = _read(stage, "streaming")
    if table.empty:
        return table
    return pd.DataFrame(
        {
            "variant": table["model"].map(TITLES),
            "audio (s)": table["audio_s"],
            "windows": table["windows"],
            "took (s)": table["seconds"],
            "real-time factor": table["factor"],
        }
    )


def contract(stage: Stage) -> pd.DataFrame:
    """What goes into a file and what comes out of it."""
    record = stage.record
    seconds, decision = record["samples"] / record["rate"], stage.settings.reading.decision
    whole = (
        " (the median of the training files: this model was trained on whole files)" if record["whole_files"] else ""
    )
    samples, rate, classes = record["samples"], record["rate"], record["classes"]
    levelled = "any: each chunk is brought to its own peak inside"
    rows = {
        "input": f"waveform, float32 (1, {samples}): {seconds:g} s of mono audio at {rate:,} Hz{whole}",
        "level": levelled if record["front_end"]["normalise"] else "as in training: no chunk is normalised inside",
        "shorter audio": "repeat it until it is long enough, as in training; do not pad it with zeros",
        "longer audio": f"cut it into chunks, half a chunk apart, and take the {DECISIONS[decision]}",
        "output": f"probabilities, float32 (1, {len(classes)}), in this order: {', '.join(classes)}",
        "inside": "Mel spectrogram, colour map, resize, CNN, head; built-in operators only",
    }
    return pd.DataFrame({"what": list(rows), "is": list(rows.values())})


# benchmark ------------------------------------------------------------------------------------------------------------


def table5_sheet(bench: Benchmark, caption: str = "Table 5, measured and published") -> Sheet:
    """Table 5 in the paper's form, with a footnote for everything that cannot be compared."""
    columns, printed = table5(bench)
    rests = bench.record
    other = f"other hardware ({rests['hardware']})" if rests.get("hardware") else "other hardware"
    shared = [other] + ([f"another base model ({bench.backbone})"] if bench.backbone != verdicts.DENSENET else [])
    chunk = f"{bench.record['samples'] / bench.record['rate']:g} s"
    note = (
        f"One chunk of {chunk}; untrained, its weights random on purpose: what a chunk costs does not depend on them. "
        f"{noise_in_words(bench.timings)} {made(bench)}"
    )
    return deployment.table5_sheet(columns, printed, caption, note, _REASONS, shared)


def table5(bench: Benchmark) -> tuple[dict, list]:
    """Columns of Table 5, each printed one after those measured of the same kind, and the keys of the printed ones."""
    printed = {key: (kind, name) for key, kind, name in _PRINTED}
    columns = {("Preprocessing", "here"): _cost(bench, "float32", "front end")}
    columns[printed["preprocessing"]] = _as_printed("preprocessing")
    columns["TensorFlow", "here"] = _cost(bench, "keras", "whole")
    columns[printed["tensorflow"]] = _as_printed("tensorflow")
    for name in bench.gate.loc[bench.gate["offered"], "model"]:
        columns["TF Lite", TITLES[name]] = _cost(bench, name, "whole")
    columns |= {printed[key]: _as_printed(key) for key in ("tflite", "phone")}
    return columns, list(printed.values())


_PRINTED = (
    ("preprocessing", "Preprocessing", "paper"),
    ("tensorflow", "TensorFlow", "paper"),
    ("tflite", "TF Lite", "paper, laptop"),
    ("phone", "TF Lite", "paper, phone"),
)
_MEAN, _MACS, _PARAMETERS = "Mean of 50 runs [ms]", "Multiply-accumulates", "Parameters"
_MEMORY, _SIZE = "Peak memory [MB]", "Size [MB]"
_REASONS = {
    _MEAN: (
        "the paper prints means; ours are percentiles, above",
        "the paper's preprocessing takes 1 s of audio and is left out of its TF Lite columns; "
        "ours takes the whole chunk and is inside every file",
    ),
    _MACS: ("the paper does not say what its FLOPs count",),
    _MEMORY: ("the paper prints a mean and does not say how it was taken; ours is the peak of a fresh process",),
    _SIZE: (
        "the paper's TensorFlow size is that of a file with the optimiser's state (F-30), ours is without; "
        "its preprocessing is a file apart",
    ),
}


def _cost(bench: Benchmark, model: str, part: str) -> dict[str, str]:
    table = bench.table.query("model == @model and part == @part").set_index("threads")
    column = {}
    for number, row in table.iterrows():
        on = f"{number} thread{'s' if number > 1 else ''}"
        column[f"p50, {on} [ms]"] = f"{row['p50_ms']:.1f}"
        column[f"p10–p90, {on} [ms]"] = f"{row['p10_ms']:.1f}–{row['p90_ms']:.1f}"
        if number > 1:
            column[f"Speed-up of {on}"] = f"{row['speed_up']:.2f}"
    column[_MEAN] = "–"
    if part == "whole":
        row = table.iloc[0]
        column[_MACS] = f"{row['macs'] / 1e9:.2f} G"
        column[_PARAMETERS] = f"{row['parameters'] / 1e6:.2f} M"
        column[_MEMORY] = f"{row['peak_mb']:.0f}"
        column["of it the model's [MB]"] = f"{row['model_mb']:.0f}"
        column[_SIZE] = f"{row['bytes'] / 1e6:.1f}"
    return column


def _as_printed(key: str) -> dict[str, str]:
    p = published.TABLE5[key]
    found = {_MEAN: f"{p['time_ms']:.1f}", _MEMORY: f"{p['memory_mb']}", _SIZE: f"{p['size_mb']}"}
    if "flops_g" in p:
        found[_MACS] = f"{p['flops_g']} G “FLOPs”"
    if "parameters_m" in p:
        found[_PARAMETERS] = f"{p['parameters_m']} M"
    return found


def sizes(bench: Benchmark) -> pd.DataFrame:
    """The two sizes of the same network in Keras beside TF Lite's, here and in the paper (ledger F-30)."""
    whole = bench.table[bench.table["part"] == "whole"].drop_duplicates("model").set_index("model")
    keras, lite = whole.loc["keras"], whole.loc["float32", "bytes"]
    printed = published.TABLE5
    rows = {
        ("HDF5 with AdaDelta's state", "here"): keras["bytes_with_optimiser"],
        ("HDF5 with AdaDelta's state", "paper"): 1e6 * printed["tensorflow"]["size_mb"],
        ("HDF5, weights alone", "here"): keras["bytes"],
        ("TF Lite float32", "here"): lite,
        ("TF Lite float32", "paper"): 1e6 * printed["tflite"]["size_mb"],
    }
    frame = pd.DataFrame({"MB": {key: value / 1e6 for key, value in rows.items()}})
    base = {"here": lite, "paper": 1e6 * printed["tflite"]["size_mb"]}
    frame["times TF Lite"] = [value / base[source] for (_, source), value in rows.items()]
    return frame


def parts(bench: Benchmark) -> pd.DataFrame:
    """Front end and CNN apart, and the front end's share."""
    return _times(bench.timings)


def made(bench: Benchmark) -> str:
    """Whether the benchmarked variants passed what the gate asks of a model without a corpus."""
    return f"{_refused(bench.gate)} Agreement with Keras on dev files, which the gate asks of trained models, was not."


def _times(timings: pd.DataFrame) -> pd.DataFrame:
    table = latency.summary(timings).query("model in @TITLES")
    table = table.assign(model=pd.Categorical(table["model"], list(TITLES)), part=pd.Categorical(table["part"], PARTS))
    table = table.sort_values(["threads", "model", "part"])
    share = [
        100 * latency.ratio(timings, (row.model, "front end"), (row.model, "whole"), row.threads)
        if row.part == "front end" else None
        for row in table.itertuples()
    ]  # fmt: skip
    return pd.DataFrame(
        {
            "model": table["model"].map(TITLES).astype(str),
            "part": table["part"].map(PARTS).astype(str),
            "threads": table["threads"],
            "p10 (ms)": table["p10_ms"],
            "p50 (ms)": table["p50_ms"],
            "p90 (ms)": table["p90_ms"],
            "share of the whole (%)": share,
        }
    )


def ranking(timings: pd.DataFrame) -> pd.DataFrame:
    """Every pair of models, whole, per number of threads: the ratio of their times in the same round, and what it says.

    A pair whose median ratio lies no farther from 1 than the noise floor is not ranked.
    """
    rows = []
    for threads, part in timings[timings["part"] == "whole"].groupby("threads"):
        floor = latency.noise_floor(part)
        there = [name for name in TITLES if name in set(part["model"])]
        for one, other in combinations(there, 2):
            ratio = latency.ratio(part, (other, "whole"), (one, "whole"), threads)
            faster = TITLES[other] if ratio < 1 else TITLES[one]
            said = "inside the noise floor: not ranked" if abs(ratio - 1) <= floor else f"{faster} is faster"
            rows.append((f"{TITLES[other]} / {TITLES[one]}", threads, ratio, said))
    return pd.DataFrame(rows, columns=["pair", "threads", "ratio of times", "what it says"])


def noise_in_words(timings: pd.DataFrame) -> str:
    """How far two timings of the same float32 file in the same round lie apart."""
    floors = [
        f"{100 * latency.noise_floor(part):.1f} % with {threads} thread{'s' if threads > 1 else ''}"
        for threads, part in timings.groupby("threads")
    ]
    return f"Noise floor, from timing the float32 file twice in every round: {', '.join(floors)}."
