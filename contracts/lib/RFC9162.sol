// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @title Merkle proofs of RFC 9162 over SHA-256
/// @notice Verifies that a tree holds a leaf, and that a larger tree begins with a smaller one.
/// @dev Sizes and indices are uint64, so a path never has more than 64 hashes and every loop ends.
/// A tree of size 0 has no proofs here: it says nothing, so nothing follows from it.
library RFC9162 {
    /// @dev No uint64 tree needs a longer path.
    uint256 internal constant MAX_PROOF = 64;

    /// @notice Whether the tree (newSize, newRoot) begins with the tree (oldSize, oldRoot).
    /// @param proof consistency path as of RFC 9162 2.1.4.1; empty when the sizes are equal
    function verifyConsistency(
        uint64 oldSize,
        bytes32 oldRoot,
        uint64 newSize,
        bytes32 newRoot,
        bytes32[] calldata proof
    ) internal view returns (bool) {
        if (oldSize == 0 || oldSize > newSize || proof.length > MAX_PROOF) return false;
        if (oldSize == newSize) return proof.length == 0 && oldRoot == newRoot;

        // RFC 9162 2.1.4.2: a complete old tree is its own first node and is left out of the path.
        bool complete = oldSize & (oldSize - 1) == 0;
        if (proof.length == 0) return false;
        bytes32 fr = complete ? oldRoot : proof[0];
        bytes32 sr = fr;
        uint64 fn = oldSize - 1;
        uint64 sn = newSize - 1;
        while (fn & 1 == 1) {
            fn >>= 1;
            sn >>= 1;
        }
        for (uint256 i = complete ? 0 : 1; i < proof.length; ++i) {
            if (sn == 0) return false;
            bytes32 c;
            assembly ("memory-safe") {
                // proof[i] without its bounds check: i < proof.length, and 50 gas a hash add up.
                c := calldataload(add(proof.offset, shl(5, i)))
            }
            if (fn & 1 == 1 || fn == sn) {
                fr = hashNode(c, fr);
                sr = hashNode(c, sr);
                while (fn & 1 == 0 && fn != 0) {
                    fn >>= 1;
                    sn >>= 1;
                }
            } else {
                sr = hashNode(sr, c);
            }
            fn >>= 1;
            sn >>= 1;
        }
        return sn == 0 && fr == oldRoot && sr == newRoot;
    }

    /// @notice Whether the tree (size, root) has `leaf` (a leaf hash) at `index`.
    /// @param proof audit path as of RFC 9162 2.1.3.1
    function verifyInclusion(
        bytes32 leaf,
        uint64 index,
        uint64 size,
        bytes32[] calldata proof,
        bytes32 root
    ) internal view returns (bool) {
        if (index >= size || proof.length > MAX_PROOF) return false;

        // RFC 9162 2.1.3.2
        uint64 fn = index;
        uint64 sn = size - 1;
        bytes32 r = leaf;
        for (uint256 i = 0; i < proof.length; ++i) {
            if (sn == 0) return false;
            if (fn & 1 == 1 || fn == sn) {
                r = hashNode(proof[i], r);
                while (fn & 1 == 0 && fn != 0) {
                    fn >>= 1;
                    sn >>= 1;
                }
            } else {
                r = hashNode(r, proof[i]);
            }
            fn >>= 1;
            sn >>= 1;
        }
        return sn == 0 && r == root;
    }

    /// @notice SHA-256(0x01 || left || right), the hash of an inner node (RFC 9162 2.1.1).
    function hashNode(bytes32 left, bytes32 right) internal view returns (bytes32 node) {
        assembly ("memory-safe") {
            // 65 bytes at the free pointer, which is not moved: the next hash writes over them.
            let p := mload(0x40)
            mstore8(p, 1)
            mstore(add(p, 1), left)
            mstore(add(p, 33), right)
            // The precompile fails only for want of gas; a zero word must never pass for a hash.
            if iszero(staticcall(gas(), 2, p, 65, 0, 32)) { revert(0, 0) }
            node := mload(0)
        }
    }
}
