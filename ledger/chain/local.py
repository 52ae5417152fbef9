"""The chain of a ledger: an RPC URL if there is one, else a local node whose past is replayed from the journal.

A Hardhat node forgets everything when it ends. A new one with the same genesis time and the same transactions at the
same block times gets the same addresses and block hashes. This is checked, and the result reported.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ledger.chain.evm import EvmChain
from ledger.chain.finality import Finality
from ledger.chain.journal import Genesis, Journal, JournalEntry
from ledger.chain.node import DevNode
from ledger.chain.rpc import Rpc, RpcError
from ledger.chain.transactions import transaction_hash
from ledger.keys.account import LocalAccount
from ledger.ports import Report
from verifier.errors import ProofInvalid, Unavailable

DEV_CHAIN_ID = 31337
"""Hardhat's own; no public chain has it."""
_PROBE_SECONDS = 3.0


def open_chain(
    home: Path,
    rpc: str | None,
    *,
    report: Report = lambda _line: None,
    finality: Finality | None = None,
    relay: LocalAccount | None = None,
    clock: Callable[[], float] = time.time,
) -> EvmChain:
    """Open the chain of the ledger at `home`; close it when done (it is a context manager).

    With `rpc` that node is used as it is. Without, a local node is joined or started and its past replayed;
    `report` takes one line about it.

    Raises Unavailable (`node_missing`, `node_failed`, `chain_unavailable`), ProofInvalid (`replay_mismatch`,
    `journal_damaged`).
    """
    if rpc is not None:
        chain = EvmChain(Rpc(rpc), finality=finality, relay=relay)
        report(f"chain {chain.chain_id} at {chain.rpc.url}")
        return chain
    local = LocalChain(home, report, clock)
    try:
        local.open()
    except BaseException:
        local.close()
        raise
    return EvmChain(local, finality=finality, relay=relay, send=local.send, close=local.close)


