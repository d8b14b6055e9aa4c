"""What the page ``benchmark`` shows, from what its stage left: Table 5."""

import pandas as pd

from dslite.paper import published
from dslite.profiles import FULL_BACKBONE
from dslite.reporting import variants
from dslite.reporting.sheets import PRINTED, Cell, Sheet
from dslite.stages.benchmark.work import Benchmark
from dslite.wording import counted


def table5_sheet(bench: Benchmark, caption: str = "Table 5, measured and published") -> Sheet:
    """Table 5 in the paper's form, with a footnote for everything that cannot be compared."""
    columns, printed = table5(bench)
    hardware = bench.record.get("hardware")
    other = f"other hardware ({hardware})" if hardware else "other hardware"
    shared = [other] + ([f"another base model ({bench.backbone})"] if bench.backbone != FULL_BACKBONE else [])
    chunk = f"{bench.record['samples'] / bench.record['rate']:g} s"
    note = (
        f"One chunk of {chunk}; untrained, its weights random on purpose: what a chunk costs does not depend on them. "
        f"{variants.noise_in_words(bench.timings)} {variants.refused(bench.gate)} "
        "Agreement with Keras on dev files, which the gate asks of trained models, was not."
    )
    fullest_first = sorted(columns.values(), key=len, reverse=True)
    costs = list(dict.fromkeys(cost for column in fullest_first for cost in column))
    looks = {key: f"ds-number {PRINTED}" if key in printed else "ds-number" for key in columns}
    which = (Cell(key[1], looks[key], () if key in printed else tuple(shared)) for key in columns)
    heads = [[Cell(), *(Cell(model) for model, _ in columns)], [Cell(), *which]]
    rows = [
        [Cell(cost, reasons=_REASONS.get(cost, ())),
         *(Cell(column.get(cost, "–"), looks[key]) for key, column in columns.items())]
        for cost in costs
    ]  # fmt: skip
    return Sheet(caption, heads, rows, 1, note=note, look="ds-wide ds-costs")


def table5(bench: Benchmark) -> tuple[dict, list]:
    """Columns of Table 5, each printed one after those measured of the same kind, and the keys of the printed ones."""
    columns = {("Preprocessing", "here"): _cost(bench, "float32", "front end")}
    columns[_PRINTED["preprocessing"]] = _as_printed("preprocessing")
    columns["TensorFlow", "here"] = _cost(bench, "keras", "whole")
    columns[_PRINTED["tensorflow"]] = _as_printed("tensorflow")
    for name in bench.gate.loc[bench.gate["offered"], "model"]:
        columns["TF Lite", variants.TITLES[name]] = _cost(bench, name, "whole")
    columns |= {_PRINTED[key]: _as_printed(key) for key in ("tflite", "phone")}
    return columns, list(_PRINTED.values())


_PRINTED = {
    "preprocessing": ("Preprocessing", "paper"),
    "tensorflow": ("TensorFlow", "paper"),
    "tflite": ("TF Lite", "paper, laptop"),
    "phone": ("TF Lite", "paper, phone"),
}
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
        on = counted(number, "thread")
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
