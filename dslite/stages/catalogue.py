"""The stages: THE list. Plan, listing, index, estimates, options and notebooks read it; nothing else lists stages.

A stage ``name`` has a folder here with ``work.py`` (whose ``work`` reads what earlier stages left and computes) and
``views.py`` (what its notebook shows), and a template ``notebooks/<name>.ipynb``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

CORPUS = (
    *("corpus", "data", "weights", "profile", "reading", "backbone", "task", "seed", "output", "workers", "changes"),
)
"""Parameters that a run gives to the notebook of a stage of a corpus, if not said otherwise."""

_PLACES = frozenset({"output", "workers", "data"})
"""Where things lie and how many processes share the work change nothing in results; the audio itself is compared."""


@dataclass(frozen=True)
class Workload:
    """What an estimate goes by.

    Attributes:
        pictures: chunks of the corpus.
        files: files of the corpus.
        classes: how many.
        forward: s per picture and thread through the frozen base model.
        fits: s of all eight fits.
        variants: fits of the ablation as a share of those eight, 1 for as many.
        trials: of the search.
        demo: whether the profile is ``demo``.
        seeds: how many, of stages that fit with several.
    """

    pictures: float
    files: float
    classes: int
    forward: float
    fits: float
    variants: float
    trials: int
    demo: bool
    seeds: int = 1


@dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes:
        needs: the stages of the same corpus whose records its results are made from; of a stage across corpora, the
            stage of every corpus.
        seconds: a first guess of what its notebook takes with one thread; a second run goes by the first one's time.
        shows: stages whose results a stage across corpora shows besides, as far as they are there.
        title: of its page; of a stage of a corpus, beside the corpus' name.
        across: whether it runs once, not per corpus.
        optional: whether it runs only where it is asked for.
        parameters: what a run gives to its notebook.
        indifferent: parameters that change nothing in its results.
        audio: whether it depends on the audio files themselves, not only on earlier records.
        weights: whether it depends on the base model's weights.
        memory: MB that each process of it may take, with DenseNet121 or a lighter base model, for a cluster.
        threads: ``one``, ``share`` (all cores are shared by the notebooks of this stage), or ``all``.
        classes_only: whether it refuses corpora whose labels are numbers.
        helpers: a module whose ``take_part(settings, process)`` does some of the work before the notebook, in a run
            with several cores in as many jobs side by side; it returns "" or why it ended early.
        shared: whether jobs of a cluster make its fits before its notebook, each a share: ``shared`` of its ``work``
            tells which, or makes them itself where some depend on others.
        exported: whether ``--export-results`` takes its tables, records and models for a phone; no audio is in them.
        heard: whether there are sounds in what it leaves, so that it is exported ``--with-recordings`` alone.
        of_source: the stages of another corpus, its ``source``, whose records its results are made from besides.
    """

    needs: tuple[str, ...]
    seconds: Callable[[Workload], float]
    shows: tuple[str, ...] = ()
    title: str = ""
    across: bool = False
    optional: bool = False
    parameters: tuple[str, ...] = CORPUS
    indifferent: frozenset[str] = _PLACES
    audio: bool = False
    weights: bool = False
    memory: int = 4_500  # docs/base_models.md: 3.4 GiB for training DenseNet121, and 0.5 for features that are kept
    threads: str = "one"
    classes_only: bool = False
    helpers: str = ""
    shared: bool = False
    exported: bool = False
    heard: bool = False
    of_source: tuple[str, ...] = ()

    def asked_of_source(self, embedder: str) -> tuple[str, ...]:
        """:attr:`of_source`, or the files alone where an ``embedder`` is fine-tuned on them."""
        return ("corpus",) if self.of_source and embedder else self.of_source


