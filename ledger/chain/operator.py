"""One ledger's view of the chain: its registry's decisions and its anchor contract, through the operator's key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ledger.chain.evm import AnchoredEvent, EvmChain
from ledger.keys.account import LocalAccount
from ledger.ports import AnchoredHead
from ledger.services.outward.anchoring import AnchorState
from verifier.errors import Refused
from verifier.record.founding import Founding
from verifier.record.participant import Mirrored


class LedgerChain:
    """The contracts that a founding names. `key` is the operator's; without it nothing can be anchored."""

    def __init__(self, evm: EvmChain, founding: Founding, key: LocalAccount | None) -> None:
        evm.use(founding.registry, founding.anchor)
        self._evm, self._log_id, self._key = evm, founding.log_id, key

    def proposals(self, after_sequence: int) -> Iterator[Mirrored]:
        """Executed proposals after a sequence number, from final blocks, in order and without gaps."""
        return self._evm.proposals(after_sequence)

    def anchored(self) -> AnchoredHead:
        """The head the contract holds (size 0 before the first anchor)."""
        return AnchoredHead(*self._evm.head(self._log_id))

    def events(self) -> Iterator[AnchoredEvent]:
        """Every anchor of this log in final blocks, oldest first, by eth_getLogs."""
        return self._evm.anchored_events(self._log_id)

    def accepted(self, size: int) -> tuple[int, str, int, str] | None:
        """The final anchor of exactly this size: previous size, transaction hash, block number, block hash."""
        for event in self.events():
            if event.size == size:
                return event.previous_size, event.transaction, event.block_number, event.block_hash
        return None

    def build(self, previous_size: int, size: int, root: bytes, proof: Sequence[bytes]) -> tuple[bytes, str, int]:
        """Sign an anchor transaction; returns raw bytes, transaction hash, nonce. Sends nothing.

        Raises Refused (`operator_key_missing`), Unavailable.
        """
        if self._key is None:
            raise Refused("couldn't anchor: the operator's key is not in this home", code="operator_key_missing")
        signed = self._evm.build_anchor(self._key, self._log_id, previous_size, size, root, proof)
        return signed.raw, signed.tx_hash, signed.nonce

    def send(self, raw: bytes) -> None:
        """Send (again) a signed transaction; one that the chain has is no error."""
        self._evm.send_raw(raw)

    def locate(self, tx_hash: str) -> tuple[AnchorState, int | None, str | None]:
        """Where a transaction stands: state, block number, block hash."""
        receipt = self._evm.receipt(tx_hash)
        if receipt is None:
            known = self._evm.known(tx_hash)
            return (AnchorState.SUBMITTED if known else AnchorState.BUILT), None, None
        if not receipt.succeeded:
            state = AnchorState.REVERTED
        else:
            state = AnchorState.FINAL if receipt.final else AnchorState.MINED
        return state, receipt.block_number, receipt.block_hash

    def refusal(self, tx_hash: str) -> str:
        """The contract's own words for a transaction that reverted."""
        return str(self._evm.revert_reason(tx_hash))

    def raised(self, raw: bytes) -> tuple[bytes, str] | None:
        """The same transaction for a higher fee, or None. Raises Refused (`operator_key_missing`), Unavailable."""
        if self._key is None:
            raise Refused("couldn't anchor: the operator's key is not in this home", code="operator_key_missing")
        signed = self._evm.raised(self._key, raw)
        return (signed.raw, signed.tx_hash) if signed is not None else None

    def used(self, nonce: int) -> bool:
        """Whether the operator's account has a transaction with that nonce in a block."""
        return self._key is not None and self._evm.sent(self._key.address) > nonce

    def height(self) -> int:
        """The number of the node's newest block."""
        return self._evm.height()
