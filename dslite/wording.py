"""Words for people that depend on a number."""


def counted(number: int, what: str) -> str:
    """A number and what it counts: ``1 file``, ``1,200 files``."""
    return f"{number:,} {what}{'s' * (number != 1)}"
