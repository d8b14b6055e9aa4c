"""What the pages ``deploy`` and ``benchmark`` show, from what their stages left."""

from itertools import combinations

import pandas as pd

from dslite.deployment import latency
from dslite.deployment.quantisation import VARIANTS
from dslite.paper import published
from dslite.scoring import DECISIONS
from dslite.workflow.benchmarking import Benchmark
from dslite.workflow.stages import Stage

TITLES = {"keras": "Keras"} | {name: variant.title for name, variant in VARIANTS.items()}
PARTS = {"whole": "whole", "front end": "front end", "cnn": "CNN and head"}


def _read(stage: Stage, name: str) -> pd.DataFrame:
    return pd.read_parquet(stage.paths.deploy(f"{name}.parquet"))


# deploy ---------------------------------------------------------------------------------------------------------------


def gate(stage: Stage) -> pd.DataFrame:
    """A row per variant: its file, whether it is offered, and why not."""
    table = _read(stage, "variants").query("model != 'keras'")
    return pd.DataFrame(
        {
            "variant": table["model"].map(TITLES),
            "file": [f"{m}.tflite" if ok else "" for m, ok in zip(table["model"], table["offered"], strict=True)],
            "MB": table["bytes"] / 1e6,
            "same decision on dev (%)": table.get("agreement"),
            "largest difference": table.get("difference"),
            "offered": ["yes" if offered else "no" for offered in table["offered"]],
            "why not": table["reason"],
        }
    )


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
    """What :func:`dslite.reporting.deployment.variants` draws."""
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


def table5(bench: Benchmark) -> tuple[dict, dict]:
    """Columns of Table 5 as measured and as printed, for :func:`dslite.reporting.deployment.table5_html`."""
    rows = bench.table.set_index(["model", "part", "threads"])
    threads, models = bench.record["timing_threads"], ["keras", *VARIANTS]
    ours = {}
    for model, part in [("float32", "front end"), *((model, "whole") for model in models)]:
        if (model, part, threads[0]) not in rows.index:
            continue
        column, first = {}, rows.loc[(model, part, threads[0])]
        for number in threads:
            row, on = rows.loc[(model, part, number)], f"{number} thread{'s' if number > 1 else ''}"
            column[f"Time, {on} [ms]"] = f"{row['p50_ms']:.1f}"
            column[f"10 % to 90 % of runs, {on} [ms]"] = f"{row['p10_ms']:.1f}–{row['p90_ms']:.1f}"
            if number > 1:
                column[f"Speed-up of {on} over 1"] = f"{row['speed_up']:.2f}"
        if part == "whole":
            column["Multiply-accumulates"] = f"{first['macs'] / 1e9:.2f} G"
            column["Parameters"] = f"{first['parameters'] / 1e6:.2f} M"
            column["Peak memory of the process [MB]"] = f"{first['peak_mb']:.0f}"
            column["of it for the model [MB]"] = f"{first['model_mb']:.0f}"
            column["Model size [MB]"] = f"{first['bytes'] / 1e6:.1f}"
        ours["Preprocessing" if part == "front end" else _HEADS.get(model) or f"TF Lite, {TITLES[model]}"] = column
    return ours, {p["name"]: _printed(p, threads[-1]) for p in published.TABLE5.values()}


_HEADS = {"keras": "TensorFlow"}


def _printed(p: dict, threads: int) -> dict[str, str]:
    on = f"{threads} thread{'s' if threads > 1 else ''}"
    found = {f"Time, {on} [ms]": f"{p['time_ms']:.1f} (mean, 4 threads)"}
    if p["name"].endswith("phone"):
        found = {f"Time, {on} [ms]": f"{p['time_ms']:.1f} (mean)"}
    if "flops_g" in p:
        found["Multiply-accumulates"] = f"{p['flops_g']} G “FLOPs”"
    if "parameters_m" in p:
        found["Parameters"] = f"{p['parameters_m']} M"
    size = p["size_mb"]
    return found | {"Peak memory of the process [MB]": f"{p['memory_mb']} (mean)", "Model size [MB]": f"{size}"}


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


def made(bench: Benchmark) -> pd.DataFrame:
    """A row per variant of the benchmarked model: its size, and whether it passed."""
    table = bench.gate
    return pd.DataFrame(
        {
            "variant": table["model"].map(TITLES),
            "MB": table["bytes"] / 1e6,
            "passed": ["yes" if offered else "no" for offered in table["offered"]],
            "why not": table["reason"],
        }
    )


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
