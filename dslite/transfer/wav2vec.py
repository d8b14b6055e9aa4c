"""wav2vec 2.0 as the source's model (second paper): fine-tuned on the source's files, it embeds those of the target.
An extra, installed apart: its libraries are imported where they are needed, and nothing else asks for them."""

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dslite.errors import DsliteError
from dslite.files import read_json, sha256

FILES = ("config.json", "model.safetensors")
EXPECTED = f"a folder with {' and '.join(FILES)} of a wav2vec 2.0, or its name on Hugging Face's hub"

LEARNT, LONGEST, SHORTEST = 64_000, 134_880, 400
"""Samples at 16 kHz: to which files are repeated or cut to be learnt (4 s), to which they are cut to be embedded
(8.43 s; both are the released code's), and what the convolutions take at least."""

WIDTH, RATE, BATCH = 256, 3e-5, 16
"""Of the projector, and so of an embedding; Adam's rate; files per step."""


def located(given: str) -> str:
    """A model's folder, absolute, or its name on the hub as given; empty for none, a DsliteError for anything else."""
    folder = Path(given).expanduser()
    if not given or (not folder.is_dir() and re.fullmatch(r"\w[\w.-]*/[\w.-]+", given)):
        return given
    lacks = next((f"has no {name}" for name in FILES if not (folder / name).is_file()), "")
    if lacks or (kind := read_json(folder / FILES[0]).get("model_type")) != "wav2vec2":
        found = (lacks or f"holds a model of type {kind}") if folder.is_dir() else "does not exist"
        raise DsliteError(f"The embedder {given} {found}; expected {EXPECTED}, such as facebook/wav2vec2-base.")
    return str(folder.resolve())


def digest(where: str) -> str:
    """What identifies a model: a checksum of its folder's files; a name on the hub stands for itself."""
    if not Path(where).is_absolute():
        return where
    of_files = "".join(sha256(Path(where) / name) for name in FILES)
    return hashlib.sha256(bytes.fromhex(of_files)).hexdigest()[:16]


def named(where: str) -> str:
    """A model for people, and by what it is rather than where it lies; empty for none."""
    return f"{Path(where).name if Path(where).is_absolute() else where} ({digest(where)})" if where else ""


def libraries() -> tuple[Any, Any]:
    """torch and transformers; a DsliteError where one of them is not installed."""
    try:
        import torch
        import transformers
    except ImportError as error:
        told = f"--embedder takes torch and transformers, and {error.name or error} is not installed"
        raise DsliteError(f"{told}: run `pip install torch transformers`, or leave it out.") from None
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return torch, transformers


def classifier(where: str, classes: int, seed: int) -> Any:
    """A wav2vec 2.0 below a new head: projector, mean over time, linear layer (transformers' own classifier); a
    DsliteError where it cannot be had, or lacks weights, which would be random then."""
    _, transformers = libraries()
    transformers.set_seed(seed)
    head = {"num_labels": classes, "classifier_proj_size": WIDTH, "use_weighted_layer_sum": False}
    try:
        config = transformers.Wav2Vec2Config.from_pretrained(where, **head)
        body, told = transformers.Wav2Vec2Model.from_pretrained(where, config=config, output_loading_info=True)
    except Exception as error:  # a file that is none, no network, ...: each library has errors of its own
        said = str(error).partition("\n")[0] or type(error).__name__
        away = "" if Path(where).is_absolute() else "; nor is there such a folder"
        raise DsliteError(f"The embedder {where} could not be loaded ({said}{away}); expected {EXPECTED}.") from error
    if lacking := sorted({*told["missing_keys"]} - {"masked_spec_embed"}):  # which some fine-tuned models lack
        raise DsliteError(f"The embedder {where} has no {lacking[0]}, which would be random; expected {EXPECTED}.")
    model = transformers.Wav2Vec2ForSequenceClassification(config)
    model.wav2vec2 = body.float()
    return model.to("cuda" if libraries()[0].cuda.is_available() else "cpu")


def fine_tune(
    model: Any, waves: Any, labels: Mapping[str, int], seed: int, epochs: int, progress: Callable[[int, int, str], None]
) -> None:
    """Fits all but the convolutions of a :func:`classifier` in place; the last epoch counts. On a CPU it repeats bit
    for bit with as many threads. ``waves`` is file -> float32 (samples,) at 16 kHz, as recorded; ``labels`` file ->
    class, of those that are learnt from; ``progress`` is called with steps done, steps in all, and words."""
    torch, transformers = libraries()
    transformers.set_seed(seed)
    model.freeze_feature_encoder()
    model.train()
    files, classes = list(labels), np.array([*labels.values()], np.int64)
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=RATE)
    rng, starts = np.random.default_rng(seed), range(0, len(files), BATCH)
    for epoch in range(epochs):
        order = rng.permutation(len(files))
        for step, start in enumerate(starts, epoch * len(starts) + 1):
            at = order[start : start + BATCH]
            x = np.stack([np.resize(normalised(waves[files[i]]), LEARNT) for i in at])
            x, y = (torch.from_numpy(part).to(model.device) for part in (x, classes[at]))
            loss = torch.nn.functional.cross_entropy(model(x).logits, y)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            progress(step, epochs * len(starts), f"epoch {epoch + 1} of {epochs}, loss {loss.item():.2f}")


def embed(model: Any, wave: np.ndarray) -> np.ndarray:
    """The projector's output for a file, up to :data:`LONGEST`, averaged over time: float32 (256,). Files are not put
    together: the shorter ones would be padded, which the base model hears."""
    torch, _ = libraries()
    x = np.resize(normalised(wave), (1, min(max(len(wave), SHORTEST), LONGEST)))
    with torch.inference_mode():
        hidden = model.eval().wav2vec2(torch.from_numpy(x).to(model.device)).last_hidden_state
        return model.projector(hidden).mean(dim=1)[0].cpu().numpy()


def normalised(samples: np.ndarray) -> np.ndarray:
    """A file with mean 0 and variance 1, as transformers' feature extractor makes it: float32 (samples,)."""
    return ((samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)).astype(np.float32)
