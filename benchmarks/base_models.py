"""Whether each base model does all that one must, and what it costs: the table of docs/base_models.md.

    python -m benchmarks.base_models [NAME ...]

Weights are random: costs do not depend on them, and accuracy is not measured. Each base model is looked at in a process
of its own and trained for an epoch of each phase in another, one after another, with one thread and limited memory.
Rows of those that are not named stay as they were.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.phases import made_up
from dslite.backbones import base_model, names
from dslite.deployment import LiteModel, gate, latency, offer
from dslite.deployment.latency import interleaved
from dslite.keras_defaults import graph, keras, tf
from dslite.layout.records import hardware
from dslite.model import Head, assemble, base_of, load_model
from dslite.network import Backbone, count_trained, folded, load_backbone, macs, split, train_last
from dslite.profiles import TABLE2
from dslite.profiles import recipe as recipe_of
from dslite.spectrogram import MelPlot
from dslite.stages.benchmark.work import CLASSES, HEAD, RATE, untrained
from dslite.training import Examples, Trainer

GIBIBYTES, ROUNDS, PICTURES = 14, 9, 8
MOST_TRAINED = max(row["share"] for row in TABLE2.values())
VARIANTS = ("float32", "int8")
SAME = 1e-4
"""Largest difference, as a share of the largest feature, that rounding may make of a network that is cut in two."""

_PAGE = Path(__file__).parents[1] / "docs/base_models.md"
_TABLE = re.compile(r"(?<=<!-- table of python -m benchmarks.base_models -->\n).*?(?=<!-- end of table -->)", re.DOTALL)
_HEADS = ("base model", "parameters, M", "multiply-accumulates, G", "frozen, ms per plot", "float32, MB", "int8, MB",
          "float32, ms per s", "int8, ms per s", "training, GiB", "not exported, and why", "measured")  # fmt: skip


def wrong_as_network(net: keras.Model) -> list[str]:
    """What is wrong with a base model as training uses it: its features, and its two parts when it is fine-tuned.

    Returns:
        Sentences without a full stop; empty if nothing is wrong.
    """
    layers = len(net.layers)
    last = count_trained(layers, HEAD.share, "last")
    train_last(net, last)  # which raises if others are trained than should be
    pictures = np.random.default_rng(0).uniform(-1, 1, (1, *net.input_shape[1:])).astype(np.float32)
    whole = net(pictures, training=False).numpy()
    stem, tail = (folded(part) for part in split(net, last))
    off = np.abs(tail(stem(pictures, training=False), training=False).numpy() - whole).max() / np.abs(whole).max()
    found = {
        f"its features are not finite or not {net.output_shape[-1]}": not np.isfinite(whole).all()
        or whole.shape != (1, *net.output_shape[1:])
        or not whole.std() > 0,
        f"cut before its last {last} of {layers} layers it differs by {off:.1e} of its largest feature": not off < SAME,
    }
    return [what for what, true in found.items() if true]


def exported(name: str, samples: int, folder: Path) -> tuple[keras.Model, offer.Made, list[str]]:
    """A base model with a head, saved, loaded and made into files that take ``samples`` samples.

    Returns:
        The base model; its files and what the gate found; and what else is wrong, as sentences without a full stop.
    """
    base = base_model(name)
    net = base_of(untrained(name, seed=0))
    head = Head(HEAD.units, len(CLASSES), HEAD.dropout, standardise=True, name="head")
    model = assemble(MelPlot(name="plot"), Backbone(name, net, base.scale, base.offset, "random", ""), head)
    sounds = np.stack(list(gate.probes(samples, seed=0).values()))
    _settle(net, keras.Model(model.input, model.get_layer("normalise").output)(sounds))
    # Standardised, or features of random weights leave no doubt of a class, whatever becomes of them.
    head.scale_to(keras.Model(model.input, model.get_layer("pool").output)(sounds).numpy())
    said = model(sounds).numpy()
    wrong = [] if np.ptp(said) > 0.05 else ["it says the same of all sounds"]
    model.save(folder / "model.keras")
    if not np.array_equal(load_model(folder / "model.keras")(sounds), said):
        wrong.append("saved and loaded it says something else")
    about = {"note": "untrained"}
    made = offer.make(model, CLASSES, samples, sounds, sounds, about, seed=0, variants=VARIANTS)
    if "float32" in made.contents:
        off = np.abs(LiteModel(made.contents["float32"])(sounds) - said).max()
        if not off < gate.SAME_NETWORK:
            wrong.append(f"the float32 file's probabilities differ from Keras' by {off:.1e}")
    return net, made, wrong


def _settle(net: keras.Model, pictures) -> None:
    """Gives batch normalisations the statistics of what passes them, as if trained: else all pictures look alike."""
    norms = [layer for layer in net.layers if isinstance(layer, keras.layers.BatchNormalization)]
    kept = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 0.0
    net(pictures, training=True)
    for layer, momentum in zip(norms, kept, strict=True):
        layer.momentum = momentum


def row(name: str) -> dict[str, str]:
    """Looks at one base model: a cell of the table per column."""
    samples = round(HEAD.chunk * RATE)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        net, made, wrong = exported(name, samples, folder)
        if wrong := wrong + wrong_as_network(net):
            raise SystemExit(f"{name}: {'; '.join(wrong)}.")
        kept = {variant: made.contents[variant] for variant in VARIANTS if not made.wrong[variant]}
        for variant, content in kept.items():
            (folder / f"{variant}.tflite").write_bytes(content)
        times = latency.summary(latency.measure(folder, samples, 1, ROUNDS)) if kept else None
    cells = [base_model(name).title, net.count_params() / 1e6, macs(net) / 1e9, 1e3 * _frozen(net)]
    cells += [len(kept[variant]) / 1e6 if variant in kept else None for variant in VARIANTS]
    for variant in VARIANTS:
        # Not the median: whatever else this machine does meanwhile only adds to a time.
        whole = times.query("model == @variant and part == 'whole'")["p10_ms"] if variant in kept else None
        cells.append(whole.iloc[0] / HEAD.chunk if variant in kept else None)
    cells.append(None)  # of another process
    cells.append("; ".join(f"{variant}: {', '.join(why)}" for variant, why in made.wrong.items() if why))
    cells.append(f"{date.today()}, {hardware()}")
    return dict(zip(_HEADS, map(_cell, cells), strict=True))


def trained(name: str) -> str:
    """GiB at most that this process needed to train one, for an epoch of each phase with both augmentations, batches of
    32 plots and the largest share of layers that Table 2 trains."""
    stored, whole = made_up()
    plan = replace(recipe_of("ravdess", "full"), epochs=(1, 1), share=MOST_TRAINED)
    trainer = Trainer(stored, load_backbone(name, seed=0), int(whole.labels.max()) + 1, plan)
    chunks = whole.train[: 2 * plan.batch]
    examples = Examples(chunks, chunks[:1], whole.labels, whole.files)
    trainer.fit(examples, trainer.extract(chunks), "both", seed=0, dev=False)
    return _cell(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)


def _frozen(net: keras.Model) -> float:
    """Seconds of one picture in a batch through the network as training runs it, with one thread."""
    body = folded(net)
    run = graph(lambda pictures: body(pictures, training=False), tf.TensorSpec([None, *net.input_shape[1:]]))
    pictures = tf.random.stateless_uniform([PICTURES, *net.input_shape[1:]], [0, 0], -1, 1)
    return min(interleaved({"run": lambda: run(pictures).numpy()}, ROUNDS)["run"]) / PICTURES


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if value < 100 else f"{value:.0f}"
    return "" if value is None else str(value)


_ASKED = {"cost": row, "memory": trained}


def with_rows(page: str, rows: dict[str, dict[str, str]]) -> str:
    """A page of Markdown with some rows of its table made anew, in the order of the base models' titles."""
    lines = re.findall(r"^\| (.*) \|$", _TABLE.search(page)[0], re.M)[2:]
    old = {cells[0]: cells for cells in (line.split(" | ") for line in lines)}
    new = {told[_HEADS[0]]: list(told.values()) for told in rows.values()}
    table = [list(_HEADS), ["---"] * len(_HEADS), *(cells for _, cells in sorted((old | new).items()))]
    return _TABLE.sub(lambda _: "\n" + "\n".join(f"| {' | '.join(cells)} |" for cells in table) + "\n\n", page)


def main(arguments: Sequence[str] | None = None, page: Path = _PAGE) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.base_models", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(names())} (default: all)")
    parser.add_argument("--one", choices=_ASKED, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.one:
        resource.setrlimit(resource.RLIMIT_AS, (GIBIBYTES << 30, GIBIBYTES << 30))
        tf.config.threading.set_inter_op_parallelism_threads(1)
        print(json.dumps(_ASKED[chosen.one](*chosen.names)))
        return
    one_thread = os.environ | dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"), "1")
    for name in chosen.names or names():
        answers = []
        for asked in _ASKED:
            command = [sys.executable, "-m", "benchmarks.base_models", "--one", asked, name]
            done = subprocess.run(command, env=one_thread, stdout=subprocess.PIPE, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"{name}: {asked} ended with exit code {done.returncode}; its row stays as it was.")
            answers.append(json.loads(done.stdout.splitlines()[-1]))
        told = answers[0] | {"training, GiB": answers[1]}
        page.write_text(with_rows(page.read_text("utf-8"), {name: told}), "utf-8")
        print(told, flush=True)


if __name__ == "__main__":
    main()
