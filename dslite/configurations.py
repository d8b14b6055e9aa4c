"""What is augmented how: the paper's four configurations of DS Lite (sections 2.1 and 3.3). The one list of them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Configuration:
    """One of the configurations; ``cutmix`` and ``specaugment`` say which of the two may change a training picture."""

    title: str
    cutmix: bool
    specaugment: bool


CONFIGURATIONS = {
    "none": Configuration("no augmentation", False, False),
    "cutmix": Configuration("CutMix", True, False),
    "specaugment": Configuration("SpecAugment", False, True),
    "both": Configuration("CutMix+SpecAugment", True, True),
}
"""By the key that names a fit's folder and stands in ``results.csv``, in the paper's order."""
