"""What is compared: light networks under conditions that take one thing away each, and how far each is taken."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from dslite.errors import DsliteError
from dslite.transfer.neighbours import THRESHOLD

SPEECH, GRAPH, RANDOM, APART, LABELS, TRANSFER, DISTILLED = CONDITIONS = (
    "speech only",
    "graph",
    "random graph",
    "graph across speakers",
    "graph of labels",
    "source, fine-tuned",
    "embedding distilled",
)
"""How a network is fitted: to labels alone; with neighbours by the source's embedding; with others in their place, as
many of each file; with none of the same speaker; with those of the same class, a reference that looks at labels;
from the weights that it had learnt from the source; with its features pointing where the embedding does."""

GRAPHS = (GRAPH, RANDOM, APART, LABELS)

SVM = "frozen embedding + SVM"
"""Without a network: a linear support vector machine on the embedding itself."""

BASE = "base_model"
"""The run's own base model, among the light networks."""

TITLES = {
    "mobilenet15": "MobileNet-15",
    "resnet9": "ResNet-9",
    BASE: "DS Lite's base model",
    "cnn6": "CNN-6",
    "vgg15": "VGG-15",
    SVM: SVM,
}
"""Networks for readers."""

COSTS = {"mobilenet15": 1, "resnet9": 1, BASE: 5, "cnn6": 12, "vgg15": 25}
"""What a step takes, MobileNet-15's for 1 (measured on one thread)."""

SOURCE = "source"
"""The network as it learns the source, for :data:`TRANSFER`."""


@dataclass(frozen=True)
class Way:
    """A reading of what the second paper leaves open.

    Attributes:
        threshold: least cosine of neighbours; 0 takes the nearest, as long as their cosine is above 0.
        passes: see :class:`dslite.transfer.fitting.Beside`.
        after_relu: whether neighbours' ``fc1`` is taken after its ReLU; None as the released code has it, which differs
            between networks (A-4).
    """

    threshold: float
    passes: int
    after_relu: bool | None


WAYS = {"paper": Way(THRESHOLD, 2, True), "released": Way(THRESHOLD, 3, None), "sound": Way(0.0, 2, True)}
"""By the name of the reading. The threshold is one for wav2vec 2.0's projector; another embedding may have all files or
none above it, so ``sound`` takes the nearest."""


@dataclass(frozen=True)
class LightFit:
    """One fit of a light network. ``folder`` is where it lies in the stage's own, ``target`` the partition that it is
    scored on: ``dev`` or ``test``."""

    network: str
    condition: str
    seed: int
    target: str
    epochs: int
    k: int = 0
    alpha: float = 0.0
    layer: int = 1
    tried: bool = False

    @property
    def folder(self) -> str:
        own = f"{self.network}/{self.condition.replace(', ', '-').replace(' ', '-')}/{self.seed}/{self.target}"
        return f"tried/{self.k}-{self.alpha:g}-fc{self.layer}/{own}" if self.tried else own

    @property
    def title(self) -> str:
        return f"{TITLES[self.network]}, {self.condition}, seed {self.seed}, for {self.target}"

    def chosen(self, k: int, alpha: float, layer: int) -> "LightFit":
        """The same with values of k, alpha and the layer, as far as they are anything to it."""
        graph = self.condition in GRAPHS
        beside = graph or self.condition == DISTILLED
        return replace(self, k=k * graph, alpha=alpha * beside, layer=layer if graph else 1)

    @property
    def work(self) -> float:
        """About how long it takes, beside others."""
        return COSTS[self.network] * self.epochs * (1 + self.k) * (1 if self.target == "dev" else 1.5)


@dataclass(frozen=True)
class Effort:
    """How far a profile goes: networks under all conditions; those that are too heavy, under two, with one seed and
    fewer epochs; epochs of both; what is tried on dev: k, alpha, and the layer that the neighbours are near in; and
    epochs of a wav2vec 2.0."""

    networks: tuple[str, ...]
    heavy: tuple[str, ...]
    epochs: int
    few: int
    tried: tuple[tuple[int, float, int], ...]
    embedder: int = 20


_TRIED = ((3, 0.1, 1), (6, 0.1, 1), (9, 0.1, 1), (3, 1.0, 1), (3, 0.1, 2))
_WHOLE = Effort(("mobilenet15", "resnet9"), (BASE, "cnn6", "vgg15"), 50, 10, _TRIED)
EFFORT = {"demo": Effort(("mobilenet15",), (), 2, 1, _TRIED[:1], 2), "full": _WHOLE, "tuned": _WHOLE}
"""By profile."""


def effort(profile: str, networks: str = "", epochs: int = 0) -> Effort:
    """That of a profile, with other networks, by their names, and another number of epochs where these are given.

    Raises:
        DsliteError: for a network that there is not.
    """
    whole, asked = EFFORT[profile], networks.split()
    if unknown := [name for name in asked if name not in COSTS]:
        raise DsliteError(f"There is no light network {', '.join(unknown)}; there are: {', '.join(COSTS)}.")
    named = tuple(name for name in COSTS if name in asked)
    whole = replace(whole, networks=named, heavy=()) if named else whole
    few = {"few": min(epochs, whole.few), "embedder": min(epochs, whole.embedder)}
    return replace(whole, epochs=epochs, **few) if epochs else whole


def tried(whole: Effort, seed: int) -> list[LightFit]:
    """What k, alpha and layer are chosen by: the first network with the first seed; none where there is no choice."""
    if len(whole.tried) == 1:
        return []
    first = LightFit(whole.networks[0], GRAPH, seed, "dev", whole.epochs, tried=True)
    return [first.chosen(*values) for values in whole.tried]


def source_of(fit: LightFit) -> LightFit:
    """The fit of the source that :data:`TRANSFER` goes on from."""
    return LightFit(fit.network, SOURCE, fit.seed, "test", fit.epochs)


def planned(whole: Effort, seeds: Sequence[int], conditions: Sequence[str]) -> Iterator[LightFit]:
    """All under some conditions, but for the source's and what was tried; for dev with the first seed alone, as nothing
    is chosen by the others."""
    for name, condition, seed, target in product(whole.networks, conditions, seeds, ("dev", "test")):
        if target == "test" or seed == seeds[0]:
            yield LightFit(name, condition, seed, target, whole.epochs)
    heavy = [condition for condition in (SPEECH, GRAPH) if condition in conditions]
    for name, condition, target in product(whole.heavy, heavy, ("dev", "test")):
        yield LightFit(name, condition, seeds[0], target, whole.few)
