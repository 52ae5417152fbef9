"""A ledger to measure: three countries and one maker, founded in a folder on a local chain."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from biip.checksums import gs1_standard_check_digit

from ledger.home import Home, Settings
from ledger.keys.store import Ed25519Key, EvmKey, KeyStore
from ledger.opened import Ledger
from ledger.services.record.append import Submission, now_ms
from ledger.services.record.founding import FoundingPlan
from ledger.services.units.segment import build
from ledger.wiring.founding import found_ledger
from ledger.wiring.reader import open_ledger
from ledger.wiring.writer import LOG_KEY
from verifier.record.founding import NO_WITNESSES, Authority
from verifier.record.participant import Role, name_commitment
from verifier.record.statement import Domain, Kind, Proposal, Statement, header, sign, verify
from verifier.record.struct import ZERO32
from verifier.segment.view import salt_commitment
from verifier.tree.note_key import VerifierKey

ORIGIN = "carnet.example/bench"
PREFIX = "9521234"
GTIN, OTHER_GTIN = "09521234000013", "09521234000020"
_COUNTRIES = ("NL", "KE", "BR")


@dataclass(frozen=True, slots=True)
class Scene:
    """A founded ledger whose maker holds the prefix of `GTIN`."""

    home: Home
    maker: EvmKey

    @classmethod
    def found(
        cls, folder: Path, witness_policy: str = NO_WITNESSES, trust: Callable[[VerifierKey], None] = lambda _key: None
    ) -> Scene:
        """Found it; takes about a second. `trust`: told the log's key before anything is signed."""
        home = Home(folder, Settings(home=folder, database=None, chain_rpc=None))
        home.create()
        keys = KeyStore(home.keys)
        log_key, operator = keys.create_ed25519(LOG_KEY).note_key(ORIGIN).verifier, keys.create_evm("operator")
        trust(log_key)
        seats = [
            (keys.create_evm(f"authority-{c.lower()}"), c, keys.create_evm(f"again-{c.lower()}")) for c in _COUNTRIES
        ]
        authorities = tuple(Authority(key.address, c, recovery.address) for key, c, recovery in seats)

        def approve(kind: Proposal, body: Mapping[str, Any], domain: Domain) -> Sequence[str]:
            return [sign(kind, body, domain, key.secret) for key, _, _ in seats[:2]]

        plan = FoundingPlan(ORIGIN, authorities, log_key, operator.address, witness_policy)
        found_ledger(home, plan, approve, "http://127.0.0.1:8000", lambda _line: None)
        maker = keys.create_evm("maker")
        with open_ledger(home, write=True, chain=True) as ledger:
            salt = secrets.token_bytes(32)
            admission = {
                "participant": maker.address,
                "role": int(Role.MANUFACTURER),
                "country": "NL",
                "nameHash": "0x" + name_commitment(salt, "Maker").hex(),
            }
            grant = {"holder": maker.address, "prefix": PREFIX}
            for kind, fields in ((Proposal.PARTICIPANT_ADMITTED, admission), (Proposal.PREFIX_GRANTED, grant)):
                body = {**header(now_ms() - 2_000), **fields}
                assert ledger.evm is not None
                ledger.evm.execute(kind, body, approve(kind, body, ledger.founding.domain))
            ledger.participants.keep_name(maker.address, "Maker", salt)
            ledger.anchor_now()
        return cls(home, maker)

    @contextmanager
    def open(self, *, chain: bool = False) -> Iterator[Ledger]:
        """Open it as its writer."""
        with open_ledger(self.home, write=True, chain=chain) as ledger:
            yield ledger

    def auditor(self, ledger: Ledger) -> EvmKey:
        """An auditor admitted by two countries: somebody else than the operator has to confirm an index."""
        keys = KeyStore(self.home.keys)
        auditor, salt = keys.create_evm("auditor"), bytes(32)
        admission = {
            "participant": auditor.address,
            "role": int(Role.AUDITOR),
            "country": "KE",
            "nameHash": "0x" + name_commitment(salt, "Auditor").hex(),
        }
        body = {**header(now_ms() - 2_000), **admission}
        votes = [
            sign(Proposal.PARTICIPANT_ADMITTED, body, ledger.founding.domain, keys.load_evm(name).secret)
            for name in ("authority-nl", "authority-ke")
        ]
        assert ledger.evm is not None
        ledger.evm.execute(Proposal.PARTICIPANT_ADMITTED, body, votes)
        ledger.anchor_now()
        return auditor

    def label_key(self) -> Ed25519Key:
        """A key for label signatures."""
        return KeyStore(self.home.keys).create_ed25519(f"label-{secrets.token_hex(4)}")

    def sign(self, domain: Domain, kind: Kind, body: Mapping[str, Any]) -> Statement:
        """A statement of the maker."""
        full = {**header(now_ms()), **body}
        return Statement(kind, full, self.maker.address, sign(kind, full, domain, self.maker.secret))

    def segment(self, ledger: Ledger, lot: str, serials: Sequence[str], salt: bytes, gtin: str = GTIN) -> bytes:
        """Build and store a segment; returns its root."""
        with ledger.segments.scratch() as path:
            built = build(gtin, lot, serials, salt, path)
            ledger.segments.put(built.root, path, built.n, move=True)
        return built.root

    def registration(
        self,
        domain: Domain,
        lot: str,
        count: int,
        root: bytes,
        salt: bytes,
        label_key: bytes | None = None,
        gtin: str = GTIN,
    ) -> Statement:
        """A registration of `count` imported serials under `root`."""
        body = {
            "gtin": gtin,
            "lot": lot,
            "unitCount": str(count),
            "segmentRoot": "0x" + root.hex(),
            "saltCommitment": "0x" + salt_commitment(salt).hex(),
            "salt": ZERO32,
            "serialSource": 2,
            "serialSpaceBits": 0,
            "labelKey": "0x" + label_key.hex() if label_key is not None else ZERO32,
            "labelCarriers": ["qr"] if label_key is not None else [],
            "markets": [],
            "expires": "",
        }
        return self.sign(domain, Kind.BATCH_REGISTERED, body)


