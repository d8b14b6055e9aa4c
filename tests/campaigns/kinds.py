"""What may be wrong: a way to hand it in, and the words that a useful answer has."""

import io
import os
import struct
import zipfile
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from dslite import store, weights
from dslite.corpora.reading import read
from dslite.deployment.container import read_card
from dslite.deployment.runtime import LiteModel
from dslite.errors import DsliteError
from dslite.run.cli import main as run_all
from dslite.run.parameters import filled

RATE = 16_000
ROWS = [(f"{label}{speaker}{take}.wav", label, f"s{speaker}") for label in ("low", "high") for speaker in range(6)
        for take in "ab"]  # fmt: skip
FIRST = ROWS[0][0]


@dataclass(frozen=True)
class Kind:
    """One thing that is wrong.

    Attributes:
        hand_in: makes it in an empty folder and hands it in; returns what is said, if it is not refused.
        words: what the answer has to name: the file or value, and what was expected or is to be done.
    """

    hand_in: Callable[[Path], str]
    words: tuple[str, ...]


def wave(number: int) -> np.ndarray:
    return 0.2 * np.random.default_rng(number).standard_normal(RATE).astype(np.float32)


def corpus(folder: Path, header: str = "filename,label,speaker") -> Path:
    """A healthy one, and its CSV."""
    for number, (name, *_) in enumerate(ROWS):
        soundfile.write(folder / name, wave(number), RATE)
    csv = folder / "own.csv"
    csv.write_text("\n".join([header, *(",".join(row) for row in ROWS)]) + "\n", "utf-8")
    return csv


def opened(csv: Path) -> str:
    """All lines about a corpus once it is read and decoded."""
    found = read(str(csv), csv.parent)
    undecoded = store.decode(found.clips["file"], csv.parent, csv.parent / "samples.npy")
    rows = [*found.problems.itertuples(), *undecoded.itertuples()]
    return "\n".join(f"{row.kind} {row.file}: {row.reason}" for row in rows) + f"\n{found.note}"


def audio(change: Callable[[Path], object], *words: str) -> Kind:
    """One file of a healthy corpus that is not as it should be."""

    def hand_in(folder: Path) -> str:
        csv = corpus(folder)
        change(folder / FIRST)
        return opened(csv)

    return Kind(hand_in, (FIRST, *words))


def content(data: bytes) -> Callable[[Path], object]:
    return lambda file: file.write_bytes(data)


def samples(values: np.ndarray, rate: int = RATE, **how) -> Callable[[Path], object]:
    return lambda file: soundfile.write(file, values, rate, **how)


def at(place: int, form: str, value: int) -> Callable[[Path], object]:
    """A WAV whose header (44 bytes) has another value in one place."""

    def change(file: Path) -> None:
        soundfile.write(file, wave(0), RATE, subtype="PCM_16")
        data = bytearray(file.read_bytes())
        struct.pack_into(form, data, place, value)
        file.write_bytes(bytes(data))

    return change


def shortened(ending: str, share: float) -> Callable[[Path], object]:
    """A file in another format, under the name of a WAV, that ends early."""

    def change(file: Path) -> None:
        other = file.with_suffix(ending)
        soundfile.write(other, wave(0), RATE)
        data = other.read_bytes()
        other.unlink()
        file.write_bytes(data[: round(share * len(data))])

    return change


def instead(make: Callable[[Path], object]) -> Callable[[Path], object]:
    """Something else than a file."""

    def change(file: Path) -> None:
        file.unlink()
        make(file)

    return change


def table(text: str | bytes | Callable[[str], str], *words: str) -> Kind:
    """A CSV with this text, beside healthy audio."""

    def hand_in(folder: Path) -> str:
        csv = corpus(folder)
        told = text(csv.read_text("utf-8")) if callable(text) else text
        csv.write_bytes(told if isinstance(told, bytes) else told.encode())
        return opened(csv)

    return Kind(hand_in, words)


def line(old: str, new: str, *words: str) -> Kind:
    """A CSV with one thing replaced, once."""
    return table(lambda text: text.replace(old, new, 1), *words)


def note(text: str, *words: str) -> Kind:
    """A ``corpus.toml`` beside a healthy corpus."""

    def hand_in(folder: Path) -> str:
        csv = corpus(folder)
        (folder / "corpus.toml").write_text(text, "utf-8")
        return typed(folder, "--corpora", str(csv), "--dry-run")

    return Kind(hand_in, ("corpus.toml", *words))


