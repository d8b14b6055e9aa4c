"""The page of ``notebooks/explore.ipynb``: what its panels show. :mod:`dslite.explore.controls` adds the controls.

A panel is an ordinary output of its cell whose content can be replaced. So a page without a kernel behind it, or
without widgets, shows the same as a live one does for the clip that it begins with.
"""

from importlib.util import find_spec
from pathlib import Path

from markupsafe import escape

from dslite.explanation import evidence
from dslite.explore import explorer as exploring
from dslite.explore.data import ExploredClip
from dslite.explore.explorer import Explorer
from dslite.explore.figures import Picture, augmentation, over_time
from dslite.reporting.display import figure_html
from dslite.reporting.explanations import Explained, players_html, shap_maps
from dslite.reporting.figures import Example, waveform_and_plot
from dslite.reporting.provenance import banner_html

NOT_ASKED = "<p class='ds-note'>The SHAP map of this chunk has not been asked for.</p>"


class OutputPanel:
    """One output of a cell: its HTML, and whether it is on the page yet."""

    def __init__(self):
        self.html, self.placed, self._handle = "", False, None

    def show(self, html: str) -> None:
        """Replaces the content; what is shown already is not sent again."""
        if html != self.html:
            self.html = html
            if self._handle:
                self._handle.update(self)

    def place(self) -> None:
        """Makes the panel an output of the cell that is running."""
        from IPython.display import display

        self._handle, self.placed = display(self, display_id=True), True

    def _repr_html_(self) -> str:
        return self.html


