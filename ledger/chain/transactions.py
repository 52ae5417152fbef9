"""Transactions on an EVM chain: signing, sending, following, and the contract's own words when one fails."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from ledger.chain.abi import Revert, decode_result, decode_revert, encode_call
from ledger.chain.finality import Finality
from ledger.chain.rpc import Caller, RpcError
from ledger.keys.account import Account, LocalAccount, transaction_fields
from verifier.errors import Refused, Unavailable

MINING_SECONDS = 60.0
"""How long a transaction may take into a block. A QBFT chain has a block every 1 to 5 seconds."""
RESEND_SECONDS = (0.2, 0.5, 1.0, 2.0)
"""Pauses after an answer that got lost; the same bytes can be mined only once."""
_POLL_SECONDS = 0.1
FEE_RISE = 9 / 8
"""How much more a replacing transaction must pay (Geth: 10 %; 12.5 % if the base fee rises that much)."""
FEE_CEILING = 10
"""The ceiling for a replacement, as a multiple of the fee that the node asks now."""
_GAS_FREE = {"maxFeePerGas": 0, "maxPriorityFeePerGas": 0}
_CLOCK_ERRORS = {"RegistryIssuedInFuture", "RegistryEffectiveTimeOutOfRange"}
"""A rehearsal may run at the time of the last block, hours ago on an idle chain; these may be its mistake."""


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A transaction ready to be sent: raw bytes, hash (0x, 64 lower hex), nonce, sender (0x, 40 lower hex)."""

    raw: bytes
    tx_hash: str
    nonce: int
    sender: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """A transaction in a block. `succeeded` is False when the contract reverted; `final` by the chain's finality."""

    tx_hash: str
    succeeded: bool
    final: bool
    block_number: int
    block_hash: str
    gas_used: int
    contract: str | None


class ChainRefused(Refused):
    """A contract refused. `reason` has its custom error, `tx_hash` the transaction if one was mined."""

    default_code = "chain_refused"

    def __init__(self, reason: Revert, tx_hash: str | None = None) -> None:
        where = f" transaction {tx_hash}" if tx_hash else ""
        super().__init__(f"couldn't change the chain: the contract refused{where} with {reason}")
        self.reason = reason
        self.tx_hash = tx_hash


def transaction_hash(raw: bytes) -> str:
    """The hash of a signed transaction, 0x and 64 lower hex."""
    return "0x" + keccak(raw).hex()