class LocalChain:
    """A local node and its journal. Answers calls like a node, and starts another when the node is gone.

    Several processes share one node: the first starts it, the others join by `node.json`. When it ends, with the
    process that started it, the next caller starts another.
    """

    def __init__(self, home: Path, report: Report, clock: Callable[[], float]) -> None:
        self._home = home.resolve()
        self._folder = self._home / "chain"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._address = self._folder / "node.json"
        self._report, self._clock = report, clock
        self._journal = Journal(self._folder / "journal.jsonl")
        self._node: DevNode | None = None
        self._rpc: Rpc | None = None

    @property
    def url(self) -> str:
        """The node's present address."""
        return self._rpc.url if self._rpc else ""

    def open(self) -> None:
        """Join the running node of this home, or start one and replay. Raises as `open_chain`."""
        with self._journal.locked():
            self._ensure()

    def call(self, method: str, *params: Any) -> Any:
        """The result of one JSON-RPC call. Raises Unavailable, RpcError."""
        try:
            return self._call(method, *params)
        except RpcError:
            raise
        except Unavailable:
            # The process that started the node may have ended, and the node with it.
            self.open()
            return self._call(method, *params)

    def send(self, raw: bytes) -> None:
        """Journal a signed transaction and send it; it is in a block when this returns.

        Raises RpcError when the node does not take it, Unavailable, ProofInvalid (`chain_foreign_block`).
        """
        with self._journal.locked():
            self._ensure()
            if self._call("eth_getTransactionByHash", transaction_hash(raw)) is not None:
                return
            latest = self._call("eth_getBlockByNumber", "latest", False)
            timestamp = max(int(self._clock()), int(latest["timestamp"], 16))
            entry = self._journal.intend(raw, timestamp)
            try:
                self._finish(entry)
            except Unavailable:
                self._ensure()  # a new node, which takes this one last
            if entry.dropped is not None:
                raise RpcError("eth_sendRawTransaction", entry.dropped, b"")

    def close(self) -> None:
        """End the node if this process started it."""
        if self._node is None:
            return
        with self._journal.locked():
            if self._recorded().get("pid") == self._node.pid:
                self._address.unlink()
            self._node.stop()
            self._node = None

    # 1 join the node we know, 2 join the one of node.json, 3 start one and replay; then finish what is pending

    def _ensure(self) -> None:
        if not (self._rpc and self._answers(self._rpc)) and not self._join():
            self._start()
        if self._journal.pending is not None:
            self._finish(self._journal.pending)

    def _answers(self, rpc: Rpc) -> bool:
        """Whether the node is there; its newest block must then be the journal's."""
        try:
            latest = rpc.call("eth_getBlockByNumber", "latest", False)
            expected = self._newest_hash()
            if latest["hash"] == expected or self._is_pending(rpc, latest["hash"]):
                return True
        except Unavailable:
            return False
        raise ProofInvalid(
            f"couldn't go on with the local chain at {rpc.url}: block {int(latest['number'], 16)} is {latest['hash']},"
            f" the journal ends with {expected}; somebody sent a transaction past the journal",
            code="chain_foreign_block",
        )

    def _join(self) -> bool:
        recorded, genesis = self._recorded(), self._journal.genesis
        # A copy of a home contains the address of the original's node, which belongs to another home.
        if genesis is None or recorded.get("home") != str(self._home):
            return False
        probe = Rpc(recorded["url"], timeout=_PROBE_SECONDS)
        try:
            first = probe.call("eth_getBlockByNumber", "0x0", False)
        except Unavailable:
            return False
        # Another program may have been given the port since.
        if not isinstance(first, dict) or first.get("hash") != genesis.block_hash or not self._answers(probe):
            return False
        self._rpc = Rpc(recorded["url"])
        self._report(f"joined the local chain at {self._rpc.url}")
        return True

    def _start(self) -> None:
        genesis = self._journal.genesis
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock()))
        if self._node is not None:
            self._node.stop()
        self._node = DevNode.start(
            chain_id=genesis.chain_id if genesis else DEV_CHAIN_ID,
            initial_date=genesis.initial_date if genesis else started,
            log=self._folder / "node.log",
        )
        self._rpc = Rpc(self._node.url)
        first = self._call("eth_getBlockByNumber", "0x0", False)["hash"]
        if genesis is None:
            self._journal.begin(Genesis(DEV_CHAIN_ID, started, first))
            self._report(f"started a local chain for development at {self._node.url}")
        else:
            self._replay(first, genesis)
        self._record(self._node)

    def _replay(self, first: str, genesis: Genesis) -> None:
        entries = [entry for entry in self._journal.entries if entry.block_hash is not None]
        if first == genesis.block_hash and self._transmit_all(entries):
            latest = self._call("eth_getBlockByNumber", "latest", False)
            # Each block names its parent, so the newest hash stands for all.
            if latest["hash"] == self._newest_hash():
                self._call("evm_increaseTime", self._lag())
                self._report(
                    f"replayed {len(entries)} transactions on a local chain at {self.url}, block hashes identical"
                )
                return
        self._mismatch(first, genesis, entries)

    def _transmit_all(self, entries: list[JournalEntry]) -> bool:
        try:
            for entry in entries:
                self._transmit(entry)
        except RpcError:
            return False  # the node took it the first time, so the journal was changed
        return True

    def _mismatch(self, first: str, genesis: Genesis, entries: list[JournalEntry]) -> None:
        assert self._node is not None  # noqa: S101  (it has just been started)
        number, got, expected = 0, first, genesis.block_hash
        for entry in entries if first == genesis.block_hash else ():
            block = self._call("eth_getBlockByNumber", hex(entry.block_number or 0), False)
            if block is None or block["hash"] != entry.block_hash:
                number, expected = entry.block_number or 0, entry.block_hash or ""
                got = block["hash"] if block else "no block"
                break
        self._node.stop()
        self._node = self._rpc = None
        raise ProofInvalid(
            f"couldn't replay the local chain: block {number} came out as {got}, the journal has {expected}",
            code="replay_mismatch",
        )

    def _finish(self, entry: JournalEntry) -> None:
        """Bring a journalled transaction to its outcome: mined before, sent now, or not taken."""
        tx_hash = transaction_hash(entry.raw)
        receipt = self._call("eth_getTransactionReceipt", tx_hash)
        if receipt is None:
            try:
                self._transmit(entry)
            except RpcError as error:
                self._journal.drop(entry, error.reason)
                return
            receipt = self._call("eth_getTransactionReceipt", tx_hash)
        # If we stop before the next line, the next start asks the node, or sends it again at the same time.
        self._journal.mined(entry, int(receipt["blockNumber"], 16), receipt["blockHash"])

    def _transmit(self, entry: JournalEntry) -> None:
        self._call("evm_setNextBlockTimestamp", hex(entry.timestamp))
        self._call("eth_sendRawTransaction", "0x" + entry.raw.hex())

    def _lag(self) -> int:
        """Seconds by which the node's clock, which started at its genesis, is behind ours."""
        pending = self._call("eth_getBlockByNumber", "pending", False)
        return max(0, int(self._clock()) - int(pending["timestamp"], 16))

    def _newest_hash(self) -> str:
        tip, genesis = self._journal.tip, self._journal.genesis
        return (tip.block_hash if tip else genesis.block_hash if genesis else None) or ""

    def _is_pending(self, rpc: Rpc, block_hash: str) -> bool:
        """Whether the block holds the journal's last transaction, whose outcome was not written down."""
        if (pending := self._journal.pending) is None:
            return False
        receipt = rpc.call("eth_getTransactionReceipt", transaction_hash(pending.raw))
        return receipt is not None and receipt["blockHash"] == block_hash

    def _recorded(self) -> dict[str, Any]:
        try:
            recorded = json.loads(self._address.read_text())
        except (OSError, ValueError):
            return {}
        return recorded if isinstance(recorded, dict) and "url" in recorded else {}

    def _record(self, node: DevNode) -> None:
        temporary = self._address.with_suffix(".new")
        temporary.write_text(json.dumps({"url": node.url, "pid": node.pid, "home": str(self._home)}))
        os.replace(temporary, self._address)

    def _call(self, method: str, *params: Any) -> Any:
        if self._rpc is None:
            raise Unavailable("couldn't reach the local chain: it is not open", code="chain_unavailable")
        return self._rpc.call(method, *params)
