"""eth-account, imported here and nowhere else, because of what comes with it.

It loads py_ecc, which raises Python's recursion limit to 100,000: a JSON text of that depth, from anybody, would then
overrun the C stack and end the process instead of being refused. So the limit is put back. It also takes half a second
to load; what only reads and verifies does without.
"""

from __future__ import annotations

import sys

from eth_account import Account
from eth_account.signers.local import LocalAccount

_LIMIT = 1_000  # Python's own default, for the whole process
sys.setrecursionlimit(min(_LIMIT, sys.getrecursionlimit()))

__all__ = ["Account", "LocalAccount"]
