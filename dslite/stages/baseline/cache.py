"""Features of whole files: computed once for the same sounds and base model, whatever their labels."""

import json
from collections.abc import Callable
from dataclasses import asdict

import numpy as np

from dslite.files import sha256, whole_file
from dslite.layout import records
from dslite.layout.finished import FinishedStage
from dslite.weights import digest


def features(corpus: FinishedStage, progress: Callable[[int, int], None]) -> tuple[dict, dict[str, np.ndarray]]:
    """What the features of a corpus' files were made by, for records, and what :func:`dslite.features.whole_files`
    returns, as it lies in the cache or made now.

    Args:
        corpus: as decoded.
        progress: called with files done and files in all, where they are made.
    """
    settings, files, samples = corpus.settings, list(corpus.clips["file"]), corpus.paths.samples
    asked = {"files": files, "backbone": settings.backbone, "seed": settings.seed}
    asked["weights"] = digest(settings.weights_file)
    # What is heard, not the audio's identity: a file that was only touched, or moved with all others, sounds the same.
    for part in (samples, samples.with_suffix(".parquet")):
        asked[part.name] = sha256(part)
    identity = records.identity("baseline", asked, settings.chosen)
    place = corpus.paths.file("baseline", "features.npz")
    if place.exists():
        with np.load(place) as kept:
            found = dict(kept)
        about = json.loads(str(found.pop("about")))
        if about.pop("identity") == identity:
            return about, found
    from dslite.features import DEEP_SPECTRUM, whole_files  # import TensorFlow
    from dslite.network import load_backbone
    from dslite.store import Samples

    base = load_backbone(settings.backbone, settings.weights_file, settings.seed)
    found = whole_files(files, Samples(samples), base, progress)
    about = {"weights": base.weights, "weights_source": base.source, "backbone": base.name}
    about["front_end"] = asdict(DEEP_SPECTRUM)
    with whole_file(place) as draft:
        np.savez(draft, about=json.dumps(about | {"identity": identity}), **found)
    return about, found
