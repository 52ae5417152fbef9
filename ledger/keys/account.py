"""eth-account, imported only here, because of its side effects.

It loads py_ecc, which raises Python's recursion limit to 100,000: a JSON text of that depth, from anybody, would then
overrun the C stack and end the process instead of being refused. So the limit is put back. It also takes half a second
to load; code that only reads and verifies does not need it.
"""

from __future__ import annotations

import sys
from typing import Any

import rlp  # type: ignore[import-untyped]  # it has no types of its own
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes

_LIMIT = 1_000  # Python's own default, for the whole process
sys.setrecursionlimit(min(_LIMIT, sys.getrecursionlimit()))

__all__ = ["Account", "LocalAccount", "transaction_fields"]


def transaction_fields(raw: bytes) -> dict[str, Any]:
    """The fields of a signed transaction, without its signature, as `sign_transaction` takes them."""
    if raw[0] > 0x7F:  # the form before EIP-2718: nonce, gas price, gas, to, value, data, signature
        nonce, price, gas, to, value, data, *_ = rlp.decode(raw)
        old = {"nonce": nonce, "gasPrice": price, "gas": gas, "value": value}
        return {**{name: int.from_bytes(number) for name, number in old.items()}, "to": to, "data": data}
    fields: dict[str, Any] = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    return {name: value for name, value in fields.items() if name not in ("v", "r", "s", "yParity")}
