"""The fits of one corpus, side by side: one process and one thread each, which repeats bit for bit and is faster.

One after the other they stay in the process of their notebook, if it has one thread: one import of TensorFlow less.
"""

import gc
import json
import multiprocessing
import os
import queue
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from dslite.errors import DsliteError
from dslite.files import whole_file
from dslite.layout.code import code_hash
from dslite.layout.records import circumstances
from dslite.processes import die_with_parent, end_quickly
from dslite.profiles import Recipe
from dslite.readings import Reading
from dslite.weights import digest

TARGETS = {"dev": ("train",), "test": ("train", "dev")}
"""What is trained on before a partition is scored: train for dev, train and dev for test (paper 3.3)."""


@dataclass(frozen=True)
class Workshop:
    """What all fits of a corpus share.

    Attributes:
        clips, chunks, spectrograms, features: files of the corpus.
        classes: names of the classes in their order.
        backbone, weights: base model, and the file of its ImageNet weights; None for random ones.
        data_hash: of the cached chunks and their labels.
        recipe, reading, seed: hyperparameters, the reading of the paper, and the seed of everything random.
    """

    clips: Path
    chunks: Path
    spectrograms: Path
    features: Path
    classes: tuple[str, ...]
    backbone: str
    weights: Path | None
    data_hash: str
    recipe: Recipe
    reading: Reading
    seed: int


@dataclass(frozen=True)
class Job:
    """One fit: its augmentation, the partition it is scored on, the folder it leaves its files in, and an identity
    that changes with everything that the result depends on."""

    augmentation: str
    target: str
    folder: Path
    identity: str

    @property
    def finished(self) -> bool:
        """Whether the folder holds this very fit, whole: the record is written last."""
        record = self.folder / "record.json"
        return record.exists() and json.loads(record.read_text())["identity"] == self.identity


def run(shop: Workshop, jobs: Iterable[Job], workers: int, progress: Callable[[float, float, str], None]) -> dict:
    """Runs what is not finished yet.

    Args:
        shop: what the jobs share.
        jobs: the fits.
        workers: processes side by side; for one, see the head of this module.
        progress: called with the share of the work that is done, 1, and a short text.

    Returns:
        ``weights`` (imagenet or random) and ``source`` of the base model, for the record.

    Raises:
        DsliteError: if a process of the pool dies, for instance because memory ran out.
    """
    pool, news = _pool(workers)
    try:
        with pool:
            about = _extract(shop, pool, workers, progress)
            # The longest first, so that no core waits for a long one at the end.
            todo = sorted(
                (j for j in jobs if not j.finished), key=lambda j: (j.target != "test", j.augmentation == "none")
            )
            futures = {pool.submit(_fit, shop, job, about) for job in todo}
            try:
                _follow(futures, news, len(todo) * _work(shop.recipe, sum(shop.recipe.epochs)), progress)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)  # what failed is told now, not after all other fits
                raise
    except BrokenProcessPool as error:
        raise DsliteError(
            "A process that was fitting died without a word, most likely because memory ran out: "
            "give fewer cores (--cores) or close other programs; finished fits are kept."
        ) from error
    finally:  # of fits in this process
        _bench.cache_clear()
        gc.collect()
    return about


def _pool(workers: int) -> tuple[Executor, object]:
    """Where fits run, and the queue in which they tell how far they are."""
    if workers == 1 and all(os.environ.get(f"TF_NUM_{kind}_THREADS") == "1" for kind in ("INTRAOP", "INTEROP")):
        news = queue.SimpleQueue()
        return ThreadPoolExecutor(1, initializer=_listen, initargs=(news,)), news
    context = multiprocessing.get_context("spawn")
    news = context.Queue()
    return ProcessPoolExecutor(workers, context, _start, (news, os.getpid())), news


_EXTRACTION = 0.05
"""Share of the bar that the features take."""


def _work(recipe: Recipe, epochs: int) -> float:
    """Work done after some epochs: one of the second phase costs about ten of the first."""
    return min(epochs, recipe.epochs[0]) + 10 * max(0, epochs - recipe.epochs[0])


def _follow(futures: set[Future], news, total: float, progress) -> None:
    done: dict[str, float] = {}
    while futures:
        finished, futures = wait(futures, timeout=0.5, return_when=FIRST_COMPLETED)
        for future in finished:
            future.result()
        try:
            while True:
                name, work, text = news.get_nowait()
                done[name] = work
                progress(_EXTRACTION + (1 - _EXTRACTION) * sum(done.values()) / total, 1, f"{name}: {text}")
        except queue.Empty:
            pass


