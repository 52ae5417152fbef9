// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {AuthoritySet} from "./AuthoritySet.sol";
import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {Proposals} from "./lib/Proposals.sol";
import {ShortText} from "./lib/ShortText.sol";

/// @title Participants, company prefixes, the operator and the rules of one log
contract ParticipantRegistry is AuthoritySet {
    uint8 private constant ROLE_MANUFACTURER = 1;
    uint8 private constant ROLE_CUSTOMS = 2;
    uint8 private constant ROLE_LAST = 5;
    uint8 private constant SUSPENSION_LAST = 3;

    struct Record {
        uint8 role;
        uint8 suspensionKind;
        uint64 suspendedFrom;
        bytes2 country;
        bytes32 nameHash;
    }

    mapping(address account => Record) private _participants;
    mapping(bytes32 prefix => address) private _holders;
    /// @dev How many held prefixes begin with this one and are longer.
    mapping(bytes32 prefix => uint256) private _heldInside;
    address private _operator;
    uint32 public rules;

    /// @param rules_ the version of the rules that the log starts with, as its first entry says
    constructor(bytes32 logId_, uint32 rules_, Authority[] memory founders) AuthoritySet(logId_, founders) {
        if (rules_ == 0) revert RegistryZeroRules();
        rules = rules_;
        for (uint256 i = 0; i < founders.length; ++i) {
            Record storage record = _participants[founders[i].account];
            record.role = ROLE_CUSTOMS;
            record.country = ShortText.countryKey(founders[i].country);
        }
    }

    /// @inheritdoc IParticipantRegistry
    function admitParticipant(ParticipantAdmitted calldata p, bytes[] calldata signatures) external {
        bytes32 digest =
            _approve(Proposals.hash(p), p.statementId, p.issuedAt, p.expiresAt, p.participant, signatures);
        if (p.participant == address(0)) revert RegistryZeroAddress();
        if (p.role == 0 || p.role > ROLE_LAST) revert RegistryUnknownRole(p.role);
        bytes2 country = ShortText.countryKey(p.country);
        if (country == 0) revert RegistryMalformedCountry(p.country);
        if (_isRecoveryKey(p.participant)) revert RegistryKeyTaken(p.participant);
        if (_participants[p.participant].role != 0) revert RegistryAlreadyAdmitted(p.participant);

        _participants[p.participant] = Record(p.role, 0, 0, country, p.nameHash);
        emit Admitted(p.participant, p.role, p.country, p.nameHash);
        emit ProposalExecuted(++sequence, digest, 1, abi.encode(p), signatures);
    }

    /// @inheritdoc IParticipantRegistry
    function suspendParticipant(ParticipantSuspended calldata p, bytes[] calldata signatures) external {
        bytes32 digest =
            _approve(Proposals.hash(p), p.statementId, p.issuedAt, p.expiresAt, p.participant, signatures);
        Record storage record = _admitted(p.participant);
        if (record.suspensionKind != 0) revert RegistryAlreadySuspended(p.participant);
        if (p.suspensionKind == 0 || p.suspensionKind > SUSPENSION_LAST) {
            revert RegistryUnknownSuspensionKind(p.suspensionKind);
        }
        // Block time has whole seconds, so "now" must be rounded down to one; the log's verifier, which
        // knows this instant from the block alone, must never refuse what was executed here.
        uint64 latest = _now();
        if (p.effectiveAt == 0 || p.effectiveAt > latest) {
            revert RegistryEffectiveTimeOutOfRange(p.effectiveAt, latest);
        }

        _setActive(p.participant, false);
        record.suspensionKind = p.suspensionKind;
        record.suspendedFrom = p.effectiveAt;
        emit Suspended(p.participant, p.suspensionKind, p.effectiveAt);
        emit ProposalExecuted(++sequence, digest, 2, abi.encode(p), signatures);
    }

    /// @inheritdoc IParticipantRegistry
    function reinstateParticipant(ParticipantReinstated calldata p, bytes[] calldata signatures) external {
        bytes32 digest =
            _approve(Proposals.hash(p), p.statementId, p.issuedAt, p.expiresAt, p.participant, signatures);
        Record storage record = _admitted(p.participant);
        if (record.suspensionKind == 0) revert RegistryNotSuspended(p.participant);

        _setActive(p.participant, true);
        record.suspensionKind = 0;
        record.suspendedFrom = 0;
        emit Reinstated(p.participant);
        emit ProposalExecuted(++sequence, digest, 3, abi.encode(p), signatures);
    }

    /// @inheritdoc IParticipantRegistry
    function grantPrefix(PrefixGranted calldata p, bytes[] calldata signatures) external {
        bytes32 digest = _approve(Proposals.hash(p), p.statementId, p.issuedAt, p.expiresAt, p.holder, signatures);
        Record storage record = _admitted(p.holder);
        if (record.role != ROLE_MANUFACTURER) revert RegistryNotAManufacturer(p.holder, record.role);
        if (record.suspensionKind != 0) revert RegistrySuspended(p.holder);
        bytes32 key = _prefixKey(p.prefix);
        _checkFree(key, p.prefix);

        _holders[key] = p.holder;
        for (uint256 n = ShortText.MIN_PREFIX; n < bytes(p.prefix).length; ++n) {
            ++_heldInside[ShortText.shorten(key, n)];
        }
        emit Granted(p.holder, p.prefix);
        emit ProposalExecuted(++sequence, digest, 4, abi.encode(p), signatures);
    }

    /// @inheritdoc IParticipantRegistry
    function withdrawPrefix(PrefixWithdrawn calldata p, bytes[] calldata signatures) external {
        bytes32 digest = _approve(Proposals.hash(p), p.statementId, p.issuedAt, p.expiresAt, p.holder, signatures);
        bytes32 key = _prefixKey(p.prefix);
        address holder = _holders[key];
        if (holder == address(0) || holder != p.holder) revert RegistryPrefixNotHeld(p.prefix, p.holder, holder);

        delete _holders[key];
        for (uint256 n = ShortText.MIN_PREFIX; n < bytes(p.prefix).length; ++n) {
            --_heldInside[ShortText.shorten(key, n)];
        }
        emit Withdrawn(p.holder, p.prefix);
        emit ProposalExecuted(++sequence, digest, 5, abi.encode(p), signatures);
    }

    /// @inheritdoc IParticipantRegistry
    function setOperator(OperatorSet calldata p, bytes[] calldata signatures) external {
        bytes32 digest =
            _approve(Proposals.hash(p), p.statementId, p.issuedAt, p.expiresAt, p.operator, signatures);
        if (p.logId != logId) revert RegistryOtherLog(p.logId, logId);
        if (p.operator == address(0)) revert RegistryZeroAddress();
        if (p.operator == _operator) revert RegistryOperatorUnchanged(p.operator);

        _operator = p.operator;
        emit OperatorChanged(p.logId, p.operator);
        emit ProposalExecuted(++sequence, digest, 6, abi.encode(p), signatures);
    }

    /// @inheritdoc IParticipantRegistry
    function raiseRules(RulesRaised calldata p, bytes[] calldata signatures) external {
        // It concerns nobody, so everybody has a vote.
        bytes32 digest =
            _approve(Proposals.hash(p), p.statementId, p.issuedAt, p.expiresAt, address(0), signatures);
        if (p.version != rules + 1) revert RegistryRulesNotNext(p.version, rules + 1);

        rules = p.version;
        emit Raised(p.version, p.digest);
        emit ProposalExecuted(++sequence, digest, 7, abi.encode(p), signatures);
    }

    /// @inheritdoc IParticipantRegistry
    function participant(address account) external view returns (Participant memory) {
        Record storage r = _participants[account];
        string memory country = ShortText.toText(bytes32(r.country));
        return Participant(r.role, r.suspensionKind, r.suspendedFrom, country, r.nameHash);
    }

    /// @inheritdoc IParticipantRegistry
    function prefixHolder(string calldata prefix) external view returns (address) {
        bytes32 key = ShortText.prefixKey(prefix);
        return key == 0 ? address(0) : _holders[key];
    }

    /// @inheritdoc IParticipantRegistry
    function operatorOf(bytes32 log) external view returns (address) {
        return log == logId ? _operator : address(0);
    }

    function _admitted(address account) private view returns (Record storage record) {
        record = _participants[account];
        if (record.role == 0) revert RegistryNotAdmitted(account);
    }

    function _prefixKey(string calldata prefix) private pure returns (bytes32 key) {
        key = ShortText.prefixKey(prefix);
        if (key == 0) revert RegistryMalformedPrefix(prefix);
    }

    /// @dev No held prefix may contain another, or one GTIN would have two makers.
    function _checkFree(bytes32 key, string calldata prefix) private view {
        if (_holders[key] != address(0)) revert RegistryPrefixHeld(prefix, _holders[key]);
        for (uint256 n = ShortText.MIN_PREFIX; n < bytes(prefix).length; ++n) {
            bytes32 outer = ShortText.shorten(key, n);
            if (_holders[outer] != address(0)) {
                revert RegistryPrefixInside(prefix, ShortText.toText(outer), _holders[outer]);
            }
        }
        if (_heldInside[key] != 0) revert RegistryPrefixContains(prefix, _heldInside[key]);
    }
}
