"""The newest head that somebody has seen of a log, compared with its present one: no log takes entries back.

Everybody who asks a log now and then is a small witness. By keeping the last head and comparing, they notice a history
that was rewritten or cut, whatever was shown to others.
"""

from __future__ import annotations

from verifier.tree.checkpoint import Checkpoint
from verifier.tree.merkle import HashReader, root_at


def behind(seen: Checkpoint, now: Checkpoint) -> str | None:
    """A sentence saying that less is shown now than was signed before.

    A copy may lag; the log itself never goes back.
    """
    if now.size >= seen.size:
        return None
    return f"{now.size} entries are shown now, and {seen.size} were signed before: a copy that lags, or a log cut short"


def contradiction(seen: Checkpoint, now: Checkpoint, hashes: HashReader) -> str | None:
    """What is wrong with the head shown now, as a sentence; None if it extends the one seen before.

    Args:
        seen: the newest head kept, its signature checked.
        now: the head shown now, not behind it, its signature checked.
        hashes: the tree under `now`, checked against its root (`verifier.tree.checked_tiles`).

    Raises what `hashes` raises.
    """
    root = now.root if now.size == seen.size else root_at(seen.size, hashes)
    if root != seen.root:
        return (
            f"the log has signed two histories: its first {seen.size} entries had the root {seen.root.hex()}, and have "
            f"{root.hex()} now"
        )
    return None