class Registrations:
    """Registrations made ahead, each for a lot of its own; one segment serves them all, as nobody scans here."""

    def __init__(self, scene: Scene, ledger: Ledger, first: int = 1, products: int = 1) -> None:
        """`products`: how many GTINs they are spread over."""
        self._scene, self._domain = scene, ledger.founding.domain
        self._gtins = [_gtin(item) for item in range(1, 1 + products)]
        self._root = scene.segment(ledger, "ALL", ["A1"], bytes(32))
        self._next = first

    def make(self, count: int) -> list[tuple[Statement, bytes]]:
        """That many statements with their salts."""
        return [self._one() for _ in range(count)]

    def _one(self) -> tuple[Statement, bytes]:
        lot = f"B{self._next}"
        self._next += 1
        salt = sha256(lot.encode()).digest()
        gtin = self._gtins[self._next % len(self._gtins)]
        return self._scene.registration(self._domain, lot, 1, self._root, salt, gtin=gtin), salt


def _gtin(item: int) -> str:
    """A GTIN-14 under PREFIX; the first is GTIN."""
    digits = "0" + PREFIX + str(item).zfill(12 - len(PREFIX))
    return digits + str(gs1_standard_check_digit(digits))


def grow(scene: Scene, ledger: Ledger, size: int) -> None:
    """Fill the log in full groups; the salts of these batches are not kept, nobody will look into them."""
    assert ledger.sequencer is not None
    domain, futures = ledger.founding.domain, []
    for statement, _ in Registrations(scene, ledger, first=size).make(size - ledger.record.size):
        touches = frozenset({statement.body["lot"]})
        digest = verify(statement, domain)
        futures.append(
            ledger.sequencer.enqueue(
                Submission(Kind.BATCH_REGISTERED, statement.body, statement.actor, statement.signature, digest, touches)
            )
        )
    for future in futures:
        future.result()
