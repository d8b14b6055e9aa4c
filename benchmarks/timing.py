"""What two candidates take beside each other, and how a figure is shown beside its limit."""

import statistics


def report(what: str, value: float, limit: float, unit: str = "") -> bool:
    """Prints a figure beside its limit; returns whether it keeps it."""
    kept = value <= limit
    print(f"{'ok  ' if kept else 'OVER'} {what:<78} {value:8.3f} {unit:<4} limit {limit:g}", flush=True)
    return kept


def ratio(seconds: dict[str, list[float]], name: str, base: str) -> float:
    """Median over the rounds of one candidate's time over another's in the same round."""
    return statistics.median(a / b for a, b in zip(seconds[name], seconds[base], strict=True))