class Transactions:
    """Signs and follows transactions of one chain; on a chain without fees every fresh key can send.

    `send` replaces plain `eth_sendRawTransaction` where transactions must be journalled, `close` ends what
    was started for it.
    """

    def __init__(
        self,
        rpc: Caller,
        *,
        finality: Finality | None = None,
        relay: LocalAccount | None = None,
        send: Callable[[bytes], None] | None = None,
        close: Callable[[], None] | None = None,
    ) -> None:
        self.rpc = rpc
        self.finality = finality or Finality()
        # Proposals count by the signatures in them, so anybody may relay; without fees a key made now can.
        self.relay: LocalAccount = relay or Account.create()
        self._send = send or self._send_plain
        self._close = close
        self._lock = threading.Lock()
        self._chain_id: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the chain; a local node that was started for it ends."""
        if self._close is not None:
            self._close()

    @property
    def chain_id(self) -> int:
        """The chain's id. Raises Unavailable."""
        if self._chain_id is None:
            self._chain_id = int(self.rpc.call("eth_chainId"), 16)
        return self._chain_id

    def build(
        self, key: LocalAccount, to: str | None, data: bytes, gas: int, nonce: int | None = None
    ) -> SignedTransaction:
        """Sign a transaction; `to` None creates a contract. Without `nonce` the chain's next one is taken."""
        if nonce is None:
            nonce = int(self.rpc.call("eth_getTransactionCount", key.address, "pending"), 16)
        fields: dict[str, Any] = {"chainId": self.chain_id, "nonce": nonce, "gas": gas, "value": 0, "data": data}
        fields |= self._fees()
        if to is not None:
            fields["to"] = to_checksum_address(to)
        signed = key.sign_transaction(fields)
        tx_hash = "0x" + bytes(signed.hash).hex()
        return SignedTransaction(bytes(signed.raw_transaction), tx_hash, nonce, key.address.lower())

    def raised(self, key: LocalAccount, raw: bytes) -> SignedTransaction | None:
        """The same transaction for a fee that replaces it: at least an eighth more, and what the node asks now.

        None when there is no fee to raise, or it stands at FEE_CEILING times what the node asks. Raises Unavailable.
        """
        fields, asked = transaction_fields(raw), self._fees()
        before = {name: fields.pop(name, 0) for name in ("maxFeePerGas", "maxPriorityFeePerGas", "gasPrice")}
        most = max(before.values())
        fees = {
            name: max(fee, math.ceil((before[name] or most) * FEE_RISE)) if before[name] or most else fee
            for name, fee in asked.items()
        }
        if fees == {name: before[name] for name in fees} or any(
            fee > FEE_CEILING * max(asked.values()) for fee in fees.values()
        ):
            return None
        to = fields["to"]
        kept = {"chainId": self.chain_id, "to": to_checksum_address(to) if to else b"", **fees}
        names = ("nonce", "gas", "value", "data")
        signed = key.sign_transaction({**{name: fields[name] for name in names}, **kept})
        tx_hash = "0x" + bytes(signed.hash).hex()
        return SignedTransaction(bytes(signed.raw_transaction), tx_hash, fields["nonce"], key.address.lower())

    def sent(self, address: str) -> int:
        """How many transactions of an account are in blocks: the nonce of its next one. Raises Unavailable."""
        return int(self.rpc.call("eth_getTransactionCount", address, "latest"), 16)

    def height(self) -> int:
        """The number of the newest block. Raises Unavailable."""
        return int(self.rpc.call("eth_blockNumber"), 16)

    def send_raw(self, raw: bytes) -> None:
        """Send a signed transaction; one that the chain has already is no error.

        Raises Refused (`chain_refused`) when the node does not take it, Unavailable.
        """
        try:
            self._send(raw)
        except RpcError as error:
            if self._known(raw):
                return
            raise Refused(f"couldn't send a transaction: {error.reason}", code="chain_refused") from error

    def receipt(self, tx_hash: str) -> Receipt | None:
        """Where a mined transaction stands, or None while it is in no block. Raises Unavailable."""
        found = self.rpc.call("eth_getTransactionReceipt", tx_hash)
        if found is None:
            return None
        number = int(found["blockNumber"], 16)
        return Receipt(
            tx_hash=tx_hash,
            succeeded=int(found["status"], 16) == 1,
            final=number <= self.finality.newest(self.rpc),
            block_number=number,
            block_hash=found["blockHash"],
            gas_used=int(found["gasUsed"], 16),
            contract=found.get("contractAddress"),
        )

    def wait(self, tx_hash: str, seconds: float = MINING_SECONDS) -> Receipt:
        """The receipt, as soon as there is one. Raises Unavailable (`chain_slow`) after `seconds`."""
        deadline = time.monotonic() + seconds
        while (receipt := self.receipt(tx_hash)) is None:
            if time.monotonic() > deadline:
                raise Unavailable(f"couldn't see {tx_hash} in a block within {seconds:.0f} s", code="chain_slow")
            time.sleep(_POLL_SECONDS)
        return receipt

    def known(self, tx_hash: str) -> bool:
        """Whether the node has the transaction, mined or waiting. Raises Unavailable."""
        return self.rpc.call("eth_getTransactionByHash", tx_hash) is not None

    def revert_reason(self, tx_hash: str) -> Revert | None:
        """Why a mined transaction failed, by running it again on the state of its block; None if it did not fail.

        With several transactions in one block the state may differ from the one it met; the name is then ""
        at worst. Raises Unavailable.
        """
        receipt = self.rpc.call("eth_getTransactionReceipt", tx_hash)
        if receipt is None or int(receipt["status"], 16) == 1:
            return None
        if given := receipt.get("revertReason"):  # Besu with --revert-reason-enabled
            return decode_revert(bytes.fromhex(given[2:]))
        sent = self.rpc.call("eth_getTransactionByHash", tx_hash)
        again = {"from": sent["from"], "gas": sent["gas"], "data": sent["input"]}
        if sent["to"]:
            again["to"] = sent["to"]
        number = int(receipt["blockNumber"], 16)
        for block in (number, number - 1):
            try:
                self.rpc.call("eth_call", again, hex(block))
            except RpcError as error:
                return decode_revert(error.data)
        return Revert("", {})

    def view(self, contract: str, address: str, function: str, *arguments: Any, block: str = "latest") -> Any:
        """The return values of a view function, as a tuple. Raises Unavailable, also if no contract is there."""
        data = encode_call(contract, function, *arguments)
        try:
            result = self.rpc.call("eth_call", {"to": address, "data": "0x" + data.hex()}, block)
        except RpcError as error:
            raise Unavailable(f"couldn't ask {contract} at {address}: {error.reason}", code="chain_contract") from error
        if result == "0x":
            raise Unavailable(f"couldn't ask {contract}: there is no contract at {address}", code="chain_contract")
        return decode_result(contract, function, bytes.fromhex(result[2:]))

    def relayed(self, to: str | None, data: bytes, gas: int) -> Receipt:
        """Send with the relay key and wait.

        Raises ChainRefused with the contract's custom error, Refused (`chain_refused`) by the node, Unavailable.
        """
        self._rehearse(to, data, gas)
        # One at a time: two threads would get the same nonce.
        with self._lock:
            signed = self.build(self.relay, to, data, gas)
            self._send_surely(signed)
            receipt = self.wait(signed.tx_hash)
        if not receipt.succeeded:
            raise ChainRefused(self.revert_reason(signed.tx_hash) or Revert("", {}), signed.tx_hash)
        return receipt

    def _send_surely(self, signed: SignedTransaction) -> None:
        """Send; when the answer gets lost, ask for the transaction by its hash, and send the same bytes again.

        Raises Refused (`chain_refused`), Unavailable when the node stays away.
        """
        for pause in RESEND_SECONDS:
            try:
                self.send_raw(signed.raw)
            except Unavailable:
                time.sleep(pause)
            else:
                return
        self.send_raw(signed.raw)

    def _rehearse(self, to: str | None, data: bytes, gas: int) -> None:
        """Ask first: a refusal then costs no transaction."""
        call = {"from": self.relay.address, "gas": hex(gas), "data": "0x" + data.hex()}
        if to is not None:
            call["to"] = to
        try:
            self.rpc.call("eth_call", call, "pending")
        except RpcError as error:
            reason = decode_revert(error.data)
            if reason.name not in _CLOCK_ERRORS and error.data:
                raise ChainRefused(reason) from error

    def _fees(self) -> dict[str, int]:
        block = self.rpc.call("eth_getBlockByNumber", "latest", False)
        base = block.get("baseFeePerGas")
        if base is None:  # a chain without EIP-1559
            return {"gasPrice": int(self.rpc.call("eth_gasPrice"), 16)}
        if int(base, 16) == 0:
            return _GAS_FREE
        tip = int(self.rpc.call("eth_maxPriorityFeePerGas"), 16)
        return {"maxFeePerGas": 2 * int(base, 16) + tip, "maxPriorityFeePerGas": tip}

    def _send_plain(self, raw: bytes) -> None:
        self.rpc.call("eth_sendRawTransaction", "0x" + raw.hex())

    def _known(self, raw: bytes) -> bool:
        return self.known(transaction_hash(raw))
