// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IParticipantRegistry as I} from "../interfaces/IParticipantRegistry.sol";

/// @title EIP-712 struct hashes of the proposals
/// @notice The domain has a salt instead of a name and a version: the log id, so that a signature for
/// one log is worth nothing in another. OpenZeppelin's EIP712 cannot make such a domain.
library Proposals {
    bytes32 internal constant DOMAIN = keccak256("EIP712Domain(uint256 chainId,address verifyingContract,bytes32 salt)");

    bytes32 internal constant PARTICIPANT_ADMITTED = keccak256(
        "ParticipantAdmitted(bytes32 statementId,uint64 issuedAt,uint64 expiresAt,"
        "address participant,uint8 role,string country,bytes32 nameHash)"
    );
    bytes32 internal constant PARTICIPANT_SUSPENDED = keccak256(
        "ParticipantSuspended(bytes32 statementId,uint64 issuedAt,uint64 expiresAt,"
        "address participant,uint8 suspensionKind,uint64 effectiveAt)"
    );
    bytes32 internal constant PARTICIPANT_REINSTATED = keccak256(
        "ParticipantReinstated(bytes32 statementId,uint64 issuedAt,uint64 expiresAt,address participant)"
    );
    bytes32 internal constant PREFIX_GRANTED = keccak256(
        "PrefixGranted(bytes32 statementId,uint64 issuedAt,uint64 expiresAt,address holder,string prefix)"
    );
    bytes32 internal constant PREFIX_WITHDRAWN = keccak256(
        "PrefixWithdrawn(bytes32 statementId,uint64 issuedAt,uint64 expiresAt,address holder,string prefix)"
    );
    bytes32 internal constant OPERATOR_SET = keccak256(
        "OperatorSet(bytes32 statementId,uint64 issuedAt,uint64 expiresAt,bytes32 logId,address operator)"
    );

    bytes32 internal constant RULES_RAISED = keccak256(
        "RulesRaised(bytes32 statementId,uint64 issuedAt,uint64 expiresAt,uint32 version,bytes32 digest)"
    );

    function domainSeparator(uint256 chainId, address registry, bytes32 salt) internal pure returns (bytes32) {
        return keccak256(abi.encode(DOMAIN, chainId, registry, salt));
    }

    function hash(I.ParticipantAdmitted calldata p) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                PARTICIPANT_ADMITTED,
                p.statementId,
                p.issuedAt,
                p.expiresAt,
                p.participant,
                p.role,
                keccak256(bytes(p.country)),
                p.nameHash
            )
        );
    }

    function hash(I.ParticipantSuspended calldata p) internal pure returns (bytes32) {
        return keccak256(abi.encode(PARTICIPANT_SUSPENDED, p));
    }

    function hash(I.ParticipantReinstated calldata p) internal pure returns (bytes32) {
        return keccak256(abi.encode(PARTICIPANT_REINSTATED, p));
    }

    function hash(I.PrefixGranted calldata p) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                PREFIX_GRANTED, p.statementId, p.issuedAt, p.expiresAt, p.holder, keccak256(bytes(p.prefix))
            )
        );
    }

    function hash(I.PrefixWithdrawn calldata p) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                PREFIX_WITHDRAWN, p.statementId, p.issuedAt, p.expiresAt, p.holder, keccak256(bytes(p.prefix))
            )
        );
    }

    function hash(I.OperatorSet calldata p) internal pure returns (bytes32) {
        return keccak256(abi.encode(OPERATOR_SET, p));
    }

    function hash(I.RulesRaised calldata p) internal pure returns (bytes32) {
        return keccak256(abi.encode(RULES_RAISED, p));
    }
}
