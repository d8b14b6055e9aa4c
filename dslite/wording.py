"""Words for people that depend on a number."""

import re


def minus(text: str) -> str:
    """The same with minus signs in place of the hyphens before numbers, e.g. ``−4.0 to +2.1``."""
    return re.sub(r"(?<![\w.-])-(?=\d)", "−", text)


def written(value: float, form: str) -> str:
    """A number for people, with a minus sign where it has one; what is rounded to nothing has none.

    Args:
        value: in any unit; NaN is ``nan``.
        form: as :func:`format` takes it, e.g. ``+.1f``.
    """
    said = format(value, form)
    return format(0.0, form) if said.startswith("-") and not float(said) else minus(said)


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
