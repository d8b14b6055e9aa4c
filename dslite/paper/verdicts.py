"""Is our figure the paper's? The rules of verdicts.toml, computed; no input, no output."""

import math
import tomllib
from importlib.resources import files
from typing import NamedTuple

from dslite.wording import written

_RULES = tomllib.loads((files("dslite.paper") / "verdicts.toml").read_text(encoding="utf-8"))

RULES: dict[str, str] = _RULES["rules"]
"""What is judged -> its rule in words."""

HEADINGS: dict[str, str] = _RULES["headings"]
"""The same -> what stands over the rule."""

MARGIN: float = _RULES["margin"]
"""UAR points within which two scores count as the same."""

CONSISTENT, DIFFERS, INCONCLUSIVE = "consistent", "differs", "inconclusive"
NOT_JUDGED, NOT_COMPARABLE, NOT_RUN = "not judged", "not comparable", "not run"

WORDS: dict[str, str] = {word.replace("-", " "): meaning for word, meaning in _RULES["words"].items()}
"""Every verdict -> what it means."""

_ONE_SIDED, _TWO_SIDED = 1.6448536, 1.9599640  # of the normal distribution, at the level of 5 % that the rules name


class Verdict(NamedTuple):
    """A verdict, one of :data:`WORDS`, and why."""

    word: str
    why: str


def judge_score(ours: float, our_error: float, theirs: float, their_error: float, margin: float = MARGIN) -> Verdict:
    """A score against a published one: equivalence first, difference second.

    Args:
        ours, theirs: UAR in percent; ours may be NaN, where no file was scored.
        our_error, their_error: standard errors in UAR points, 0 or more.
        margin: half the width of what counts as the same, in UAR points.

    Raises:
        ValueError: for a negative or unknown standard error, or a published score that is not a number.
    """
    if math.isnan(ours):
        return Verdict(NOT_RUN, "no file was scored")
    if not (our_error >= 0 and their_error >= 0 and math.isfinite(theirs)):
        raise ValueError(f"{ours} ± {our_error} cannot be judged against {theirs} ± {their_error}.")
    difference, error = ours - theirs, math.hypot(our_error, their_error)
    reach = _ONE_SIDED * error
    said, low, high = (written(value, "+.1f") for value in (difference, difference - reach, difference + reach))
    told = f"{said} points (90 % interval {low} to {high})"
    if abs(difference) + reach < margin:
        return Verdict(CONSISTENT, f"{told}: within {margin:g} points")
    if abs(difference) > _TWO_SIDED * error:
        return Verdict(DIFFERS, f"{told}: zero is rejected")
    return Verdict(INCONCLUSIVE, f"{told}: reaches past {margin:g} points, yet zero is possible")


def can_be_consistent(their_error: float) -> bool:
    """Whether a printed score could be shown equivalent at all, even by an exact one of the same height."""
    return _ONE_SIDED * their_error < MARGIN


def judge_printed(ours: float, theirs: float, decimals: int, tolerance: float = 0.0) -> Verdict:
    """A count, size or duration: equal within the printed rounding, or within a share of it.

    Args:
        ours: NaN where it is not known.
        theirs: as printed.
        decimals: how many are printed.
        tolerance: share of ``theirs`` by which ours may be off all the same; 0 for none.
    """
    if math.isnan(ours):
        return Verdict(NOT_RUN, "the corpus as handed out does not say")
    off = abs(ours - theirs)
    if off <= 0.5 * 10.0**-decimals + 1e-9 * abs(theirs):
        return Verdict(CONSISTENT, "equal within the printed rounding" if decimals else "equal")
    if off <= tolerance * abs(theirs):
        return Verdict(CONSISTENT, f"within {100 * tolerance:g} %")
    side = "above" if ours > theirs else "below"
    told = f"{off:,.{decimals + 1 if decimals else 0}f} {side} the printed figure"
    return Verdict(DIFFERS, f"{told} ({off / abs(theirs):.1%})" if theirs else told)


def judge_duration(ours: float, theirs: float, decimals: int) -> Verdict:
    """A duration of Table 1: within the printed rounding or one percent."""
    return judge_printed(ours, theirs, decimals, _RULES["duration_tolerance"])


def ratio(ours: float, theirs: float) -> Verdict:
    """What belongs to a machine: a ratio, never a judgement."""
    if math.isnan(ours):
        return Verdict(NOT_RUN, "not measured")
    return Verdict(NOT_JUDGED, f"ours / theirs = {ours / theirs:.2f}, on other hardware")
