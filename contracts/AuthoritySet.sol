// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {Proposals} from "./lib/Proposals.sol";
import {ShortText} from "./lib/ShortText.sol";

/// @title The authorities of one log and the count of their votes
/// @notice A vote belongs to a country. With c countries that have an active authority, k = c / 2 + 1
/// of them must sign, where c is counted when the proposal is executed and not when it was signed.
abstract contract AuthoritySet is IParticipantRegistry {
    /// @dev Fewer than two countries would let one decide alone.
    uint256 internal constant MIN_COUNTRIES = 2;
    /// @dev Keeps any mirrored proposal, signatures included, far below an entry's 65,535 bytes.
    uint256 internal constant MAX_AUTHORITIES = 64;
    uint64 internal constant MAX_LIFETIME_MS = 7 days * 1000;
    uint64 internal constant MAX_CLOCK_LEAD_MS = 5 minutes * 1000;

    struct Seat {
        bytes2 country;
        bool active;
        address recovery;
    }

    bytes32 public immutable logId;
    uint64 public sequence;

    uint256 private immutable _cachedChainId;
    bytes32 private immutable _cachedSeparator;

    uint256 private _countries;
    address[] private _accounts;
    mapping(address account => Seat) private _seats;
    mapping(address key => bool) private _isRecovery;
    mapping(bytes2 country => uint256) private _activeIn;
    mapping(bytes32 statementId => bytes32 digest) private _executed;

    constructor(bytes32 logId_, Authority[] memory founders) {
        if (logId_ == 0) revert RegistryZeroLogId();
        if (founders.length > MAX_AUTHORITIES) revert RegistryTooManyAuthorities(founders.length, MAX_AUTHORITIES);
        logId = logId_;
        _cachedChainId = block.chainid;
        _cachedSeparator = Proposals.domainSeparator(block.chainid, address(this), logId_);

        for (uint256 i = 0; i < founders.length; ++i) {
            _seat(founders[i]);
        }
        if (_countries < MIN_COUNTRIES) revert RegistryTooFewCountries(_countries, MIN_COUNTRIES);
    }

    /// @inheritdoc IParticipantRegistry
    function countries() public view returns (uint256) {
        return _countries;
    }

    /// @inheritdoc IParticipantRegistry
    function threshold() public view returns (uint256) {
        return _countries / 2 + 1;
    }

    /// @inheritdoc IParticipantRegistry
    function authorities() external view returns (Authority[] memory list) {
        list = new Authority[](_accounts.length);
        for (uint256 i = 0; i < list.length; ++i) {
            address account = _accounts[i];
            Seat storage seat = _seats[account];
            list[i] = Authority(account, ShortText.toText(bytes32(seat.country)), seat.recovery);
        }
    }

    /// @inheritdoc IParticipantRegistry
    function domainSeparator() public view returns (bytes32) {
        // A fork of the chain has another id: signatures made for one side must fail on the other.
        if (block.chainid == _cachedChainId) return _cachedSeparator;
        return Proposals.domainSeparator(block.chainid, address(this), logId);
    }

    function _isRecoveryKey(address key) internal view returns (bool) {
        return _isRecovery[key];
    }

    /// @dev Checks time, repetition and votes of a proposal and marks it executed.
    /// @param target whom the proposal concerns, who has no vote on it
    function _approve(
        bytes32 structHash,
        bytes32 statementId,
        uint64 issuedAt,
        uint64 expiresAt,
        address target,
        bytes[] calldata signatures
    ) internal returns (bytes32 digest) {
        digest = keccak256(abi.encodePacked(hex"1901", domainSeparator(), structHash));
        bytes32 earlier = _executed[statementId];
        // First of all, so that whoever relays a proposal a second time learns that it is done.
        if (earlier == digest) revert RegistryAlreadyExecuted(digest);
        if (earlier != 0) revert RegistryStatementIdUsed(statementId, earlier);
        _checkTimes(issuedAt, expiresAt);

        uint256 votes = _countVotes(digest, target, signatures);
        if (votes < threshold()) revert RegistryTooFewVotes(votes, threshold());
        _executed[statementId] = digest;
    }

    /// @dev An authority that is suspended or reinstated takes its country's vote with it, or brings it back.
    function _setActive(address account, bool active) internal {
        Seat storage seat = _seats[account];
        if (seat.country == 0 || seat.active == active) return;
        seat.active = active;
        if (active) {
            if (_activeIn[seat.country]++ == 0) ++_countries;
        } else {
            if (--_activeIn[seat.country] == 0) --_countries;
            // The vote itself prevents this today: a country is lost only with its last active authority, the target,
            // who has no vote, so k other countries have voted. A country with two loses none, and may be one of the k.
            if (_countries < MIN_COUNTRIES) revert RegistryTooFewCountries(_countries, MIN_COUNTRIES);
        }
    }

    function _now() internal view returns (uint64) {
        return uint64(block.timestamp * 1000);
    }

    function _seat(Authority memory founder) private {
        (address account, address recovery) = (founder.account, founder.recovery);
        if (account == address(0) || recovery == address(0)) revert RegistryZeroAddress();
        if (_seats[account].country != 0 || _isRecovery[account]) revert RegistryKeyTaken(account);
        if (_seats[recovery].country != 0 || _isRecovery[recovery] || recovery == account) {
            revert RegistryKeyTaken(recovery);
        }
        bytes2 country = ShortText.countryKey(founder.country);
        if (country == 0) revert RegistryMalformedCountry(founder.country);

        _seats[account] = Seat(country, false, recovery);
        _isRecovery[recovery] = true;
        _accounts.push(account);
        _setActive(account, true);
        emit AuthorityFounded(account, founder.country, recovery);
    }

    function _checkTimes(uint64 issuedAt, uint64 expiresAt) private view {
        if (expiresAt <= issuedAt || expiresAt - issuedAt > MAX_LIFETIME_MS) {
            revert RegistryLifetimeOutOfRange(issuedAt, expiresAt, MAX_LIFETIME_MS);
        }
        uint64 time = _now();
        if (time > expiresAt) revert RegistryExpired(expiresAt, time);
        if (issuedAt > time + MAX_CLOCK_LEAD_MS) revert RegistryIssuedInFuture(issuedAt, time + MAX_CLOCK_LEAD_MS);
    }

    /// @dev Counts countries. Strangers and repeats revert instead of being skipped: a relayer could
    /// otherwise append junk until the event no longer fits into a log entry.
    function _countVotes(bytes32 digest, address target, bytes[] calldata signatures)
        private
        view
        returns (uint256 votes)
    {
        address[] memory signers = new address[](signatures.length);
        bytes2[] memory voted = new bytes2[](signatures.length);
        for (uint256 i = 0; i < signatures.length; ++i) {
            address signer = ECDSA.recover(digest, signatures[i]);
            Seat storage seat = _seats[signer];
            if (seat.country == 0) revert RegistryNotAnAuthority(signer);
            for (uint256 j = 0; j < i; ++j) {
                if (signers[j] == signer) revert RegistryDuplicateSigner(signer);
            }
            signers[i] = signer;
            if (!seat.active || signer == target || _contains(voted, votes, seat.country)) continue;
            voted[votes++] = seat.country;
        }
    }

    function _contains(bytes2[] memory list, uint256 length, bytes2 country) private pure returns (bool) {
        for (uint256 i = 0; i < length; ++i) {
            if (list[i] == country) return true;
        }
        return false;
    }
}