STAGES: Mapping[str, Stage] = MappingProxyType(
    {
        "corpus": Stage(
            needs=(),
            seconds=lambda load: 5.5 + 0.004 * load.pictures,
            indifferent=_PLACES | {"weights", "backbone"},  # a corpus is the same whatever is trained on it
            audio=True,
            memory=2_000,
            exported=True,
        ),
        "train": Stage(
            needs=("corpus",),
            seconds=lambda load: load.fits,
            weights=True,
            threads="share",
            shared=True,
            exported=True,
        ),
        "baseline": Stage(
            needs=("corpus",),
            # Of whole files, not chunks; then 20 points of the grid.
            seconds=lambda load: 8.0 + load.files * (0.008 + load.forward),
            weights=True,
            exported=True,
        ),
        "evaluate": Stage(needs=("train", "baseline"), seconds=lambda load: 3.5, memory=2_000, exported=True),
        "explain": Stage(
            needs=("evaluate",),
            # The chosen clips and the sample of each class.
            seconds=lambda load: 14.0 + load.classes * (500 if load.demo else 7_000) * load.forward,
            weights=True,  # with them it makes a fit once more
            heard=True,
        ),
        "deploy": Stage(
            needs=("evaluate",),
            # A fourth of the files are test; each goes through Keras and four variants.
            seconds=lambda load: 10.0 + 0.25 * load.pictures * 5 * load.forward,
            exported=True,
        ),
        "ablation": Stage(
            needs=("corpus",),
            seconds=lambda load: load.fits * load.variants,
            optional=True,
            parameters=(*(name for name in CORPUS if name != "reading"), "seeds", "discrepancies"),
            weights=True,
            threads="all",
            classes_only=True,
            shared=True,
        ),
        "search": Stage(
            needs=("evaluate",),
            # Some 20 passes forwards and back over train; a part is given up on the way.
            seconds=lambda load: load.trials * load.pictures * 30 * load.forward,
            optional=True,
            parameters=(*CORPUS, "seeds", "trials", "hours"),
            indifferent=_PLACES | {"hours"},
            weights=True,
            threads="all",
            classes_only=True,
            helpers="trials",
        ),
        "folds": Stage(
            needs=("corpus",),
            # Six folds twice, where `train` has four configurations twice; and some hundred support vector machines.
            seconds=lambda load: (
                load.seeds * (1.5 * load.fits + 0.15 * load.files) + load.files * (0.008 + load.forward)
            ),
            optional=True,
            parameters=(*CORPUS, "seeds"),
            weights=True,
            threads="all",
            classes_only=True,
            shared=True,
        ),
        "compress": Stage(
            needs=("evaluate",),
            # Ten networks, most fitted with all of their layers; some forty files that are converted, run and timed.
            seconds=lambda load: (
                (60.0 if load.demo else 400.0) + (15 if load.demo else 400) * load.pictures * load.forward
            ),
            optional=True,
            weights=True,
            threads="all",
            classes_only=True,
        ),
        "graph": Stage(
            needs=("corpus",),
            # Seven conditions twice, of which four see three neighbours of each file; two networks. Further seeds for
            # test alone.
            seconds=lambda load: (
                (0.4 + 0.6 * load.seeds) * (60.0 if load.demo else 0.012 * 50 * 2 * 38 * load.files) + 40.0
            ),
            optional=True,
            parameters=(*CORPUS, "seeds", "source", "embedder"),
            weights=True,
            threads="all",
            classes_only=True,
            shared=True,
            of_source=("evaluate",),
        ),
        "benchmark": Stage(
            needs=(),
            seconds=lambda load: 155.0,
            title="Table 5: what a model costs",
            across=True,
            parameters=("backbone", "seed", "output", "workers"),
            threads="all",  # what is timed must have the machine to itself
        ),
        "paper": Stage(
            needs=("evaluate",),
            seconds=lambda load: 8.0,
            shows=("explain", "benchmark"),
            title="The paper's tables and figures",
            across=True,
            parameters=("output", "seed"),
        ),
    }
)
"""By name, in the order of the flow: those of a corpus, then those across corpora."""

OF_CORPUS = tuple(name for name, stage in STAGES.items() if not stage.across)
ACROSS = tuple(name for name, stage in STAGES.items() if stage.across)
DEFAULT = tuple(name for name, stage in STAGES.items() if not stage.optional)


def chain(stage: str) -> list[str]:
    """A stage of a corpus and everything before it, in the order of the flow."""
    found = {stage}
    for name in reversed(OF_CORPUS):
        if name in found:
            found |= set(STAGES[name].needs)
    return [name for name in OF_CORPUS if name in found]