def _extract(shop: Workshop, pool: Executor, workers: int, progress) -> dict:
    """Features of all chunks under the base model as it is before training, computed once for all fits."""
    about = pool.submit(_about, shop).result()
    key = shop.features.with_suffix(".json")
    if shop.features.exists() and key.exists() and json.loads(key.read_text()) == about:
        return about
    # Parts end at whole batches, so that the numbers do not depend on how many parts there are.
    batch, total = shop.recipe.batch, about["chunks"]
    step = batch * max(1, -(-total // (batch * workers * 4)))
    futures = [pool.submit(_features, shop, start, min(start + step, total)) for start in range(0, total, step)]
    parts = []
    for number, future in enumerate(futures, start=1):
        parts.append(future.result())
        progress(_EXTRACTION * number / len(futures), 1, "features of the frozen base model")
    with whole_file(shop.features) as draft:
        np.save(draft, np.concatenate(parts))
    with whole_file(key) as draft:
        draft.write_text(json.dumps(about))
    return about


# What follows runs in the pool. ---------------------------------------------------------------------------------------


def _start(news, parent: int) -> None:
    """Makes a process one of the pool's."""
    die_with_parent(parent)
    end_quickly()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    _listen(news)
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def _listen(news) -> None:
    global _news
    _news = news
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # or the first process takes a GPU for itself
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")


@lru_cache(maxsize=1)
def _bench(shop: Workshop):
    from dslite.backbones import load_backbone
    from dslite.store import Spectrograms
    from dslite.training import Trainer

    clips, chunks = pd.read_parquet(shop.clips), pd.read_parquet(shop.chunks)
    backbone = load_backbone(shop.backbone, shop.weights, shop.seed)
    spectrograms = Spectrograms(shop.spectrograms, chunks)
    trainer = Trainer(spectrograms, backbone, len(shop.classes), shop.recipe, shop.reading)
    return clips, chunks, trainer


def _about(shop: Workshop) -> dict:
    _, chunks, trainer = _bench(shop)
    backbone = trainer.backbone
    return {
        "weights": backbone.weights,
        "source": backbone.source,
        "weights_hash": digest(shop.weights),
        "code": code_hash("train"),
        "backbone": backbone.name,
        "seed": shop.seed if backbone.weights == "random" else None,
        "chunks": len(chunks),
        "data_hash": shop.data_hash,
        "resize": shop.reading.resize,
    }


def _features(shop: Workshop, start: int, stop: int) -> np.ndarray:
    return _bench(shop)[2].extract(np.arange(start, stop))


def _fit(shop: Workshop, job: Job, about: dict) -> None:
    from dslite.training import Examples, predictions

    started = time.monotonic()
    clips, chunks, trainer = _bench(shop)
    of_chunk = clips.set_index("file").loc[chunks["file"]]
    partition = of_chunk["partition"].to_numpy()
    examples = Examples(
        train=np.flatnonzero(np.isin(partition, TARGETS[job.target])),
        evaluate=np.flatnonzero(partition == job.target),
        labels=pd.Categorical(of_chunk["label"], shop.classes).codes.astype(int),
        files=pd.factorize(chunks["file"])[0],
    )
    name = f"{job.augmentation} on {' + '.join(TARGETS[job.target])}"
    checkpoint = job.folder / "checkpoint.npz"
    outcome = trainer.fit(
        examples,
        np.load(shop.features, mmap_mode="r"),
        job.augmentation,
        shop.seed,
        checkpoint,
        job.identity,
        dev=job.target == "dev",
        progress=lambda done, total, text: _news.put((name, _work(shop.recipe, done), text)),
    )
    with whole_file(job.folder / "history.parquet") as draft:
        outcome.history.to_parquet(draft, index=False)
    decided = predictions(clips, chunks, examples.evaluate, outcome.probabilities, shop.classes, shop.reading.decision)
    with whole_file(job.folder / "predictions.parquet") as draft:
        decided.to_parquet(draft, index=False)
    with whole_file(job.folder / "model.keras") as draft:
        trainer.model().save(draft)
    record = {
        "identity": job.identity,
        "augmentation": job.augmentation,
        "trained_on": TARGETS[job.target],
        "scored_on": job.target,
        "chunks_trained_on": len(examples.train),
        "chunks_scored": len(examples.evaluate),
        "trained_layers": trainer.trained_layers,
        "parameters": trainer.model().count_params(),
        "backbone": shop.backbone,
        "weights": about["weights"],
        "weights_source": about["source"],
        "recipe": asdict(shop.recipe),
        "reading": shop.reading.parameters(),
        "data_hash": shop.data_hash,
        "seed": shop.seed,
        "threads": 1,
        **circumstances(started),
    }
    with whole_file(job.folder / "record.json") as draft:
        draft.write_text(json.dumps(record, indent=1))
    checkpoint.unlink(missing_ok=True)
