// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ILedgerAnchor} from "./interfaces/ILedgerAnchor.sol";
import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {RFC9162} from "./lib/RFC9162.sol";

/// @title Newest anchored head of each log
contract LedgerAnchor is ILedgerAnchor {
    struct Head {
        uint64 size;
        bytes32 root;
    }

    IParticipantRegistry private immutable _registry;
    mapping(bytes32 logId => Head) private _heads;

    constructor(IParticipantRegistry registry_) {
        _registry = registry_;
    }

    /// @inheritdoc ILedgerAnchor
    function anchor(bytes32 logId, uint64 previousSize, uint64 size, bytes32 root, bytes32[] calldata proof)
        external
    {
        address operator = _registry.operatorOf(logId);
        if (msg.sender != operator) revert AnchorNotOperator(msg.sender, operator);
        if (size == 0) revert AnchorEmptyLog(logId);

        Head storage stored = _heads[logId];
        uint64 storedSize = stored.size;
        bytes32 storedRoot = stored.root;
        if (size == storedSize) {
            // Sent twice, say after a time-out: the first one has done it.
            if (root == storedRoot) return;
            revert AnchorOtherRoot(size, root, storedRoot);
        }
        if (size < storedSize) revert AnchorSmallerSize(size, storedSize);
        if (previousSize != storedSize) revert AnchorPreviousSizeMismatch(previousSize, storedSize);
        if (storedSize == 0) {
            if (proof.length != 0) revert AnchorUnexpectedProof(proof.length);
        } else {
            if (proof.length > RFC9162.MAX_PROOF) revert AnchorProofTooLong(proof.length, RFC9162.MAX_PROOF);
            if (!RFC9162.verifyConsistency(storedSize, storedRoot, size, root, proof)) {
                revert AnchorInconsistent(storedSize, storedRoot, size, root);
            }
        }

        stored.size = size;
        stored.root = root;
        emit Anchored(logId, size, root, storedSize);
    }

    /// @inheritdoc ILedgerAnchor
    function head(bytes32 logId) external view returns (uint64 size, bytes32 root) {
        Head storage stored = _heads[logId];
        return (stored.size, stored.root);
    }

    /// @inheritdoc ILedgerAnchor
    function registry() external view returns (address) {
        return address(_registry);
    }
}
