"""What a home holds is its owner's, and can be read where nothing can be written."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from ledger.home import Home
from ledger.private import close_to_others
from ledger.storage.database import Query, create_all, open_database
from ledger.storage.schema import log_head
from ledger.storage.segment import SegmentStore
from verifier.errors import Unavailable


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def read_only(folder: Path, at: Path) -> Iterator[Path]:
    """The folder once more, where nothing can be written."""
    at.mkdir()
    mounts = (["mount", "--bind", str(folder), str(at)], ["mount", "-o", "remount,ro,bind", str(at)])
    if os.geteuid() or any(subprocess.run(mount, check=False, capture_output=True).returncode for mount in mounts):
        pytest.skip("no read-only folder to be had: run as root where `mount --bind` is allowed")
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


def open_to_others(home: Path) -> set[str]:
    return {
        str(path.relative_to(home))
        for path in [home, *home.rglob("*")]
        if stat.S_IMODE(path.stat().st_mode) & 0o077 and "published" not in path.parts
    }


def test_what_is_made_under_any_umask_is_its_owners(tmp_path: Path) -> None:
    with umask(0):
        home = Home(tmp_path / "home")
        home.create()
        engine = open_database(f"sqlite:///{home.path / 'ledger.db'}")
        create_all(engine)
        SegmentStore(home.segments)
        with engine.connect() as connection:  # its log lies beside it meanwhile
            connection.execute(text("SELECT 1"))
            assert open_to_others(home.path) == set()
        engine.dispose()


def test_what_was_made_otherwise_is_mended_and_said(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create()
    (home.segments / "incoming").mkdir()
    for path, mode in ((home.path, 0o755), (home.segments / "incoming", 0o777), (home.keys, 0o750)):
        path.chmod(mode)
    for name in ("ledger.db", "ledger.db-wal", "keys/log.json"):
        (home.path / name).write_text("x")
        (home.path / name).chmod(0o644)
    said = home.close_to_others()
    assert open_to_others(home.path) == set()
    assert f"{home.path} (was 0755)" in said
    assert len(said) == 6
    assert home.close_to_others() == []


def test_a_folder_for_everybody_stays_one(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    assert close_to_others(tmp_path) is None
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o1777


def test_a_database_on_a_medium_that_is_read_only(tmp_path: Path) -> None:
    """Read as it is; not read at all where part of it would be left out."""
    (tmp_path / "home").mkdir()
    engine = open_database(f"sqlite:///{tmp_path / 'home' / 'ledger.db'}")
    create_all(engine)
    engine.dispose()
    with read_only(tmp_path / "home", tmp_path / "ro") as medium:
        reading = open_database(f"sqlite:///{medium / 'ledger.db'}")
        query = Query(reading, log_head.select())
        assert query.all() == []
        reading.dispose()
        (tmp_path / "home" / "ledger.db-wal").write_bytes(b"x" * 4_096)  # as a server that was killed leaves it
        with pytest.raises(Unavailable, match=r"ledger\.db-wal beside it holds writes"):
            query.all()