def typed(folder: Path, *options: str) -> str:
    """Raises what ``run_all.py`` prints; its output goes to the folder."""
    out = io.StringIO()
    where = () if "--output" in options else ("--output", str(folder / "out"))
    with redirect_stdout(out), redirect_stderr(out):
        try:
            code = run_all([*options, *where])
        except SystemExit as stopped:
            code = stopped.code
    if not code:
        raise AssertionError(f"it was accepted: {out.getvalue()[-300:]}")
    if "Traceback" in out.getvalue():
        raise AssertionError(out.getvalue())
    raise DsliteError(out.getvalue())


def options(*given: str, says: tuple[str, ...]) -> Kind:
    """Options that do not go. ``{folder}`` is an empty one."""
    return Kind(lambda folder: typed(folder, *(one.format(folder=folder) for one in given)), says)


def weight_file(data: bytes) -> Kind:
    name = "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5"

    def hand_in(folder: Path) -> str:
        from dslite.network import load_backbone

        (folder / name).write_bytes(data)
        load_backbone("squeezenet_v1", weights.find_weights("squeezenet_v1", folder))
        raise AssertionError("it was accepted")

    return Kind(hand_in, (name, "squeezenet_v1", "delete it or name another folder"))


def lite(data: bytes, *words: str, card: bool = False) -> Kind:
    """A ``.tflite`` file, opened as a user's program does."""

    def hand_in(folder: Path) -> str:
        (file := folder / "phone.tflite").write_bytes(data)
        read_card(file.read_bytes(), file.name) if card else LiteModel(file)
        raise AssertionError("it was accepted")

    return Kind(hand_in, ("phone.tflite", *words))


def parameters(text: str, values: dict, *words: str) -> Kind:
    """A notebook as a user may have changed it, with the parameters that a run gives it."""

    def hand_in(folder: Path) -> str:
        (file := folder / "train.ipynb").write_text(text)
        filled(file, values)
        raise AssertionError("it was accepted")

    return Kind(hand_in, words)


def packed(name: str, text: str = "{}") -> bytes:
    """A zip with one file."""
    with zipfile.ZipFile(held := io.BytesIO(), "w") as archive:
        archive.writestr(name, text)
    return held.getvalue()


def archive(option: str, data: bytes, *words: str) -> Kind:
    """A zip, handed in by an option."""

    def hand_in(folder: Path) -> str:
        (file := folder / "theirs.zip").write_bytes(data)
        return typed(folder, option, str(file))

    return Kind(hand_in, ("theirs.zip", *words))


NAN = np.full(RATE, np.nan, np.float32)
SKIPPED = "skipped"

