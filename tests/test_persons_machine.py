"""What lies on a person's machine, variables, settings and start-up code, changes no figure and stops no run."""

import errno
import fcntl
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dslite.layout.paths import Paths
from dslite.run import runlock
from tests.toys import command, write_templates

ROOT = Path(__file__).resolve().parents[1]
OF_OTHER_PROJECTS = {
    "KERAS_BACKEND": "torch",
    "OMP_NUM_THREADS": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_NUM_INTRAOP_THREADS": "3",
    "TF_USE_LEGACY_KERAS": "1",
}
KERAS_JSON = {"backend": "jax", "floatx": "float16", "epsilon": 0.5, "image_data_format": "channels_first"}
MATPLOTLIBRC = "lines.linewidth: 9\naxes.grid: True\nfigure.dpi: 300\nsavefig.transparent: True\naxes.xmargin: 0.4\n"


def computed(folder: Path) -> None:
    """Writes what a small model makes of a sound, and a figure."""
    from dslite import reporting
    from dslite.model import Head, assemble
    from dslite.network import load_backbone
    from dslite.reporting import display
    from dslite.reporting.figures import subplots
    from dslite.spectrogram import MelPlot

    base = load_backbone("squeezenet_v1", None, seed=1)
    head = Head(8, 2, 0.0, name="head")
    head.build((None, base.width))
    for weight in head.weights:
        weight.assign(np.cos(np.arange(np.prod(weight.shape))).reshape(weight.shape) / 8)
    sound = np.sin(np.arange(16_000) ** 1.5 / 2_000).astype(np.float32)
    np.save(folder / "probabilities.npy", assemble(MelPlot(), base, head)(sound[None]))
    reporting.use_style()
    with subplots(1, 1, 2) as (figure, axes):
        axes.plot([1, 2, 4], label="a")
        axes.legend()
        (folder / "figure.html").write_text(display.figure_html(figure, "a line", dpi=60), "utf-8")


def test_settings_of_other_projects_change_no_number_and_no_figure(tmp_path):
    """Keras' and TensorFlow's variables, ``keras.json``, threads, ``matplotlibrc`` here and at home."""
    here, plain = tmp_path / "hér e", tmp_path / "plain"
    for folder in (here, plain):
        folder.mkdir()
    (here / "keras.json").write_text(json.dumps(KERAS_JSON))
    (here / "matplotlibrc").write_text(MATPLOTLIBRC)
    script = "from pathlib import Path; from tests.test_persons_machine import computed; computed(Path('.'))"
    more = {"KERAS_HOME": str(here), "MATPLOTLIBRC": str(here / "matplotlibrc")}
    unasked = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    for folder, settings in ((plain, {}), (here, OF_OTHER_PROJECTS | more)):  # each a process that did nothing before
        environment = unasked | settings | {"PYTHONPATH": str(ROOT)}
        run = subprocess.run(
            [sys.executable, "-c", script], cwd=folder, env=environment, capture_output=True, text=True
        )
        assert run.returncode == 0, run.stderr
        said = [line for line in run.stderr.splitlines() if "font cache" not in line]  # matplotlib's, at its first use
        assert settings or not said, "TensorFlow has nothing to say unless it is asked"
    found, expected = (np.load(folder / "probabilities.npy") for folder in (here, plain))
    assert found.dtype == np.float32 and 0.01 < expected.min() < 0.49
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert (here / "figure.html").read_text("utf-8") == (plain / "figure.html").read_text("utf-8")


def test_every_module_takes_keras_with_its_defaults():
    takers = {
        file.name for file in (ROOT / "dslite").rglob("*.py")
        for line in file.read_text("utf-8").splitlines() if re.match(r"\s*import (keras|tensorflow)\b", line)
    }  # fmt: skip
    assert takers == {"keras_defaults.py"}


def test_tensorflow_says_what_it_has_to_say_if_it_is_asked():
    asked = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "0"}
    code = "from dslite.keras_defaults import tf; tf.zeros(3) + 1"
    done = subprocess.run([sys.executable, "-c", code], env=asked, capture_output=True, text=True)
    assert done.returncode == 0 and "I0000" in done.stderr


def test_a_run_needs_no_home_and_takes_no_start_up_code(tmp_path, monkeypatch):
    """In a folder with spaces and letters of other scripts."""
    profile = tmp_path / "ipython" / "profile_default"
    (profile / "startup").mkdir(parents=True)
    breaks = "import sys\nsys.modules['pathlib'] = None\n"
    for file in (profile / "startup" / "00.py", tmp_path / "startup.py"):
        file.write_text(breaks)
    (profile / "ipython_kernel_config.py").write_text("raise SystemExit(3)\n")
    (tmp_path / "a file").touch()
    for name, value in OF_OTHER_PROJECTS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path / "a file"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "startup.py"))
    out = tmp_path / "mein Prøjekt 音声"
    out.mkdir()
    look = """import json, os, psutil
seen = dict(os.environ) | {"ports": [line.laddr.port for line in psutil.Process().net_connections("tcp")]}
Path(output, f"{corpus}.json").write_text(json.dumps(seen))"""
    (out / "css-corpus.py").write_text(look)
    process = command(
        write_templates(tmp_path / "templates"), "--corpora", "css", "--stages", "corpus", "--output", out
    )
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    seen = json.loads((out / "css.json").read_text())
    # A port that was free a second ago may be another's by now, and the kernel ends at once. Its debugger asks for any.
    assert sys.platform != "linux" or len(seen["ports"]) <= 1
    assert {seen[name] for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")} == {"1"}
    assert seen["KERAS_BACKEND"] == "tensorflow" and "TF_ENABLE_ONEDNN_OPTS" not in seen
    assert Path(seen["IPYTHONDIR"]).is_relative_to(out) and Path(seen["MPLCONFIGDIR"]).is_relative_to(out)


@pytest.mark.parametrize("reason", [errno.ENOLCK, errno.ENOTSUP])
def test_a_file_system_without_locks_is_told_once_and_used(tmp_path, monkeypatch, capsys, reason):
    def refuse(file, how):
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with runlock.alone(Paths(tmp_path)):
        pass
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and os.strerror(reason) in said and str(tmp_path) in said
