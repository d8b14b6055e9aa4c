"""Words for people that depend on a number."""


def counted(number: int, what: str) -> str:
    """A number and what it counts: ``1 file``, ``1,200 files``."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def spoken(seconds: float) -> str:
    """A duration for people, e.g. "40 s", "6 min", "1 h 20 min", "12 days"."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    if minutes >= 7 * 1440:
        return f"{minutes / 1440:,.0f} days"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"
