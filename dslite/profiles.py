"""What a fit is trained with: the paper's Table 2, the short schedule of the demo, and a recipe of our own."""

import tomllib
from dataclasses import dataclass, replace
from importlib.resources import files

from dslite.readings import PAPER, Reading

PROFILES = ("demo", "full", "tuned")
SCHEDULES = ("constant", "cosine")


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of a fit.

    Attributes:
        units: width of the head's hidden layer; 0 for none.
        dropout: share of hidden units dropped in training.
        optimiser: ``"adadelta"`` (the paper's), ``"adam"`` or ``"adamw"``.
        learning_rate: of the first phase.
        epochs: of the first and the second phase.
        share: Table 2's number of fine-tuned layers as a share of DenseNet121's 427;
            :func:`dslite.network.count_trained` says what is trained.
        chunk: length of a chunk in s; 0 stands for whole files.
        batch: samples per step.
        second_rate: rate of the second phase, as a share of the first's (a tenth, paper 3.2).

    What the paper does not have, and what stands for its way:

        schedule: ``"constant"``, or ``"cosine"``: in each phase the rate grows over the first tenth of the steps and
            falls to zero along half a cosine.
        decay: weight decay of AdamW, as a share of the rate.
        clip: largest norm of all gradients together; 0 for no limit.
        smoothing: share of the label that all classes get alike.
        class_weights: whether classes count alike by weights of the loss, in place of up-sampling.
        standardise: whether the head scales features to those of the training chunks.
        average: momentum of a moving average of the weights over the steps of the second phase, which is what is kept
            in the end (Polyak averaging); 0 for none.
        shift: in the second phase every plot is rotated along time by up to this share of its width.
        light_masks: largest width of a time mask and height of a frequency mask, as shares of the plot, each laid in
            half of the samples of the second phase, before SapAugment and whatever the loss.
        loss: where labels are numbers: ``"ccc"``, 1 less the concordance correlation coefficient of the batch, or
            ``"mse"``, the mean squared error.
        mixed_precision: whether the layers of the base model compute in float16, with weights that stay float32.
    """

    units: int
    dropout: float
    optimiser: str
    learning_rate: float
    epochs: tuple[int, int]
    share: float
    chunk: float
    batch: int = 32
    second_rate: float = 0.1
    schedule: str = "constant"
    decay: float = 0.0
    clip: float = 0.0
    smoothing: float = 0.0
    class_weights: bool = False
    standardise: bool = False
    average: float = 0.0
    shift: float = 0.0
    light_masks: tuple[float, float] = (0.0, 0.0)
    loss: str = "ccc"
    mixed_precision: bool = False

    @property
    def varies(self) -> bool:
        """Whether the second phase changes every plot."""
        return bool(self.shift or any(self.light_masks))


TABLE2 = tomllib.loads((files("dslite.paper") / "table2.toml").read_text())
"""Table 2 as published: corpus -> hyperparameters."""

_OWN = {"units": 512, "dropout": 0.25, "learning_rate": 0.001, "epochs": [40, 120], "share": 0.3, "chunk": 3.0}
"""For corpora that are not in the paper: what most rows of Table 2 say, 3 s chunks, the middle number of epochs."""

TUNED = Recipe(
    units=0,
    dropout=0.4,
    optimiser="adamw",
    learning_rate=0.002,
    epochs=(30, 24),
    share=0.6,
    chunk=4.0,
    batch=16,
    schedule="cosine",
    decay=0.01,
    clip=1.0,
    smoothing=0.1,
    class_weights=True,
    standardise=True,
    shift=0.12,
    light_masks=(0.16, 0.12),
)
"""Of our own, for any corpus (docs/search.md): what Table 2's share of layers and schedule hold back."""

TUNED_PARTS = {
    "head": ("units", "dropout", "standardise"),
    "optimiser": ("optimiser", "learning_rate", "decay"),
    **{name: (name,) for name in ("batch", "share", "schedule", "clip", "smoothing", "class_weights")},
    **{name: (name,) for name in ("shift", "light_masks")},
}
"""What sets :data:`TUNED` apart from Table 2 besides its epochs, in parts that make sense alone."""

DEMO_EPOCHS = (12, 4)
STANDIN_EPOCHS = (6, 1)
"""Of ``demo`` on a stand-in, whose few dozen clips a head has learnt by heart after six epochs; one of the second phase
costs ten of the first."""

DEMO_BACKBONE = "efficientnet_lite0"
FULL_BACKBONE = "densenet121"


def recipe(corpus: str, profile: str, reading: Reading = PAPER, standin: bool = False) -> Recipe:
    """The hyperparameters for a corpus.

    ``full`` is Table 2, with the optimiser that the reading names. ``demo`` keeps its head, chunks and share of trained
    layers, but takes few epochs and, under every reading, Adam: AdaDelta at the paper's rate (on Keras' scale) leaves a
    small head at chance for dozens of epochs (F-13). ``tuned`` is :data:`TUNED` with the corpus' own chunks.

    Args:
        corpus: a name of Table 2; any other gets the values that most of its rows share.
        profile: one of :data:`PROFILES`.
        reading: decides on the optimiser, its rate and the length of the second phase.
        standin: whether the audio is that of a SYNTHETIC stand-in.
    """
    if profile not in PROFILES:
        raise ValueError(f"The profile {profile!r} is not one of {', '.join(PROFILES)}.")
    row = TABLE2.get(corpus, _OWN)
    if profile == "tuned":
        return replace(TUNED, chunk=row["chunk"])
    first, second = row["epochs"]
    optimiser, rate = reading.optimiser, reading.learning_rate or row["learning_rate"]
    if profile == "demo":
        demo = STANDIN_EPOCHS if standin else DEMO_EPOCHS
        first, second = demo[0], demo[1] if second else 0
        optimiser, rate = "adam", 0.001
    epochs = first, second + reading.extra_epochs if second else 0
    return Recipe(row["units"], row["dropout"], optimiser, rate, epochs, row["share"], row["chunk"])
