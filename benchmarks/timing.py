"""How a figure is shown beside its limit."""


def report(what: str, value: float, limit: float, unit: str = "") -> bool:
    """Prints a figure beside its limit; returns whether it keeps it."""
    kept = value <= limit
    print(f"{'ok  ' if kept else 'OVER'} {what:<78} {value:8.3f} {unit:<4} limit {limit:g}", flush=True)
    return kept
