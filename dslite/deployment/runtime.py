"""Runs an exported file with ``ai_edge_litert`` alone, without TensorFlow."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Lock

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from dslite.deployment.container import Content, read_card
from dslite.errors import DsliteError


class LiteModel:
    """An exported file, ready to run.

    Args:
        source: the file, or its content.
        threads: threads of the interpreter.

    Attributes:
        card: labels, length and rate of the waveform, parameters (:class:`dslite.deployment.container.Card`).

    Raises:
        DsliteError: if the file cannot be read or is none of dslite's.
    """

    def __init__(self, source: Path | Content, threads: int = 1):
        try:
            content = source if isinstance(source, Content) else Path(source).read_bytes()
        except OSError as error:
            raise DsliteError(f"{source!s} cannot be read ({error.strerror}); expected a .tflite file.") from error
        self.card = read_card(content, "The model" if content is source else str(source))
        self._run = runner(source, threads)

    def __call__(self, chunks: np.ndarray) -> np.ndarray:
        """Classifies chunks one by one.

        Args:
            chunks: float32 (n, samples), mono at ``card.rate`` Hz, any amplitude.

        Returns:
            float32 (n, classes), probabilities in the order of ``card.labels``.
        """
        return np.concatenate([self._run(chunk[None]) for chunk in chunks])


def runner(source: Path | Content, threads: int):
    """A function from the only input of a TFLite model to a copy of its only output. A file is mapped, not read."""
    given = {"model_content": bytes(source)} if isinstance(source, Content) else {"model_path": str(source)}
    with untold():
        interpreter = Interpreter(**given, num_threads=threads)
        interpreter.allocate_tensors()
    (entry,), (wanted,) = interpreter.get_input_details(), interpreter.get_output_details()

    def run(value: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(entry["index"], value)
        interpreter.invoke()
        return interpreter.get_tensor(wanted["index"])

    return run


_told, _one_by_one = Event(), Lock()


@contextmanager
def untold() -> Iterator[None]:
    """Keeps what LiteRT tells of XNNPACK from a notebook: a process' first interpreter writes it to file descriptor 2
    itself, whatever the level. Until one is made that leads nowhere, for one thread at a time."""
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0" or _told.is_set():
        yield
        return
    with _one_by_one, open(os.devnull, "w") as nowhere:
        stderr = os.dup(2)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
            _told.set()
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
