// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {RFC9162} from "../lib/RFC9162.sol";

/// @dev Lets tests call the library from outside. No part of the artefact.
contract RFC9162Harness {
    function verifyConsistency(
        uint64 oldSize,
        bytes32 oldRoot,
        uint64 newSize,
        bytes32 newRoot,
        bytes32[] calldata proof
    ) external view returns (bool) {
        return RFC9162.verifyConsistency(oldSize, oldRoot, newSize, newRoot, proof);
    }

    function verifyInclusion(bytes32 leaf, uint64 index, uint64 size, bytes32[] calldata proof, bytes32 root)
        external
        view
        returns (bool)
    {
        return RFC9162.verifyInclusion(leaf, index, size, proof, root);
    }
}
