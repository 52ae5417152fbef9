"""Gas: what an anchor costs as the log grows. The real contract on a local node, trees larger than any log we store.

All leaves of these trees are equal, so every subtree of a level has one hash and a tree of 10^12 entries fits in a
dictionary; the contract cannot tell, and pays the same for each hash of the proof.
"""

from __future__ import annotations

import statistics
from functools import lru_cache
from hashlib import sha256

from eth_account import Account
from eth_account.signers.local import LocalAccount

from bench import Bench, Figure, benchmark
from ledger.chain.evm import EvmChain
from ledger.chain.local import open_chain
from ledger.services.record.append import now_ms
from verifier.record.founding import Authority
from verifier.record.rules import NEWEST
from verifier.record.statement import Domain, Proposal, header, sign
from verifier.tree.merkle import consistency_proof, leaf_hash, node_hash, root_at

LIMIT = 70_000
"""Gas of an anchor after a log's first one, for logs of up to a million entries (docs/adr/0003)."""
_MILLION = 10**6
_SHOWN = (1_000, 10_000, 100_000, _MILLION, 10**9, 10**12)
_GROWTH = 64  # entries between two anchors of a log that is anchored every few seconds


@benchmark("gas")
def gas(bench: Bench) -> list[Figure]:
    """Anchors of a log that grows to 10^6 entries in small and large steps; with `large` to 10^12."""
    sizes = _sizes(12 if bench.large else 6)
    bench.say(f"{len(sizes)} anchors up to size {sizes[-1]:,}")
    used: list[tuple[int, int, int, int]] = []
    with open_chain(bench.folder, None) as chain:
        log_id, operator = _contracts(chain)
        before = 0
        for size in sizes:
            proof = consistency_proof(before, size, _subtree) if before else ()
            root = root_at(size, _subtree)
            signed = chain.build_anchor(operator, log_id, before, size, root, proof)
            chain.send_raw(signed.raw)
            receipt = chain.wait(signed.tx_hash)
            if not receipt.succeeded:
                raise RuntimeError(f"the contract refused {before} → {size}: {chain.revert_reason(signed.tx_hash)}")
            used.append((before, size, len(proof), receipt.gas_used))
            before = size
    first, later = used[0], used[1:]
    return [
        Figure("first anchor of a log", first[3], "gas"),
        Figure(f"later anchors, median of {len(later)}", statistics.median(one[3] for one in later), "gas"),
        *(Figure(f"{a:,} → {b:,}, {n} hashes", g, "gas") for a, b, n, g in later if b in _SHOWN),
        _dearest([one for one in later if one[1] <= _MILLION], LIMIT),
        *([_dearest(later, None)] if bench.large else []),
    ]


def _dearest(anchors: list[tuple[int, int, int, int]], limit: float | None) -> Figure:
    before, size, hashes, used = max(anchors, key=lambda one: one[3])
    return Figure(f"the dearest: {before:,} → {size:,}, {hashes} hashes", used, "gas", limit=limit)


def _sizes(digits: int) -> list[int]:
    """Around each power of two and of ten, where proofs are longest and shortest, and one step of 64 after each."""
    powers = {10**d for d in range(digits + 1)} | {2**b for b in range(1, (10**digits).bit_length())}
    around = {power + step for power in powers for step in (-1, 0, 1, _GROWTH + 1)}
    return sorted(size for size in around if 1 <= size <= 10**digits)


@lru_cache(maxsize=64)
def _level(level: int) -> bytes:
    return leaf_hash(b"entry") if level == 0 else node_hash(_level(level - 1), _level(level - 1))


def _subtree(level: int, _index: int) -> bytes:
    return _level(level)


def _contracts(chain: EvmChain) -> tuple[bytes, LocalAccount]:
    """Registry and anchor contract of a log with three authorities; returns its id and its operator's key."""
    log_id = sha256(b"carnet.example/gas").digest()
    keys, operator = [Account.create() for _ in range(3)], Account.create()
    countries = ("NL", "KE", "BR")
    chain.deploy_registry(
        log_id,
        [
            Authority(key.address.lower(), country, Account.create().address.lower())
            for key, country in zip(keys, countries, strict=True)
        ],
        NEWEST,
    )
    chain.deploy_anchor()
    body = {**header(now_ms() - 2_000), "logId": "0x" + log_id.hex(), "operator": operator.address.lower()}
    domain = Domain(chain.chain_id, chain.registry, log_id)
    votes = [sign(Proposal.OPERATOR_SET, body, domain, bytes(key.key)) for key in keys[:2]]
    chain.execute(Proposal.OPERATOR_SET, body, votes)
    return log_id, operator