KINDS: dict[str, Kind] = {
    # audio
    "an empty file": audio(content(b""), SKIPPED, "empty"),
    "text": audio(content(b"no audio " * 9), SKIPPED, "not readable as audio"),
    "a web page that was saved in its place": audio(content(b"<!DOCTYPE html><html>404</html>"), SKIPPED),
    "a pointer of Git LFS": audio(
        content(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"), SKIPPED, "git lfs pull"
    ),
    "a ZIP": audio(content(b"PK\x03\x04" + bytes(99)), SKIPPED),
    "a film": audio(content(b"\0\0\0\x20ftypisom" + bytes(200)), SKIPPED, "ffmpeg"),
    "a WAV of which 30 bytes are there": audio(shortened(".wav", 30 / 32_044), SKIPPED),
    "a WAV that ends early": audio(shortened(".wav", 0.5), SKIPPED, "truncated"),
    "a FLAC that ends early": audio(shortened(".flac", 0.5), SKIPPED),
    "an Ogg that ends early": audio(shortened(".ogg", 0.2)),
    "an MP3 that ends early": audio(shortened(".mp3", 0.3)),
    "no channels": audio(at(22, "<H", 0), SKIPPED),
    "65,535 channels": audio(at(22, "<H", 65_535), SKIPPED),
    "0 Hz": audio(at(24, "<I", 0), SKIPPED),
    "4 GHz": audio(at(24, "<I", 4_000_000_000), SKIPPED),
    "an unknown code": audio(at(20, "<H", 0x7777), SKIPPED),
    "not a number": audio(samples(NAN, subtype="FLOAT"), SKIPPED, "NaN"),
    "infinite": audio(samples(np.full(RATE, np.inf, np.float32), subtype="FLOAT"), SKIPPED, "infinite"),
    "as loud as 1e30": audio(samples(np.full(RATE, 1e30, np.float32), subtype="FLOAT"), SKIPPED, "1e+30"),
    "silence": audio(samples(np.zeros(RATE))),
    "no sample": audio(samples(np.zeros(0)), SKIPPED),
    "one sample": audio(samples(np.ones(1)), SKIPPED),
    "a folder in its place": audio(instead(Path.mkdir), SKIPPED),
    "a link to nowhere": audio(instead(lambda file: file.symlink_to("gone.wav")), SKIPPED),
    "a link to itself": audio(instead(lambda file: file.symlink_to(file.name)), SKIPPED),
    "a pipe": audio(instead(os.mkfifo), SKIPPED),
    "an endless device": audio(instead(lambda file: file.symlink_to("/dev/zero")), SKIPPED),
    # tables
    "an empty table": table("", "own.csv", "filename"),
    "a header alone": table("filename,label\n", "own.csv"),
    "a table without labels": table("filename\na.wav\n", "own.csv", "no column label"),
    "a table without files": table("label\nx\n", "own.csv", "no column filename"),
    "a picture": table(b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "own.csv"),
    "zeros": table(bytes(4096), "own.csv"),
    "a spreadsheet that is no CSV": table(b"PK\x03\x04" + bytes(500), "own.csv", "CSV"),
    "a field of 2 MB": table(lambda text: text + '"' + "a" * 2_000_000 + '",low,s1\n', "own.csv"),
    "a quotation mark that never ends": line("low1a", '"low1a', "own.csv", "line"),
    "a field too many": line("low,s0", "low,s0,x", "own.csv", "line 2"),
    "no label": line(f"{FIRST},low", f"{FIRST},", FIRST, SKIPPED),
    "one class": table(lambda text: text.replace("high,", "low,"), "own.csv", "1"),
    "one speaker": table(lambda text: text.replace("s1", "s0").replace("s2", "s0").replace("s3", "s0")
                         .replace("s4", "s0").replace("s5", "s0"), "speakers", "train, dev and test"),
    "a file twice, with two labels": line(f"{FIRST},low", f"{FIRST},low,s0\n{FIRST},high", FIRST, "more than once"),
    "a file that is not there": line(FIRST, "gone.wav", "gone.wav", SKIPPED),
    "no file that is there": table(lambda text: text.replace(".wav", ".gone"), "own.csv"),
    "a path upwards": line(FIRST, "../a.wav", "../a.wav", "below"),
    "a path with a zero": line(FIRST, "a\0.wav", "own.csv", "no text"),
    "an unknown partition": table("filename,label,partition\nlow0a.wav,low,mine\n", "mine", "train"),
    "a speaker in train and test": table(
        lambda text: "filename,label,speaker,partition\n" + "".join(
            f"{name},{label},{who},{'train' if 'a.' in name else 'dev' if who < 's3' else 'test'}\n"
            for name, label, who in ROWS), "s0", "train"),
    "a class that test lacks": table(
        lambda text: "filename,label,speaker,partition\n" + "".join(
            f"{name},{label},{who},{'train' if who < 's2' else 'dev' if who < 's4' else 'test'}\n"
            for name, label, who in ROWS if label == 'high' or who < 's4'), "test", "low"),
    "a segment that ends before it begins": table(
        lambda text: "filename,label,speaker,start,end\n" + f"{FIRST},low,s0,0.5,0.1\n" + "".join(
            f"{name},{label},{who},0,1\n" for name, label, who in ROWS[1:]), FIRST, "0.5"),
    "a segment that is no number": table(
        "filename,label,start,end\nlow0a.wav,low,soon,1\nhigh0a.wav,high,0,1\n", "soon"),
    # corpus.toml
    "no TOML": note("chunk = = 3", "line 1"),
    "an unknown setting": note("chunks = 3", "chunks", "chunk"),
    "a chunk below zero": note("chunk = -1", "-1"),
    "a chunk in words": note('chunk = "long"', "long"),
    "data of another kind": note('data = "made up"', "made up"),
    "a number for a note": note("note = 3", "note is 3"),
    # options
    "an unknown corpus": options("--corpora", "timit", says=("timit", "Known: ")),
    "a table that is not there": options("--corpora", "gone.csv", says=("gone.csv", "filename,label")),
    "an unknown stage": options("--stages", "deplyo", says=("deplyo", "deploy")),
    "an unknown profile": options("--profile", "fast", says=("fast", "demo")),
    "an unknown base model": options("--backbone", "alexnet", says=("alexnet", "densenet121")),
    "no cores": options("--cores", "0", says=("--cores", "0")),
    "no seeds": options("--seeds", "-1", says=("--seeds", "-1")),
    "a seed in words": options("--seed", "luck", says=("--seed", "luck")),
    "a seed below zero": options("--seed", "-1", "--dry-run", says=("-1",)),
    "an unknown value": options("--set", "unitz=3", "--dry-run", says=("unitz", "units")),
    "a value that cannot be": options("--set", "units=many", "--dry-run", says=("units", "many")),
    "a value out of range": options("--set", "dropout=2", "--dry-run", says=("dropout", "2")),
    "a value without a name": options("--set", "units", "--dry-run", says=("units", "NAME=VALUE")),
    "data that are not there": options("--data", "{folder}/gone", "--dry-run", says=("gone", "folder")),
    "weights that are not there": options("--weights", "{folder}/gone", "--dry-run", says=("gone", "folder")),
    "a file as output": options("--output", "/dev/null", "--corpora", "css", says=("/dev/null", "another --output")),
    "an output that cannot be made": options("--output", "/proc/none", "--corpora", "css", says=("/proc/none",)),
    "no trials": options("--search", "trials=0", says=("--search", "0")),
    "hours below zero": options("--search", "trials=2", "--hours", "-1", "--corpora", "css", says=("-1", "hours")),
    "a source without its stage": options("--source", "ravdess_speech", says=("--source", "--stages graph")),
    "an unknown discrepancy": options(
        "--stages", "ablation", "--corpora", "css", "--discrepancies", "F-99", "--dry-run", says=("F-99", "F-02")
    ),
    "regression of classes": options("--corpora", "css", "--task", "regression", "--dry-run", says=("css", "sleep")),
    "a download that there is not": options("--download", "iemocap", says=("iemocap", "ravdess")),
    # archives and results from elsewhere
    "results that are not there": options("--import-results", "{folder}/gone.zip", says=("gone.zip",)),
    "results that are text": archive("--import-results", b"no zip", "no whole zip"),
    "results that end early": archive("--import-results", packed("artifacts/x.json")[:-30], "no whole zip"),
    "results without a manifest": archive("--import-results", packed("artifacts/x.json"), "manifest.json", "expected"),
    "results with a path outside": archive("--import-results", packed("../x.json"), "../x.json", "out of the folder"),
    "results with a pickle": archive("--import-results", packed("artifacts/x.pkl"), "x.pkl", "run a program"),
    "results of other versions": archive(
        "--import-results", packed("manifest.json", '{"format": 0}'), "manifest.json", "use one commit"
    ),
    "a bundle that is text": archive("--verify", b"no zip", "no whole zip"),
    "a bundle of something else": archive("--verify", packed("photos/x.json"), "neither artifacts/ nor reports/"),
    "an output that was never made": options("--verify", "{folder}/gone", says=("gone",)),
    "results of nothing": options("--export-results", "{folder}/x.zip", says=("no corpus", "run it first")),
    # weights and models
    "weights that are empty": weight_file(b""),
    "weights that are a web page": weight_file(b"<html>404</html>" * 100),
    "weights that end early": weight_file(b"\x89HDF\r\n\x1a\n" + bytes(2000)),
    "an empty model": lite(b"", "TFLite"),
    "a model that is text": lite(b"no model " * 99),
    "a model of zeros": lite(bytes(4096)),
    "a model that ends early": lite(b"\x1c\0\0\0TFL3" + bytes(64)),
    "a model without a card": lite(b"\x1c\0\0\0TFL3" + bytes(64), card=True),
    # notebooks
    "a notebook that is none": parameters("{", {}, "train.ipynb", "JSON", "git checkout"),
    "a notebook of another kind": parameters('{"cells": 3}', {}, "train.ipynb", "git checkout"),
    "a notebook whose parameters are no Python": parameters(
        '{"cells": [{"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "execution_count": null, '
        '"source": "seed = = 1"}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', {"seed": 2}, "train.ipynb",
        "first code cell", "line 1",
    ),
    "a notebook without the parameters' cell": parameters(
        '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', {"corpus": "css"}, "train.ipynb",
        "no code cell", "as it came",
    ),
}  # fmt: skip
