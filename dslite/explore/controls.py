"""The controls of the explore page: ipywidgets that set a choice and have its panels drawn again."""

import contextlib
import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import ipywidgets as w

from dslite.errors import DsliteError
from dslite.explore import explorer as exploring

if TYPE_CHECKING:
    from dslite.explore.page import Page


_ROWS = {
    "choose": (("corpus", "train"), ("partition", "class"), ("clip",), ("chunk", "upload")),
    "augment": (("lambda", "cutmix", "specaugment", "again"),),
    "over time": (("window", "hop"),),
    "explain": (("explain",),),
}
"""Cell of the page -> the widgets in its rows."""


class _Rows(w.VBox):
    """Widgets that say what they need where a notebook that is not trusted shows its outputs without a kernel."""

    def _repr_mimebundle_(self, **more):
        need = "The controls need a running kernel: run the cells of this notebook. Below is what it showed last."
        return super()._repr_mimebundle_(**more) | {"text/html": f"<p class='ds-note'>{need}</p>"}


class Controls:
    """One row of widgets per cell of the notebook, which set a page's choice; ``by_name`` is name -> widget."""

    def __init__(self, page: "Page"):
        self.page, self._busy = page, False
        self._known = {page.explorer.stage.settings.name: page.explorer}
        lam = {"min": 0.0, "max": 1.0, "step": 0.05, "readout_format": ".2f", "continuous_update": False}
        hops = [(f"{s:g} s", s) for s in (0.1, 0.25, 0.5, 1.0)]
        windows = [("as trained", 0.0), *((f"{s:g} s", s) for s in (0.5, 1.0, 2.0, 4.0))]
        self.by_name = b = {
            "corpus": w.Dropdown(description="corpus"),
            "train": w.Button(description="Train it now", button_style="warning", layout=w.Layout(display="none")),
            "partition": w.Dropdown(description="partition", options=["test", "dev", "train"]),
            "class": w.Dropdown(description="class"),
            "clip": w.Dropdown(description="clip", layout=w.Layout(width="32em")),
            "chunk": w.IntSlider(description="chunk", min=1, continuous_update=False),
            "upload": w.FileUpload(description="Your own file", accept="audio/*,.wav,.flac,.ogg,.mp3"),
            "lambda": w.FloatSlider(page.lam, description="λ", **lam),
            "cutmix": w.Checkbox(True, description="CutMix", indent=False, layout=w.Layout(width="auto")),
            "specaugment": w.Checkbox(True, description="SpecAugment", indent=False, layout=w.Layout(width="auto")),
            "again": w.Button(description="Other places and partner", layout=w.Layout(width="auto")),
            "hop": w.Dropdown(description="hop", options=hops, value=page.hop),
            "window": w.Dropdown(description="window", options=windows),
            "explain": w.Button(description="Explain this chunk", button_style="primary"),
        }
        settings = page.explorer.stage.settings
        b["corpus"].options, b["corpus"].value = exploring.choices(settings), settings.name
        b["partition"].value = page.clip.partition or "test"
        self._offer()
        for name, act in {
            "corpus": self._corpus, "partition": self._files, "class": self._files, "clip": self._clip,
            "chunk": self._chunk, "upload": self._upload, "lambda": self._augment, "cutmix": self._augment,
            "specaugment": self._augment, "hop": self._over_time, "window": self._over_time,
        }.items():  # fmt: skip
            b[name].observe(lambda _change, act=act: self._guarded(act), "value")
        for name, act in {"train": self._train, "again": self._again, "explain": lambda: page.draw("shap")}.items():
            b[name].on_click(lambda _button, act=act: self._guarded(act))

    def of_cell(self, cell: str) -> w.Widget:
        """The widgets of one of the page's cells, by its name."""
        return _Rows([w.HBox([self.by_name[name] for name in row]) for row in _ROWS[cell]])

    def _guarded(self, act: Callable[[], None]) -> None:
        """Does something once, however many widgets it sets, and says in words what is wrong."""
        if self._busy:
            return
        self._busy = True
        try:
            self.page.say("")
            act()
        except DsliteError as error:
            self.page.say(str(error))
        finally:
            self._busy = False

    # what they do -----------------------------------------------------------------------------------------------------

    def _corpus(self) -> None:
        settings = self._wanted()
        if settings.name not in self._known and (price := exploring.cost(settings)):
            self.by_name["train"].layout.display = ""
            self.page.say(price)
        else:
            self._train()

    def _train(self) -> None:
        settings = self._wanted()
        if settings.name not in self._known:
            with contextlib.redirect_stdout(_Line(self.page.say)):
                self._known[settings.name] = exploring.load(settings)
            self.page.say("")
        self.by_name["train"].layout.display = "none"
        self.page.use(self._known[settings.name])
        self.by_name["partition"].value = "test"
        self._offer()

    def _wanted(self):
        name = self.by_name["corpus"].value
        known = self._known.get(name)
        return known.stage.settings if known else exploring.other(self.page.explorer.stage.settings, name)

    def _files(self) -> None:
        self._offer_files()
        clip = self.by_name["clip"]
        if clip.value is None:
            clip.value = next(iter(clip.options), None)
            self._clip()

    def _clip(self) -> None:
        if file := self.by_name["clip"].value:
            self.page.take(self.page.explorer.clip(file))
            self._offer_chunks()

    def _chunk(self) -> None:
        self.page.take(self.page.clip, self.by_name["chunk"].value - 1)

    def _upload(self) -> None:
        for file in self.by_name["upload"].value:
            self.page.take(self.page.explorer.uploaded(file["name"], bytes(file["content"])))
            self._offer_files()
            self._offer_chunks()

    def _augment(self) -> None:
        page, b = self.page, self.by_name
        page.lam, page.cutmix, page.specaugment = b["lambda"].value, b["cutmix"].value, b["specaugment"].value
        page.draw("augment")

    def _again(self) -> None:
        self.page.seed += 1
        self.page.draw("augment")

    def _over_time(self) -> None:
        self.page.hop, self.page.window = self.by_name["hop"].value, self.by_name["window"].value
        self.page.draw("over time")

    def _offer(self) -> None:
        self.by_name["class"].options = [("all", ""), *((name, name) for name in self.page.explorer.classes)]
        self.by_name["class"].value = ""
        self._offer_files()
        self._offer_chunks()

    def _offer_files(self) -> None:
        clip, name = self.by_name["clip"], self.page.clip.name
        clip.options = self.page.explorer.files(self.by_name["partition"].value, self.by_name["class"].value)
        shown = self.page.clip.partition and name in clip.options  # an own file is none of them
        clip.value = name if shown else None

    def _offer_chunks(self) -> None:
        chunk = self.by_name["chunk"]
        chunk.value, chunk.max = 1, self.page.explorer.decision(self.page.clip).chunks
        chunk.disabled = chunk.max == 1


class _Line(io.TextIOBase):
    """Progress that is printed, as a message that rewrites itself."""

    def __init__(self, say: Callable[[str], None]):
        self._say = say

    def write(self, text: str) -> int:
        if text.strip():
            self._say(" ".join(text.split()))
        return len(text)
