"""Exploring one clip: what is computed, what the page shows, what the controls change, and the notebook itself."""

import re
import sys
from dataclasses import replace
from datetime import UTC, datetime

import IPython.display
import ipywidgets
import nbformat
import numpy as np
import pytest
import soundfile

from dslite import augmentation, profiles
from dslite.errors import DsliteError
from dslite.explore import explorer as exploring
from dslite.explore.data import at_lambda
from dslite.explore.page import NOT_ASKED, OutputPanel, Page
from dslite.layout.paths import NOTEBOOKS, Paths
from dslite.model import load_model
from dslite.readings import PAPER
from dslite.run import execution
from dslite.run.parameters import substitute
from dslite.run.plan import Job
from dslite.run.resolve import resolve
from dslite.stages.catalogue import STAGES
from tests.through import one_configuration, short_in_kernels, with_toynet

RATE = 16_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An own corpus of two classes with files of 1 s and of 5 s, and the short schedule that it is fitted with."""
    folder = tmp_path_factory.mktemp("explore")
    rng = np.random.default_rng(0)
    rows = ["filename,label,speaker,partition"]
    for i in range(12):
        seconds, pitch = (5, 1)[i % 3 > 0], 400 * (1 + i % 2)
        tone = np.sin(2 * np.pi * pitch * np.arange(seconds * RATE) / RATE)
        soundfile.write(folder / f"{i}.wav", 0.1 * tone + 0.02 * rng.standard_normal(len(tone)), RATE)
        part = ("train", "dev", "test")[i // 4]
        rows.append(f"{i}.wav,{('low', '<high>')[i % 2]},{part}{i % 4},{part}")
    (folder / "own.csv").write_text("\n".join(rows))
    (folder / "corpus.toml").write_text("chunk = 3.0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("https_proxy", "http://127.0.0.1:9")  # no download
        patch.setenv("KERAS_HOME", str(folder / "keras"))
        patch.setattr(profiles, "DEMO_EPOCHS", (1, 0))
        one_configuration(patch)
        with_toynet(patch)
        short_in_kernels(patch, folder)
        yield folder


def parameters(folder) -> dict:
    how = {"profile": "demo", "backbone": "toynet", "weights": "random"}
    return {"corpus": str(folder / "own.csv"), "output": str(folder / "out"), **how}


@pytest.fixture(scope="module")
def explorer(folder):
    """Of a corpus that was not there: a run of its own has made it."""
    settings = resolve(**parameters(folder))
    assert not settings.paths.record("corpus").exists()
    loaded = exploring.load(settings)
    assert settings.paths.page("evaluate").is_file(), "as run_all.py makes it, with its pages"
    assert len(loaded.stage.history("none", "test")) == 1, "one epoch, as short_in_kernels says"
    return loaded


@pytest.fixture(scope="module")
def model(explorer):
    """What the explorer asks, read from its file."""
    return load_model(explorer.stage.paths.fit(explorer.stage.chosen, "test") / "model.keras")


@pytest.fixture
def page(explorer):
    page = Page(explorer)
    for cell in (page.choose, page.augment, page.over_time, page.explain):
        cell()
    return page


# what is computed -----------------------------------------------------------------------------------------------------


def test_first_clip_is_a_test_file_that_a_window_can_move_over(explorer):
    clip = explorer.clip(explorer.first)
    assert clip.partition == "test" and len(clip.samples) == 5 * RATE and explorer.chunk == 3.0


@pytest.mark.parametrize("window, hop", [(0.0, 0.5), (1.0, 0.25)])
def test_probabilities_over_time_are_the_models_on_those_chunks(explorer, model, window, hop):
    clip = explorer.clip(explorer.first)
    line = explorer.over_time(clip, hop, window)
    length, step = int((window or 3.0) * RATE), int(hop * RATE)
    starts = range(0, len(clip.samples) - length + 1, step)
    expected = model.predict(np.stack([clip.samples[at : at + length] for at in starts]), verbose=0)
    np.testing.assert_allclose(line.probabilities, expected, atol=1e-5)
    np.testing.assert_allclose(line.starts, np.array(starts) / RATE)


def test_file_shorter_than_a_window_is_one_decision_and_a_fine_hop_is_bounded(explorer, monkeypatch):
    short = explorer.clip(next(f for f in explorer.files() if len(explorer.clip(f).samples) == RATE))
    assert len(explorer.over_time(short).starts) == 1
    monkeypatch.setattr(exploring, "WINDOWS", 10)
    line = explorer.over_time(explorer.clip(explorer.first), 0.001, 1.0)
    assert len(line.starts) == 10 and line.hop == pytest.approx(4 / 9)


def test_decision_is_the_one_that_was_scored(explorer):
    table = explorer.stage.predictions(explorer.stage.chosen, "test").set_index("file")
    for file in explorer.files():
        said, row = explorer.decision(explorer.clip(file)), table.loc[file]
        assert (said.predicted, said.chunks) == (row["predicted"], row["chunks"])
        np.testing.assert_allclose(said.mean, [row[f"p_{name}"] for name in explorer.classes], atol=1e-5)


def test_a_given_lambda_is_the_one_that_training_would_draw():
    """At the lambda of each sample of a batch, the shrunken policy plans what the policy itself plans for it."""
    losses = np.arange(9, dtype=np.float32)
    always = replace(PAPER, probability=(1.0, 1.0))
    trained = augmentation.draw(losses, [3, 4], always, True, True)
    for i, lam in enumerate(augmentation.sap_lambda(losses, always).numpy()):
        given = augmentation.draw(losses, [3, 4], at_lambda(PAPER, float(lam)), True, True)
        for ours, theirs in zip(given, trained, strict=True):
            assert int(ours[i]) == int(theirs[i])
    with pytest.raises(DsliteError, match="lambda is 1.5.*0 to 1"):
        at_lambda(always, 1.5)


@pytest.mark.parametrize("lam, side, mask", [(0.0, 0, 0), (0.5, 28, 34), (1.0, 56, 67)])
def test_lambda_sets_the_sizes_of_square_and_masks(explorer, lam, side, mask):
    clip = explorer.clip(explorer.first)
    drawn = [explorer.augmented(clip, 0, lam, seed) for seed in range(6)]
    heights = [made.square[1] - made.square[0] for made in drawn]
    assert max(heights) == side and {made.mask for made in drawn} == {mask}
    for made in drawn:
        top, bottom, left, right = made.square
        assert made.share == pytest.approx((bottom - top) * (right - left) / 224**2)
        # The toy network's mean colour, a grey, lies on no viridis plot, so masked pixels can be counted.
        masked = (np.abs(made.after - 127.5) < 1e-3).all(axis=-1)
        assert masked.sum() == 2 * mask * 224 - mask**2
        pasted = np.zeros((224, 224), bool)
        pasted[top:bottom, left:right] = True
        np.testing.assert_array_equal(made.after[pasted & ~masked], made.partner[pasted & ~masked])
        np.testing.assert_array_equal(made.after[~pasted & ~masked], made.before[~pasted & ~masked])


def test_each_augmentation_can_be_left_out(explorer):
    clip = explorer.clip(explorer.first)
    assert explorer.augmented(clip, 0, 1.0, 0, cutmix=False).share == 0
    assert explorer.augmented(clip, 0, 1.0, 0, specaugment=False).mask == 0


def test_partner_is_another_training_file(explorer):
    train = set(explorer.files("train"))
    clip = explorer.clip(min(train))
    partners = {explorer.augmented(clip, 0, 0.5, seed).partner_name for seed in range(20)}
    assert partners == train - {clip.name}


def test_model_is_asked_about_the_augmented_picture(explorer, model):
    made = explorer.augmented(explorer.clip(explorer.first), 0, 1.0, 0)
    wave = explorer.plot(explorer.clip(explorer.first))[0]
    np.testing.assert_allclose(made.probabilities[0], model.predict(wave[None], verbose=0)[0], atol=1e-5)
    expected = explorer.view.probabilities_of_pictures(made.after[None])[0]
    np.testing.assert_allclose(made.probabilities[1], expected, atol=1e-6)


def test_shap_map_accounts_for_the_probabilities(explorer):
    clip = explorer.clip(explorer.first)
    found = explorer.shap(clip)
    said = explorer.over_time(clip, 1.0).probabilities[0]
    np.testing.assert_allclose(found.prediction, said, atol=1e-6)
    np.testing.assert_allclose(found.base + found.values.sum(axis=(1, 2)), said, atol=1e-5)


# own files ------------------------------------------------------------------------------------------------------------


def test_own_file_of_any_rate_is_heard_as_any_other(explorer, tmp_path, monkeypatch):
    wave = np.sin(np.arange(2 * 44_100) / 9)
    soundfile.write(tmp_path / "mine.flac", np.stack([wave, wave], axis=1), 44_100)
    clip = explorer.own(tmp_path / "mine.flac")
    sent = explorer.uploaded("../mine.flac", (tmp_path / "mine.flac").read_bytes())
    assert len(clip.samples) == 2 * RATE and not clip.label and sent.name == "../mine.flac"
    np.testing.assert_array_equal(clip.samples, sent.samples)
    assert explorer.decision(clip).predicted in explorer.classes
    monkeypatch.setattr(exploring, "LONGEST", 1.5)
    cut = explorer.own(tmp_path / "mine.flac")
    assert cut.cut_short and len(cut.samples) == 1.5 * RATE


@pytest.mark.parametrize("content, reason", [(b"no sound", "cannot be decoded"), (b"", "cannot be decoded")])
def test_bad_upload_is_named(explorer, content, reason):
    with pytest.raises(DsliteError, match=f"notes.txt {reason}.*expected audio"):
        explorer.uploaded("notes.txt", content)


def test_unknown_clips_are_named(explorer, tmp_path):
    with pytest.raises(DsliteError, match="no usable file 'gone.wav'"):
        Page(explorer, "gone.wav")
    soundfile.write(tmp_path / "quiet.wav", np.zeros(RATE), RATE)
    with pytest.raises(DsliteError, match="quiet.wav is silent"):
        Page(explorer, str(tmp_path / "quiet.wav"))


# corpora --------------------------------------------------------------------------------------------------------------


def test_what_is_there_comes_first_and_costs_nothing(explorer, folder):
    settings = explorer.stage.settings
    assert exploring.choices(settings)[:2] == ["own", "ccs"] and exploring.cost(settings) == ""
    css = exploring.other(settings, "css")
    assert re.search(r"css has not been trained.*SYNTHETIC.*about \d+", exploring.cost(css))
    assert exploring.other(resolve("css", weights="random", output=folder / "out", seed=7), "own") == settings


def test_the_price_counts_the_baselines_which_scores_need(tmp_path, monkeypatch):
    cheap = {name: replace(stage, seconds=lambda load: 0.0) for name, stage in STAGES.items()}
    monkeypatch.setattr(
        exploring, "STAGES", cheap | {"baseline": replace(STAGES["baseline"], seconds=lambda load: 6000.0)}
    )
    assert "about 1 h 40 min." in exploring.cost(resolve("css", output=tmp_path))


# the page -------------------------------------------------------------------------------------------------------------


def texts(page):
    return {name: panel.html for name, panel in page.panels.items()}


def changed(before, page):
    return {name for name, html in texts(page).items() if html != before[name]}


def test_page_without_widgets_shows_everything(explorer, monkeypatch):
    monkeypatch.delitem(sys.modules, "dslite.explore.controls", raising=False)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    for page in (Page(explorer), Page(explorer, widgets=False)):
        for cell in (page.choose, page.augment, page.over_time, page.explain):
            cell()
        assert page.controls is None
        assert all("<img" in page.panels[name].html for name in ("clip", "augment", "over time", "shap"))
        assert page.panels["clip"].html.count("<audio") == 1
        assert all("&lt;high&gt;" in html or "<high>" not in html for html in texts(page).values())
        assert "<high>" not in "".join(texts(page).values())


def test_moving_lambda_draws_the_augmentation_and_nothing_else(page, monkeypatch):
    before = texts(page)
    page.controls.by_name["lambda"].value = 1.0
    assert changed(before, page) == {"augment"} and "masks 67 px" in page.panels["augment"].html
    monkeypatch.setattr(page.explorer.view, "probabilities_of_pictures", None)  # it is not asked again
    page.controls.by_name["lambda"].value = 0.5
    assert not changed(before, page)


def test_choosing_a_clip_draws_what_hangs_on_it(page):
    b, before = page.controls.by_name, texts(page)
    assert b["clip"].options == tuple(page.explorer.files())
    b["clip"].value = next(file for file in b["clip"].options if file != page.clip.name)
    assert changed(before, page) == {"clip", "augment", "over time", "shap"}
    assert page.panels["shap"].html == NOT_ASKED and b["chunk"].disabled
    b["explain"].click()
    assert "<img" in page.panels["shap"].html


def test_partition_and_class_narrow_the_clips(page):
    b = page.controls.by_name
    b["partition"].value = "train"
    assert page.clip.partition == "train" and "the model was trained on it" in page.panels["clip"].html
    first = page.clip.name
    b["class"].value = page.clip.label
    assert page.clip.name == first  # it is among them still
    b["class"].value = "<high>"
    assert set(b["clip"].options) == {"1.wav", "3.wav"} and page.clip.label == "<high>"


def test_other_chunk_other_places_other_window(page):
    b, before = page.controls.by_name, texts(page)
    assert b["chunk"].max == page.explorer.decision(page.clip).chunks == 2
    b["chunk"].value = 2
    assert changed(before, page) == {"clip", "augment", "shap"} and "Chunk 2 of 2" in page.panels["clip"].html
    before = texts(page)
    b["again"].click()
    assert changed(before, page) == {"augment"}
    before = texts(page)
    b["window"].value = 1.0
    assert changed(before, page) == {"over time"} and "chunks of 3 s only" in page.panels["over time"].html


def sent(name, content):
    about = {"name": name, "type": "", "size": len(content), "last_modified": datetime.now(UTC)}
    return (about | {"content": memoryview(content)},)


def test_upload_is_shown_and_a_bad_one_only_told(page, folder):
    b, before = page.controls.by_name, texts(page)
    b["upload"].value = sent("<i>.wav", b"nothing")
    assert changed(before, page) == {"message"}
    assert "&lt;i&gt;.wav cannot be decoded" in page.panels["message"].html
    b["upload"].value = sent("mine.wav", (folder / "0.wav").read_bytes())
    assert page.panels["message"].html == "" and "your file" in page.panels["clip"].html
    assert b["clip"].value is None and b["chunk"].max == 2
    b["clip"].value = page.explorer.first
    assert page.clip.name == page.explorer.first


def test_corpus_that_is_not_there_names_its_price_first(page, explorer, monkeypatch):
    b, before = page.controls.by_name, texts(page)
    b["corpus"].value = "css"
    assert changed(before, page) == {"message"} and "css has not been trained" in page.panels["message"].html
    assert b["train"].layout.display == ""
    said = []
    monkeypatch.setattr(page, "say", said.append)

    def load(settings):
        print(f"\r 50% {settings.name}", end="")
        return exploring.Explorer(explorer.stage)

    monkeypatch.setattr(exploring, "load", load)
    b["train"].click()
    assert "50% css" in said and page.explorer is not explorer and b["train"].layout.display == "none"
    b["corpus"].value = "own"
    assert page.explorer is explorer and page.clip.name == explorer.first


# the notebook ---------------------------------------------------------------------------------------------------------


def test_notebook_runs_and_its_page_shows_the_first_clip(explorer, folder, tmp_path):
    template = nbformat.read(NOTEBOOKS / "explore.ipynb", 4)
    # Somebody moves a control: the output of an earlier cell changes.
    template.cells.append(nbformat.v4.new_code_cell("page.controls.by_name['lambda'].value = 1.0"))
    nbformat.write(template, tmp_path / "explore.ipynb")
    paths, out = explorer.stage.paths, Paths(tmp_path / "out")
    job = Job("", "explore", "Explore", str(tmp_path / "explore.ipynb"), {}, {}, {}, {})
    page, notebook, record = job.leaves(out)
    record.parent.mkdir(parents=True)
    record.touch()  # which the notebook of a stage would leave
    stamp = paths.record("train").stat().st_mtime_ns
    execution.execute(job, out, parameters(folder))
    assert paths.record("train").stat().st_mtime_ns == stamp  # nothing was fitted again
    shown = page.read_text("utf-8")
    # The barely trained model may find nothing that speaks for its class: then there is no second pair of players.
    assert shown.count('class="ds-figure"') == 4 and shown.count("<audio") in (1, 3) and explorer.first in shown
    assert "masks 67 px" in shown
    assert "Dropdown(" not in shown and "<high>" not in shown
    outputs = [o for c in nbformat.read(notebook, 4).cells for o in c.get("outputs", [])]
    controls = [o for o in outputs if "application/vnd.jupyter.widget-view+json" in o.get("data", {})]
    assert len(controls) == 4


def test_notebook_without_widgets_has_plain_outputs(explorer, folder, monkeypatch):
    """Its cells in this process: what a kernel makes of them, the test above shows."""
    notebook, shown, space = nbformat.read(NOTEBOOKS / "explore.ipynb", 4), [], {}
    substitute(notebook, parameters(folder) | {"widgets": False}, "explore")
    monkeypatch.setattr(exploring, "load", lambda settings: explorer)
    monkeypatch.setattr(IPython.display, "display", lambda output, **how: shown.append(output))
    for cell in notebook.cells:
        if cell.cell_type == "code":
            exec(cell.source, space)
    plain = [output.html for output in shown if isinstance(output, OutputPanel)]
    assert sum(html.count('class="ds-figure"') for html in plain) == 4 and any("masks 34 px" in html for html in plain)
    assert not any(isinstance(output, ipywidgets.Widget) for output in shown)
