"""Stages in this very process, one after another, as a run would have them made."""

import os
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import IPython.display
import nbformat
import numpy as np
import pytest
from bs4 import BeautifulSoup
from matplotlib import pyplot as plt

from dslite import audio, backbones
from dslite.configurations import CONFIGURATIONS
from dslite.layout.paths import NOTEBOOKS
from dslite.layout.settings import Settings
from dslite.run import notebook, session
from dslite.run.outcome import Outcome
from dslite.stages.catalogue import chain

BASE_MODELS = Path(__file__).with_name("base_models")


def through(settings: Settings, stage: str, **own):
    """What a stage's work returns, after the work of all stages before it."""
    with pytest.MonkeyPatch.context() as patch:
        for kind in ("INTRAOP", "INTEROP"):  # as a run's notebooks have it: fits one by one start no process
            patch.setenv(f"TF_NUM_{kind}_THREADS", "1")
        for name in chain(stage)[:-1]:
            import_module(f"dslite.stages.{name}.work").work(settings)
        return import_module(f"dslite.stages.{stage}.work").work(settings, **own)


def as_a_run(settings: Settings, stage: str) -> None:
    """Notes that a run has made what :func:`through` made, so that a notebook finds it up to date."""
    planned = session.prepare([settings], [stage], settings.backbone, settings.workers)
    for job in planned.jobs:
        done = Outcome("done", 0.0, "", job.parameters, job.made_from, job.page_from, job.identities(planned.paths))
        done.write(planned.paths.outcome(job.name))


def configurations(patch, *keys: str) -> None:
    """Leaves DS Lite some configurations, to save fits.

    All are taken out, the last first, and what is kept is put back: undone in reverse, they are in their order again,
    by which tables are sorted.
    """
    before = dict(CONFIGURATIONS)
    for name in reversed(before):
        patch.delitem(CONFIGURATIONS, name)
    for key in keys:
        patch.setitem(CONFIGURATIONS, key, before[key])


def one_configuration(patch, key: str = "none") -> None:
    """Leaves DS Lite one of them."""
    configurations(patch, key)


_SHORT = """
from dslite import backbones, profiles
from dslite.configurations import CONFIGURATIONS
backbones.__path__.append({base_models!r})
profiles.DEMO_EPOCHS = profiles.STANDIN_EPOCHS = (1, 0)
for other in [name for name in CONFIGURATIONS if name != "none"]:
    del CONFIGURATIONS[other]
"""


def short_in_kernels(patch, folder: Path) -> None:
    """Has all processes that are started from here know ``toynet`` and fit for one epoch, without augmentation: Python
    imports ``sitecustomize`` before anything else."""
    place = folder / "short"
    place.mkdir()
    (place / "sitecustomize.py").write_text(_SHORT.format(base_models=str(BASE_MODELS)))
    patch.setenv("PYTHONPATH", os.pathsep.join([str(place), str(NOTEBOOKS.parent)]))


def with_toynet(patch) -> None:
    """One more base model, here and in processes that are started from here."""
    patch.setattr(backbones, "__path__", [*backbones.__path__, str(BASE_MODELS)])
    places = (BASE_MODELS.with_name("in_processes"), NOTEBOOKS.parent)
    patch.setenv("PYTHONPATH", os.pathsep.join(map(str, places)))


def alone(patch, folder: Path) -> None:
    """Nothing that lies on this machine takes part, neither corpora nor weights; the base model is one of
    two layers, and a fit is one epoch long."""
    patch.setenv("KERAS_HOME", str(folder / "keras"))
    for name in ("DEMO_EPOCHS", "STANDIN_EPOCHS"):
        patch.setattr(f"dslite.profiles.{name}", (1, 0))
    with_toynet(patch)
    patch.setattr("dslite.run.resolve.DEMO_BACKBONE", "toynet")


def few_layers(patch) -> None:
    """MobileNet-15 of the stage graph with about as many parameters in a layer of each kind. What it is with all of its
    layers is for ``tests/test_graph.py``.

    Without a last ReLU a file's features are about 0, not all above: what is hardly trained tells files apart too.
    """
    from dslite.keras_defaults import keras
    from dslite.transfer import light

    def body(x):
        x = light._convolved(light._convolved(x, 8, stride=4), 0, stride=4, depthwise=True)
        return light.SampleNormalisation()(keras.layers.Conv2D(2560, 1, strides=2, use_bias=False)(x))

    patch.setitem(light.LIGHT, "mobilenet15", replace(light.LIGHT["mobilenet15"], body=body))


class Decoded:
    """The waveforms of a folder's files by name, decoded as they are asked for: what a run reads from its cache."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __getitem__(self, file: str) -> np.ndarray:
        return audio.load(self.folder / file, 16_000)


def page_of(name: str, stage: Callable, monkeypatch) -> BeautifulSoup:
    """What the notebook of a stage shows, in this process, of results that are there: ``stage`` from a name to them."""
    shown: list = []
    monkeypatch.setattr(IPython.display, "display", shown.append)
    monkeypatch.setattr(notebook, "stage", lambda asked, **how: stage(asked))
    space: dict = {}
    for cell in nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4).cells:
        if cell.cell_type == "code":
            exec(cell.source, space)
    plt.close("all")
    return BeautifulSoup("".join(output.data for output in shown), "html.parser")
