"""The grid of the released code, which makes a fit of every combination of the values that a file lists.

All files that came with it list one each (F-28): these are Table 2's, and the 100 epochs of the file that it ships.
"""

from itertools import product

from dslite.configurations import CONFIGURATIONS
from dslite.layout.settings import Settings
from dslite.profiles import TABLE2

_VARIED = ("chunk", "units", "dropout", "learning_rate", "share")


def points(settings: Settings) -> list[dict[str, object]]:
    """The points, each as the values of a trial; no second phase is one, whatever its share of layers."""
    printed = {name: sorted({row[name] for row in TABLE2.values()}) for name in _VARIED}
    first, second = (sorted(set(numbers)) for numbers in zip(*(row["epochs"] for row in TABLE2.values()), strict=True))
    longer = [number + settings.reading.extra_epochs for number in sorted({*second, 100}) if number]
    axes = {
        "backbone": [settings.backbone],
        "augmentation": list(CONFIGURATIONS),
        **{name: printed[name] for name in _VARIED[:-1]},
        "epochs_1": first,
    }
    phases = [(0, 0.0), *product(longer, filter(None, printed["share"]))]
    names = [*axes, "epochs_2", "share"]
    return [dict(zip(names, [*taken, *phase], strict=True)) for *taken, phase in product(*axes.values(), phases)]
