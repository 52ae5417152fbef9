"""The wiring of a mirror: a home that holds a verified copy of somebody else's log.

The first look makes the home: `ledger.json` says whose copy it is, and names the pin that everything is believed by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace

from sqlalchemy import Engine

from ledger.home import Home, LedgerConfig
from ledger.keys.vault import FILE, Vault
from ledger.opened import Ledger
from ledger.remote.files import read_checkpoint, read_tile
from ledger.remote.http import HttpFiles, log_url
from ledger.remote.log import PublishedRemote, SaltClient, server_of
from ledger.remote.source import read_founding
from ledger.services.copies.following import Follower, Kept
from ledger.services.copies.mirroring import FOLLOW_SECONDS, Alarm, Mirroring, MirrorView
from ledger.services.outward.publishing import Publisher
from ledger.services.outward.witnessed import with_cosignatures
from ledger.services.record.append import now_ms
from ledger.services.scans.verification import AsOf
from ledger.storage.cosignature import CosignatureTable
from ledger.storage.database import open_database
from ledger.storage.evidence import EvidenceFolder
from ledger.storage.log import LogStore
from ledger.storage.migrate import upgrade
from ledger.storage.seal import SealTable
from ledger.storage.secret import SecretTable
from ledger.storage.segment import SegmentStore
from ledger.storage.signed_head import SignedHeadFile
from ledger.wiring.reader import open_ledger
from verifier.errors import CarnetError, Malformed, Refused, Unavailable
from verifier.record.founding import log_id
from verifier.record.head import claimed_head
from verifier.record.record import Record
from verifier.record.rules import KNOWN, Rules


@dataclass(frozen=True, slots=True)
class MirrorPlan:
    """What to follow and how. `pin` None: as this home knows it; `token`: of scope `salt`, sent to that server only.

    `known`: the versions of the rules that this mirror has.
    """

    url: str
    pin: bytes | None = None
    token: str | None = None
    base_url: str = "http://127.0.0.1:8000"
    interval: float = FOLLOW_SECONDS
    known: Rules = KNOWN


@contextmanager
def open_mirror(home: Home, plan: MirrorPlan, on_alarm: Callable[[Alarm], None]) -> Iterator[tuple[Ledger, Mirroring]]:
    """Open a mirror's copy for answering, brought up to date once; `start()` of what comes with it goes on from there.

    A log that cannot be reached, or that says what does not check, is a `trouble` once there is a copy, and an error
    before. So is an `alarm`.

    Raises Refused (`founded`, `other_log`, `writer_busy`), Malformed (`url`, `pin_needed`), Unavailable, ProofInvalid,
    NotFound (`not_published`).
    """
    with ExitStack() as stack:
        files = stack.enter_context(HttpFiles(plan.url))
        _prepare(home, plan, files)
        stack.enter_context(home.writer())
        home.close_to_others()
        _first_copy(home, plan, files)
        ledger = stack.enter_context(open_ledger(home, known=plan.known))
        follower = _follower(home, plan, files, ledger.engine, stack)
        follower.checked_at = ledger.freshness.read_at
        follower.serve(ledger.record)
        ledger.freshness.newest = lambda: ledger.record.recorded_at
        publisher = _publisher(ledger)

        def after(_size: int) -> None:
            if follower.paused is None:  # the registry is heard through the log, to its end
                ledger.freshness.read_now()
            publisher.round()

        follower.after = after
        following = ledger.following = Mirroring(follower, interval=plan.interval, on_alarm=on_alarm)
        stack.callback(following.close)
        ledger.verification.look_through(lambda as_of: _seen(as_of, following.view))
        with suppress(CarnetError):  # `trouble` or `alarm` says it
            following.round()
        yield ledger, following


def _prepare(home: Home, plan: MirrorPlan, files: HttpFiles) -> None:
    """Make the home of a new mirror, or make sure that this one is a mirror of that log."""
    url = log_url(plan.url)
    if home.founded:
        config = home.config()
        if config.mirror_of is None:
            raise Refused(
                f"couldn't mirror into {home.path}: a ledger of its own was founded there; give --home", code="founded"
            )
        if plan.pin is not None and plan.pin.hex() != config.pin:
            raise Refused(
                f"couldn't mirror into {home.path}: it holds a copy of the log with the pin {config.pin}",
                code="other_log",
            )
        if config.mirror_of != url:
            home.save_config(replace(config, mirror_of=url))  # the log has moved; the pin says that it is the same
        return
    if plan.pin is None:
        raise Malformed(
            "couldn't mirror: no founding pin is known here; give --founding, as somebody you trust told you",
            code="pin_needed",
        )
    size = claimed_head(read_checkpoint(files)).size
    founding = read_founding(lambda level, n, width: read_tile(files, level, n, width), size, plan.pin, plan.known)
    home.create()
    if not (home.keys / FILE).exists():
        Vault.create(home.keys)
    # If we stop before this line, a home without ledger.json remains: made again from the same pin.
    home.save_config(
        LedgerConfig(
            origin=founding.origin, base_url=plan.base_url, pin=founding.pin.hex(), chain_id=founding.chain_id,
            registry=founding.registry, anchor=founding.anchor, mirror_of=url,
            database=home.settings.database.get_secret_value() if home.settings.database else None,
        )
    )  # fmt: skip


def _first_copy(home: Home, plan: MirrorPlan, files: HttpFiles) -> None:
    """Fetch the log into an empty database: only a log with a founding can be opened and answer."""
    with ExitStack() as stack:
        engine = open_database(home.database_url)
        stack.callback(engine.dispose)
        upgrade(engine)
        if LogStore(engine, log_id(home.config().origin)).head().size == 0:
            follower = _follower(home, plan, files, engine, stack)
            if follower.round() == 0:
                raise Unavailable(f"couldn't begin to mirror: {follower.waiting}", code="not_witnessed_yet")


def _follower(home: Home, plan: MirrorPlan, files: HttpFiles, engine: Engine, stack: ExitStack) -> Follower:
    config = home.config()
    log = LogStore(engine, log_id(config.origin))
    store = SegmentStore(home.segments)
    salts = SaltClient(server_of(log_url(plan.url)), plan.token) if plan.token else None
    if salts is not None:
        stack.callback(salts.close)
    kept = Kept(
        log, SignedHeadFile(home.signed_head), SecretTable(engine, Vault.open(home.keys)), SealTable(engine),
        CosignatureTable(engine), EvidenceFolder(home.path),
    )  # fmt: skip
    remote = PublishedRemote(files, store, salts)
    return Follower(remote, kept, bytes.fromhex(config.pin), lambda: Record(store.open, plan.known))


def _seen(as_of: AsOf, view: MirrorView) -> AsOf:
    return replace(as_of, mirror=view, doubted=not view.sound(now_ms()))


def _publisher(ledger: Ledger) -> Publisher:
    """The mirror's own published copy: the same files, under the same signed checkpoint."""
    return Publisher(
        ledger.log, ledger.record, ledger.published, SealTable(ledger.engine),
        lambda size, note: with_cosignatures(note, ledger.witnessed.lines(size)),
    )  # fmt: skip
