"""The graph: files are neighbours whose embeddings point the same way (second paper; its released code)."""

from dataclasses import dataclass

import numpy as np

BLOCK = 1024
"""Files whose cosines to all others are in memory at a time: 0.4 GB of them for 100,000 files."""

LARGE = 50_000
"""Files beyond which neighbours are sought among :data:`CANDIDATES` of each: all cosines grow as their square."""

CANDIDATES = 60
"""Files that NN-Descent finds for a file, itself among them, so that hardly one of the nearest nine is missed."""

THRESHOLD = 0.99
"""Cosine from which on the released code takes files for neighbours."""


@dataclass(frozen=True)
class FileGraph:
    """Neighbours of every file.

    Attributes:
        neighbours: int32 (files, k), positions among the files, the heaviest first; 0 where there is none.
        weights: float32 (files, k), their cosines; 0 where there is none.
    """

    neighbours: np.ndarray
    weights: np.ndarray

    @property
    def degree(self) -> np.ndarray:
        """How many neighbours each file has, int (files,)."""
        return (self.weights > 0).sum(axis=1)

    @property
    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """From which file to which, int (edges,) each."""
        start, at = np.nonzero(self.weights > 0)
        return start, self.neighbours[start, at]

    def within(self, groups: np.ndarray) -> float:
        """Share of the edges, 0-1, between files of one group, object (files,); NaN without edges."""
        start, end = self.edges
        return float(np.mean(groups[start] == groups[end])) if len(start) else float("nan")


def unit(embeddings: np.ndarray) -> np.ndarray:
    """Embeddings (files, width), each of length 1: float32."""
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return (embeddings / np.maximum(lengths, 1e-12)).astype(np.float32)


def nearest(
    embeddings: np.ndarray,
    k: int,
    threshold: float = 0.0,
    apart: np.ndarray | None = None,
    alike: np.ndarray | None = None,
) -> FileGraph:
    """The k heaviest neighbours of every file: exactly, by blocks of cosines; of more than :data:`LARGE` files those
    among the candidates of NN-Descent (Dong et al., 2011), and exactly for a file whose candidates are too few.

    Args:
        embeddings: float (files, width).
        k: most neighbours of a file; the released code has 3, 6 or 9.
        threshold: least cosine of neighbours, who have one above 0 in any case.
        apart: of each file, object (files,): no two with the same are neighbours (speakers).
        alike: of each file, object (files,): only two with the same are (classes).
    """
    vectors = unit(embeddings)
    k = min(k, len(vectors) - 1)
    neighbours, weights = np.zeros((len(vectors), k), np.int32), np.zeros((len(vectors), k), np.float32)

    def fill(todo: np.ndarray, candidates: np.ndarray | None = None) -> None:
        for rows in np.split(todo, range(BLOCK, len(todo), BLOCK)):
            if candidates is None:
                columns, cosines = np.arange(len(vectors))[None], vectors[rows] @ vectors.T
            else:
                columns = candidates[rows]
                cosines = np.einsum("rd,rcd->rc", vectors[rows], vectors[columns])
            cosines[columns == rows[:, None]] = -1.0  # a file is no neighbour of itself
            if apart is not None:
                cosines[apart[rows][:, None] == apart[columns]] = -1.0
            if alike is not None:
                cosines[alike[rows][:, None] != alike[columns]] = -1.0
            at = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
            best = np.take_along_axis(np.broadcast_to(columns, cosines.shape), at, axis=1)
            found = np.take_along_axis(cosines, at, axis=1)
            order = np.lexsort((best, -found), axis=1)  # of equals the earlier file
            neighbours[rows] = np.take_along_axis(best, order, axis=1)
            weights[rows] = np.take_along_axis(found, order, axis=1)

    if len(vectors) > LARGE:
        fill(np.arange(len(vectors)), _candidates(vectors))
        fill(np.flatnonzero(weights[:, -1] <= 0))
    else:
        fill(np.arange(len(vectors)))
    kept = (weights >= threshold) & (weights > 0)
    return FileGraph(np.where(kept, neighbours, 0), np.where(kept, np.minimum(weights, 1.0), 0.0))


def _candidates(vectors: np.ndarray) -> np.ndarray:
    """Of each file those that are probably its nearest, int (files, :data:`CANDIDATES`); itself where one lacks."""
    from pynndescent import NNDescent

    # What several threads find depends on how many there are.
    index = NNDescent(vectors, metric="cosine", n_neighbors=CANDIDATES, random_state=0, n_jobs=1)
    found = index.neighbor_graph[0]
    return np.where(found < 0, np.arange(len(vectors))[:, None], found)


def rewired(graph: FileGraph, seed: int) -> FileGraph:
    """A random graph of the same degrees: every file has as many neighbours as before, with the same weights, and is
    as often that of others; which is drawn. No file is its own neighbour or another's twice, where that can be had."""
    start, end = graph.edges
    rng, ends = np.random.default_rng(seed), end.copy()
    rng.shuffle(ends)
    for _ in range(100):
        order = np.lexsort((ends, start))
        twice = np.zeros(len(ends), bool)
        twice[order[1:]] = (start[order[1:]] == start[order[:-1]]) & (ends[order[1:]] == ends[order[:-1]])
        bad = np.flatnonzero(twice | (start == ends))
        if not len(bad):
            break
        others = rng.integers(len(ends), size=len(bad))
        for one, other in zip(bad, others, strict=True):
            ends[one], ends[other] = ends[other], ends[one]
    neighbours = graph.neighbours.copy()
    neighbours[graph.weights > 0] = ends
    return FileGraph(neighbours, graph.weights)