class Page:
    """What is shown, and what it is shown of.

    Args:
        explorer: of the corpus to begin with.
        clip: a file of the corpus, or the path of an own one; empty for the corpus' first.
        lam: SapAugment's lambda to begin with, in [0, 1].
        widgets: whether there are to be controls; where ipywidgets is not installed there are none.

    Attributes:
        panels: name -> :class:`OutputPanel`.
        controls: the :class:`dslite.explore.controls.Controls`, or None.

    Raises:
        DsliteError: for a clip that is neither in the corpus nor a readable file.
    """

    def __init__(self, explorer: Explorer, clip: str = "", lam: float = 0.5, widgets: bool = True):
        self.explorer, self.lam = explorer, lam
        own = bool(clip) and clip not in set(explorer.stage.clips["file"]) and Path(clip).expanduser().is_file()
        self.clip = explorer.own(Path(clip).expanduser()) if own else explorer.clip(clip or explorer.first)
        self.chunk, self.seed, self.cutmix, self.specaugment = 0, explorer.stage.settings.seed, True, True
        self.hop, self.window = 0.25, 0.0
        self._draw = {
            "banner": lambda: banner_html(self.explorer.stage.record), "clip": self._clip,
            "augment": self._augmented, "over time": self._over_time, "shap": self._shap,
        }  # fmt: skip
        self.panels = {name: OutputPanel() for name in (*self._draw, "message")}
        self.controls = None
        if widgets and find_spec("ipywidgets"):  # else plain outputs
            from dslite.explore.controls import Controls

            self.controls = Controls(self)

    # the cells --------------------------------------------------------------------------------------------------------

    def choose(self) -> None:
        """Cell: which model, which clip; to see and to hear."""
        self.draw("banner")
        self.panels["banner"].place()
        self._cell("choose", "message", "clip")

    def augment(self) -> None:
        """Cell: SapAugment at one lambda."""
        self._cell("augment", "augment")

    def over_time(self) -> None:
        """Cell: probabilities while a window moves over the clip."""
        self._cell("over time", "over time")

    def explain(self) -> None:
        """Cell: the SHAP map of the chunk."""
        self._cell("explain", "shap")

    def _cell(self, controls: str, *panels: str) -> None:
        from IPython.display import display

        for name in panels:
            if name in self._draw:
                self.draw(name)
        if self.controls:
            display(self.controls.of_cell(controls))
        for name in panels:
            self.panels[name].place()

    # what changes -----------------------------------------------------------------------------------------------------

    def use(self, explorer: Explorer) -> None:
        """Another corpus and its first clip."""
        self.explorer = explorer
        self.draw("banner")
        self.take(explorer.clip(explorer.first))

    def take(self, clip: ExploredClip, chunk: int = 0) -> None:
        """Another clip, or another chunk of it: what hangs on it is drawn again, but the SHAP map only when asked."""
        same = clip is self.clip
        self.clip, self.chunk = clip, chunk
        for name in ("clip", "augment") if same else ("clip", "augment", "over time"):
            if self.panels[name].placed:
                self.draw(name)
        self.panels["shap"].show(NOT_ASKED)

    def draw(self, name: str) -> None:
        """Draws one panel from the present choice."""
        self.panels[name].show(self._draw[name]())

    def say(self, text: str) -> None:
        """Shows a message (plain text) beside the choice of the clip; an empty one takes it away."""
        self.panels["message"].show(f"<p class='ds-note'><strong>{escape(text)}</strong></p>" if text else "")

    # what the panels show ---------------------------------------------------------------------------------------------

    def _clip(self) -> str:
        e, clip = self.explorer, self.clip
        wave, levels = e.plot(clip, self.chunk)
        said = e.decision(clip)
        title = f"{clip.label or 'no known class'}: {clip.name.rsplit('/', 1)[-1]}"
        figure = waveform_and_plot([Example(title, wave, e.front_end.rate, levels)], e.front_end)
        caption = (
            f"Chunk {self.chunk + 1} of {said.chunks} of {clip.name} ({self._belongs()}). The model says of the file: "
            f"{said.predicted} (mean probability {said.mean[e.classes.index(said.predicted)]:.2f})."
        )
        if len(clip.samples) < len(wave):
            caption += f" The file is shorter than a chunk and repeated: {len(clip.samples) / e.front_end.rate:.2f} s."
        if clip.cut_short:
            caption += f" Only the first {exploring.LONGEST:.0f} s of the file are looked at."
        html = self._figure(figure, f"Waveform and spectrogram plot of a chunk of {clip.name}.", caption)
        return html + self._players({"the file": clip.samples})

    def _belongs(self) -> str:
        if not self.clip.partition:
            return "your file"
        of = f"{self.clip.partition} file of {self.explorer.stage.settings.name}, class {self.clip.label}"
        return of if self.clip.partition == "test" else f"{of}; the model was trained on it"

    def _augmented(self) -> str:
        e, clip = self.explorer, self.clip
        made = e.augmented(clip, self.chunk, self.lam, self.seed, self.cutmix, self.specaugment)
        seconds = len(e.plot(clip, self.chunk)[0]) / e.front_end.rate
        before, after = (f"{e.classes[p.argmax()]} {p.max():.2f}" for p in made.probabilities)
        square = made.square if made.share else None
        pictures = [
            Picture(f"the clip\nmodel: {before}", made.before, seconds),
            Picture(f"partner\n{made.partner_label}", made.partner, made.partner_seconds, square),
            Picture(f"augmented\nmodel: {after}", made.after, seconds, square),
        ]
        low, high = e.reading.probability
        top, bottom, left, right = made.square
        caption = (
            f"CutMix pastes {right - left} × {bottom - top} px of {made.partner_name} (so {100 * made.share:.1f} % of "
            f"the label is {made.partner_label}); SpecAugment masks {made.mask} px of the time and of the frequencies; "
            f"the plot has {e.front_end.size} × {e.front_end.size} px. In training each of the two is done with a "
            f"probability of {100 * (low + (high - low) * self.lam):.0f} % at this λ, here always."
        )
        figure = augmentation(pictures, e.front_end, e.sap_curve(), self.lam)
        alt = f"Plot of {clip.name} before and after augmentation with lambda {self.lam:.2f}, with its partner."
        return self._figure(figure, alt, caption)

    def _over_time(self) -> str:
        e, clip = self.explorer, self.clip
        line = e.over_time(clip, self.hop, self.window)
        figure = over_time(clip.samples, e.front_end.rate, line.starts, line.window, line.probabilities, e.classes)
        caption = f"Windows of {line.window:.2f} s, hop {line.hop:.2f} s; dotted: chance."
        if self.window and line.window != e.chunk:
            caption += f" The model was trained on {f'chunks of {e.chunk:g} s' if e.chunk else 'whole files'} only."
        if len(line.starts) == 1:
            caption += " The file fills no second window: there is one decision."
        return self._figure(figure, f"Waveform of {clip.name} and the model's probabilities over time.", caption)

    def _shap(self) -> str:
        e, clip = self.explorer, self.clip
        wave, levels = e.plot(clip, self.chunk)
        found = e.shap(clip, self.chunk)
        best = int(found.prediction.argmax())
        title = f"{clip.label or 'your file'}\nmodel: {e.classes[best]}"
        figure = shap_maps([Explained(title, levels, len(wave) / e.front_end.rate, e.classes, found)], e.front_end)
        caption = (
            f"Chunk {self.chunk + 1} of {clip.name}. {found.method}. A hidden region is silent: level 0, the floor "
            "of the plot. Over each class: its probability when all is hidden → as it is."
        )
        html = self._figure(figure, f"Spectrogram of {clip.name} and its SHAP map for each class.", caption)
        kept = evidence.evidence_regions(found, best)
        if not kept.any():
            return html
        heard = evidence.evidence_audio(wave, kept, e.front_end)
        return html + self._players({"the chunk": wave, f"only what speaks for {e.classes[best]}": heard})

    def _figure(self, figure, alt: str, caption: str) -> str:
        return figure_html(figure, alt, caption, record=self.explorer.stage.record)

    def _players(self, sounds: dict) -> str:
        rate = self.explorer.front_end.rate
        peak = float(abs(next(iter(sounds.values()))).max())
        return players_html(self.clip.name, {n: evidence.encode(wave, rate, peak) for n, wave in sounds.items()})
