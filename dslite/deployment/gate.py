"""What a converted file must stand before it is offered. Converters fail in silence: small files full of NaN."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from ai_edge_litert import schema_py_generated as schema

from dslite.deployment.container import Content, read_graph
from dslite.deployment.quantisation import VARIANTS
from dslite.deployment.runtime import LiteModel
from dslite.tasks import CLASSIFICATION, REGRESSION, Task

SAME_NETWORK = 1e-2
"""Largest difference of a file's probability from Keras' that the float32 file may have; of a number, in standard
deviations of the labels.

Both compute the same sums in another order, so a value of a plot may round to the next of 256 colours, which moves a
probability by about 1e-3 (up to 1.3e-3 was seen on real audio). A file that is another network (an operator converted
wrongly, a band or a channel out of place) moves some probability of some file by tenths.
"""

LOST = {CLASSIFICATION: 1.0, REGRESSION: 0.01}
"""UAR points (of numbers, CCC) on test that a variant may lose to Keras: it is refused where its loss is shown to be
larger, that is, where the whole 95 % interval of the paired difference lies below. Not on dev, on which the model was
fitted: of files that it knows by heart quantisation costs more than of new ones (6 points against 0.5 on real EMOVO).
"""

_NARROW = {getattr(schema.TensorType, name): name for name in ("INT4", "INT8", "UINT8", "INT16", "FLOAT16", "BFLOAT16")}


def structure(content: Content, variant: str, parameters: int, samples: int, classes: int) -> list[str]:
    """Looks at a file without running it.

    Args:
        content: the file.
        variant: a name of :data:`dslite.deployment.quantisation.VARIANTS`.
        parameters: of the Keras model.
        samples, classes: the lengths that its input and output must have.

    Returns:
        What is wrong, as sentences without a full stop; empty if nothing is.
    """
    wrong = []
    expected = parameters * VARIANTS[variant].weight_bytes
    low, high = 0.8 * expected, 1.4 * expected + 500_000  # Mel matrix, colours, graph; values that stay float32
    if not low <= len(content) <= high:
        wrong.append(f"{len(content) / 1e6:.2f} MB is not plausible for {parameters} parameters in {variant}")
    try:
        graph = read_graph(content)
    except ValueError as error:
        return [*wrong, str(error)]
    codes = graph.model.operatorCodes
    custom = sorted({code.customCode.decode() for code in codes if code.customCode})
    if custom:
        wrong.append(f"operators that are not built in: {', '.join(custom)}")
    tensors = graph.subgraph.tensors
    for what, indices, shape in (
        ("input", graph.subgraph.inputs, [1, samples]),
        ("output", graph.subgraph.outputs, [1, classes]),
    ):
        found = [(list(tensors[i].shape), tensors[i].type) for i in indices]
        if found != [(shape, schema.TensorType.FLOAT32)]:
            wrong.append(f"the {what} is not one float32 tensor of shape {shape}")
    return wrong + _narrow(graph) + _constants(graph)


def _constants(graph) -> list[str]:
    kinds = {schema.TensorType.FLOAT32: np.float32, schema.TensorType.FLOAT16: np.float16}
    bad = 0
    for tensor in graph.subgraph.tensors:
        values = [] if tensor.quantization is None or tensor.quantization.scale is None else tensor.quantization.scale
        stored = graph.model.buffers[tensor.buffer].data
        if stored is not None and tensor.type in kinds:
            values = np.asarray(stored, np.uint8).view(kinds[tensor.type])
        bad += not np.isfinite(values).all()
    return [f"{bad} of its constants are not finite"] if bad else []


def _narrow(graph) -> list[str]:
    tensors = graph.subgraph.tensors
    used = {i for operator in graph.front_end for i in [*operator.inputs, *operator.outputs] if i >= 0}
    found = [_NARROW[tensors[i].type] for i in used if tensors[i].type in _NARROW]
    kinds = ", ".join(sorted(set(found)))
    return [f"the front end is quantised ({len(found)} tensors of {kinds}); it must stay float32"] if found else []


def probes(samples: int, seed: int) -> dict[str, np.ndarray]:
    """Hostile waveforms by name, float32 (samples,)."""
    noise = np.random.default_rng(seed).standard_normal(samples).astype(np.float32)
    click = np.zeros(samples, np.float32)
    click[samples // 2] = 1.0
    return {
        "silence": np.zeros(samples, np.float32),
        "a constant": np.full(samples, 0.5, np.float32),
        "a click": click,
        "noise": 0.1 * noise,
        "faint noise": 1e-8 * noise,
        "clipping": np.clip(100.0 * noise, -1.0, 1.0),
    }


def behaviour(model: LiteModel, real: np.ndarray, seed: int = 0) -> list[str]:
    """Runs a file on hostile waveforms and real chunks (float32 (n, samples)); returns what is wrong."""
    wrong = []
    inputs = {name: wave[None] for name, wave in probes(model.card.samples, seed).items()} | {"real audio": real}
    for name, chunks in inputs.items():
        try:
            out = model(chunks)
        except (RuntimeError, ValueError) as error:
            wrong.append(f"it does not run on {name} ({str(error).strip().splitlines()[0]})")
            continue
        if not np.isfinite(out).all():
            wrong.append(f"its output on {name} is not finite")
        elif len(model.card.labels) > 1 and ((out < 0).any() or np.abs(out.sum(axis=1) - 1).max() > 1e-3):
            wrong.append(f"its output on {name} is no distribution over the classes")
    return wrong


@contextmanager
def apart(real: np.ndarray, seed: int = 0) -> Iterator[Callable[[Content], list[str]]]:
    """:func:`behaviour` in another process: LiteRT ends its whole process on some broken files (a NaN scale).

    Yields:
        A function from a file to what is wrong with it. One process probes all files, one after another; a file that
        ends it is blamed, and the next file gets a new one.
    """
    with tempfile.TemporaryDirectory() as folder, ExitStack() as started:
        file, chunks, errors = (Path(folder) / name for name in ("model.tflite", "real.npy", "errors.txt"))
        np.save(chunks, real)
        command, alive = [sys.executable, "-m", __spec__.name, str(file), str(chunks), str(seed)], []
        pipe = subprocess.PIPE

        def probe(content: Content) -> list[str]:
            file.unlink(missing_ok=True)  # written over, it would change under those who have it mapped
            file.write_bytes(content)
            if alive and alive[0].poll() is not None:  # something else has ended it
                alive.clear()
            if not alive:
                with errors.open("w") as stderr:
                    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=stderr, text=True)
                alive.append(started.enter_context(process))
            print(file=alive[0].stdin, flush=True)
            if answer := alive[0].stdout.readline():
                return json.loads(answer)
            status, said = alive.pop().wait(), errors.read_text().strip().splitlines()
            return [f"it ends the process that runs it (exit status {status}{', ' + said[-1] if said else ''})"]

        yield probe


def agreement(reference: pd.DataFrame, predictions: pd.DataFrame, noise: float = 0.0) -> pd.DataFrame:
    """Compares two prediction tables of the same files in the same order.

    Args:
        reference, predictions: Keras' table and a variant's.
        noise: the numeric difference of a probability that is no difference: the float32 file's from Keras.

    Returns:
        A row per file: ``file``, ``label``, ``keras``, ``variant`` (the decisions), ``lead`` (of Keras' most probable
        class over its second; NaN of numbers), ``difference`` (largest absolute one of any probability, or of the
        number; NaN if one is) and ``same``: both decide alike, or it is a tie, since two probabilities that are each
        off by ``noise`` change places where the lead is at most twice that.
    """
    columns = [name for name in reference if name.startswith("p_")] or ["predicted"]
    expected, found = reference[columns].to_numpy(), predictions[columns].to_numpy()
    ordered = np.sort(expected, axis=1) if len(columns) > 1 else np.full((len(expected), 2), np.nan)
    table = reference[["file", "label"]].assign(keras=reference["predicted"], variant=predictions["predicted"])
    table = table.assign(lead=ordered[:, -1] - ordered[:, -2], difference=np.abs(expected - found).max(axis=1))
    return table.assign(same=(table["keras"] == table["variant"]) | (table["lead"] <= 2 * noise))


def disagreement(
    variant: str, compared: pd.DataFrame, lost: pd.Series, task: Task = CLASSIFICATION, unit: float = 1.0
) -> list[str]:
    """What is wrong with a variant's predictions on test.

    Args:
        variant: a name of :data:`dslite.deployment.quantisation.VARIANTS`.
        compared: what :func:`agreement` found.
        lost: the row of :func:`dslite.statistics.pairs` from Keras to the variant: ``difference``, ``low``, ``high``.
        task: of the corpus.
        unit: what differences are judged in: of numbers the standard deviation of the labels.

    Returns:
        Sentences without a full stop; empty if nothing is wrong.
    """
    wrong = []
    largest = compared["difference"].max(skipna=False)
    if variant == "float32" and not largest <= SAME_NETWORK * unit:
        said = "probabilities" if task is CLASSIFICATION else "numbers"
        wrong.append(f"its {said} differ from Keras' by up to {largest:.1e}, above {SAME_NETWORK * unit:.2g}")
    if lost["high"] < -LOST[task]:
        less, low, high = (task.said(-lost[name]) for name in ("difference", "high", "low"))
        points = " points" if task is CLASSIFICATION else ""
        wrong.append(
            f"on test its {task.score} is {less}{points} below Keras' (95 % interval {low} to {high}); more than "
            f"{LOST[task]:g} is shown to be lost"
        )
    return wrong


if __name__ == "__main__":
    for _ in sys.stdin:  # a line per file that has been laid there
        print(json.dumps(behaviour(LiteModel(Path(sys.argv[1])), np.load(sys.argv[2]), int(sys.argv[3]))), flush=True)
