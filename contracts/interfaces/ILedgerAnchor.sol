// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @title Where a log's checkpoints are anchored
/// @notice Accepts the head of a log only with a proof that it extends the head accepted before.
/// Nothing here can be deleted, paused or replaced, and nobody owns it.
interface ILedgerAnchor {
    /// @notice A head was accepted. These events are the history; storage holds the newest head only.
    event Anchored(bytes32 indexed logId, uint64 indexed size, bytes32 root, uint64 previousSize);

    /// @notice Only the operator that the registry names for the log may anchor (zero: none is set).
    error AnchorNotOperator(address got, address expected);
    /// @notice A log of size 0 cannot be anchored.
    error AnchorEmptyLog(bytes32 logId);
    /// @notice The same size with another root: two histories of one log.
    error AnchorOtherRoot(uint64 size, bytes32 got, bytes32 expected);
    /// @notice A log never shrinks.
    error AnchorSmallerSize(uint64 got, uint64 stored);
    /// @notice The caller built on another head than the stored one.
    error AnchorPreviousSizeMismatch(uint64 got, uint64 stored);
    /// @notice The first anchor of a log has nothing to be consistent with.
    error AnchorUnexpectedProof(uint256 length);
    /// @notice No tree of 64-bit size needs so long a proof.
    error AnchorProofTooLong(uint256 length, uint256 limit);
    /// @notice The new head does not extend the stored one, or the proof does not show it.
    error AnchorInconsistent(uint64 previousSize, bytes32 previousRoot, uint64 size, bytes32 root);

    /// @notice Stores (size, root) as the newest head of a log.
    /// @param previousSize size of the stored head; 0 for a log's first anchor
    /// @param size 1 or more; the stored size with the stored root succeeds and changes nothing
    /// @param root RFC 9162 tree hash
    /// @param proof consistency path from the stored head (RFC 9162 2.1.4.1), at most 64 hashes
    function anchor(bytes32 logId, uint64 previousSize, uint64 size, bytes32 root, bytes32[] calldata proof) external;

    /// @notice The newest head of a log; (0, 0) before its first anchor.
    function head(bytes32 logId) external view returns (uint64 size, bytes32 root);

    /// @notice The registry that says who operates the log.
    function registry() external view returns (address);
}
