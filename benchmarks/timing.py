"""Interleaved timing: what varies between two calls of the machine hits all candidates alike."""

import statistics
import time
from collections.abc import Callable


def interleaved(candidates: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each candidate, once per round and in turn, after one call of each to warm up."""
    for call in candidates.values():
        call()
    seconds = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, call in candidates.items():
            begin = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - begin)
    return seconds


def ratio(seconds: dict[str, list[float]], name: str, base: str) -> float:
    """Median over the rounds of one candidate's time over another's in the same round."""
    return statistics.median(a / b for a, b in zip(seconds[name], seconds[base], strict=True))


def report(what: str, value: float, limit: float, unit: str = "") -> bool:
    """Prints a figure beside its limit; returns whether it keeps it."""
    kept = value <= limit
    print(f"{'ok  ' if kept else 'OVER'} {what:<78} {value:8.3f} {unit:<4} limit {limit:g}", flush=True)
    return kept
