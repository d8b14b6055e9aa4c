"""The downloader against a server of our own on 127.0.0.1."""

import hashlib
import io
import os
import shlex
import subprocess
import threading
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dslite.corpora import Archive, download_ravdess, locate, read
from dslite.errors import DsliteError
from dslite.run.cli import main

ROOT = Path(__file__).resolve().parents[1]


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


@pytest.fixture(scope="module")
def song() -> bytes:
    """An archive with the song's 6 emotions by all 23 actors, a tenth of a second each."""
    wav = io.BytesIO()
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, 4800)
    soundfile.write(wav, noise, 48000, format="WAV", subtype="PCM_16")
    actors = [actor for actor in range(1, 25) if actor != 18]
    return zipped(
        {f"Actor_{a:02d}/03-02-{e:02d}-01-01-01-{a:02d}.wav": wav.getvalue() for a in actors for e in range(1, 7)}
    )


class Server:
    """Serves ``content``; can break off after ``cut`` bytes per answer, ignore ranges, or answer with an error."""

    def __init__(self, content: bytes):
        self.content, self.cut, self.ranges, self.error = content, None, True, None
        self.asked: list[str | None] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                wanted = self.headers.get("Range")
                outer.asked.append(wanted)
                if outer.error:
                    self.send_error(outer.error)
                    return
                start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and outer.ranges else 0
                if start >= len(outer.content):
                    self.send_error(416)
                    return
                body = outer.content[start:]
                self.send_response(206 if wanted and outer.ranges else 200)
                if wanted and outer.ranges:
                    end = len(outer.content)
                    self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body if outer.cut is None else body[: outer.cut])

            def log_message(self, *arguments):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def archive(self) -> Archive:
        return Archive(
            url=f"http://127.0.0.1:{self.http.server_port}/song.zip",
            name="song.zip",
            size=len(self.content),
            sha256=hashlib.sha256(self.content).hexdigest(),
        )

    def close(self):
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@pytest.fixture
def serve(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    servers = []

    def start(content: bytes) -> Server:
        servers.append(Server(content))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def get(data, archive, **options):
    return download_ravdess(data, accept=True, archive=archive, pause_s=0, **options)


def test_whole_download_can_be_read_and_is_not_repeated(serve, song, tmp_path):
    server, told = serve(song), []
    folder = get(tmp_path / "data", server.archive(), progress=lambda *bytes_: told.append(bytes_))
    assert folder == locate("ravdess", tmp_path / "data") == tmp_path / "data" / "ravdess"
    corpus = read("ravdess", folder)
    assert len(corpus.clips) == 138 and corpus.clips["rate"].eq(48000).all()
    assert told[-1] == (len(song), len(song)) and told == sorted(told)
    assert os.listdir(tmp_path / "data") == ["ravdess"]  # no archive, no part, no draft
    assert get(tmp_path / "data", server.archive()) == folder and len(server.asked) == 1


def test_without_the_licence_nothing_is_asked_for(serve, song, tmp_path):
    server = serve(song)
    with pytest.raises(DsliteError, match=r"CC BY-NC-SA 4\.0.*--accept-licence"):
        download_ravdess(tmp_path / "data", accept=False, archive=server.archive())
    assert not server.asked and not (tmp_path / "data").exists()


def test_broken_connections_are_taken_up_where_they_broke(serve, song, tmp_path):
    server = serve(song)
    server.cut = len(song) // 3
    get(tmp_path, server.archive())
    assert server.asked == [None, f"bytes={len(song) // 3}-", f"bytes={len(song) // 3 * 2}-"] + (
        [f"bytes={len(song) // 3 * 3}-"] if len(song) % 3 else []
    )
    assert locate("ravdess", tmp_path)


def test_a_later_call_goes_on_and_until_then_nothing_looks_finished(serve, song, tmp_path):
    server = serve(song)
    server.cut = 1000
    with pytest.raises(DsliteError, match="Run the same command again"):
        get(tmp_path, server.archive())
    assert locate("ravdess", tmp_path) is None and not (tmp_path / "ravdess").exists()
    server.cut, seen = None, len(server.asked)
    get(tmp_path, server.archive())
    assert server.asked[seen:] == [f"bytes={1000 * seen}-"]
    assert locate("ravdess", tmp_path)


def test_a_server_without_ranges_starts_again(serve, song, tmp_path):
    server = serve(song)
    (tmp_path / ".song.zip.part").write_bytes(song[:500])
    server.ranges = False
    get(tmp_path, server.archive())
    assert locate("ravdess", tmp_path)


@pytest.mark.parametrize("length", [5, 0], ids=["longer than the archive", "other bytes of the right size"])
def test_a_spoilt_part_is_noticed(serve, song, tmp_path, length):
    server = serve(song)
    (tmp_path / ".song.zip.part").write_bytes(bytes(len(song) + length))
    if length:
        get(tmp_path, server.archive())
    else:
        with pytest.raises(DsliteError, match="SHA-256"):
            get(tmp_path, server.archive())
        get(tmp_path, server.archive())  # the spoilt part is gone
    assert locate("ravdess", tmp_path)


def test_a_wrong_checksum_is_never_unpacked(serve, song, tmp_path):
    archive = replace(serve(song).archive(), sha256="0" * 64)
    with pytest.raises(DsliteError, match="not the expected archive"):
        get(tmp_path, archive)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("content", [b"more", None], ids=["longer", "a log-in page"])
def test_another_file_is_refused_at_once(serve, song, tmp_path, content):
    server = serve(song + content if content else b"<html>Welcome to our hotel</html>")
    with pytest.raises(DsliteError, match="hands out"):
        get(tmp_path, replace(server.archive(), size=len(song)))
    assert not os.listdir(tmp_path) and len(server.asked) == 1


def test_what_is_left_of_a_killed_unpacking_does_not_matter(serve, song, tmp_path):
    (tmp_path / ".ravdess.unpacking" / "Actor_01").mkdir(parents=True)
    (tmp_path / "ravdess").mkdir()
    get(tmp_path, serve(song).archive())
    assert len(read("ravdess", tmp_path / "ravdess").clips) == 138


def test_other_peoples_files_are_not_overwritten(serve, song, tmp_path):
    (tmp_path / "ravdess").mkdir()
    (tmp_path / "ravdess" / "thesis.txt").write_text("mine")
    with pytest.raises(DsliteError, match="not RAVDESS song"):
        get(tmp_path, serve(song).archive())
    assert (tmp_path / "ravdess" / "thesis.txt").read_text() == "mine"


def test_errors_name_what_to_do(serve, song, tmp_path):
    server = serve(song)
    server.error = 404
    with pytest.raises(DsliteError, match="404.*by hand"):
        get(tmp_path, server.archive())
    assert len(server.asked) == 1
    server.error = 503
    with pytest.raises(DsliteError, match="503.*Run the same command again"):
        get(tmp_path, server.archive())
    assert len(server.asked) > 2
    with pytest.raises(DsliteError, match="Run the same command again"):
        get(tmp_path, replace(server.archive(), url="http://127.0.0.1:9/song.zip"))
    with pytest.raises(DsliteError, match="MB are needed"):
        get(tmp_path, replace(server.archive(), size=10**15))


def test_without_a_network_the_archive_is_fetched_by_hand(song, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    archive = Archive("http://127.0.0.1:9/song.zip", "song.zip", len(song), hashlib.sha256(song).hexdigest())
    with pytest.raises(DsliteError) as refused:
        get(tmp_path, archive)
    for said in (archive.url, f"{len(song):,} bytes", archive.sha256, f"into {tmp_path} as song.zip"):
        assert said in str(refused.value)
    place = tmp_path / "song.zip"
    place.write_bytes(song[:-1])  # cut short on the way
    with pytest.raises(DsliteError, match=f"{place} is not the expected archive.* Delete it"):
        get(tmp_path, archive)
    assert place.stat().st_size == len(song) - 1, "somebody's own file is left alone"
    place.write_bytes(song)
    get(tmp_path, archive)
    assert len(read("ravdess", tmp_path / "ravdess").clips) == 138 and place.read_bytes() == song


def asked_by_make(*options: str) -> list[list[str]]:
    """The arguments that `make ravdess` hands to run_all.py, one list per call."""
    make = ["make", "--dry-run", "ravdess", *options]
    outside = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}  # of the make that runs the tests
    said = subprocess.run(make, cwd=ROOT, env=outside, capture_output=True, text=True, check=True).stdout
    return [shlex.split(line)[2:] for line in said.replace("\\\n", " ").splitlines() if "run_all.py" in line]


def test_make_ravdess_leads_from_nothing_to_a_run_on_the_corpus(serve, song, tmp_path, monkeypatch, capsys):
    server = serve(song)
    server.cut = len(song) // 2
    monkeypatch.setitem(download_ravdess.__kwdefaults__, "archive", server.archive())
    monkeypatch.setitem(download_ravdess.__kwdefaults__, "pause_s", 0)
    places = (f"DATA={tmp_path / 'my data'}", f"OUTPUT={tmp_path / 'out'}")
    fetch, run = asked_by_make(*places, "ACCEPT=1", "ARGS=--dry-run")
    assert main(fetch) == 0 and len(server.asked) > 1
    assert main(run) == 0
    licence, plan = capsys.readouterr().out.split("Now run: ")
    assert "CC BY-NC-SA 4.0" in licence and "SYNTHETIC" not in plan
    assert "ravdess: full profile, reading sound, efficientnet_lite0; audio: found in" in plan
    seen = len(server.asked)
    again, _ = asked_by_make(*places)
    assert main(again) == 0 and len(server.asked) == seen
    assert "licence" not in capsys.readouterr().out, "there is nothing to accept"


def test_make_ravdess_takes_the_corpora_that_are_there(monkeypatch):
    monkeypatch.setenv("DSLITE_DATA", "/there")
    assert asked_by_make()[0][2:4] == ["--data", "/there"]
    monkeypatch.delenv("DSLITE_DATA")
    fetch, run = asked_by_make()
    for folder in (fetch[3], run[run.index("--output") + 1]):
        assert f"/{folder}/" in (ROOT / ".gitignore").read_text().split(), "nothing of it is committed"
