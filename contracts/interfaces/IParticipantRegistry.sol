// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @title Who takes part in one log, decided by k of n countries
/// @notice Authorities sign proposals as EIP-712 structs; anybody may relay them. Every struct begins
/// with statementId (random), issuedAt and expiresAt (milliseconds, at most 7 days apart). Domain:
/// EIP712Domain(uint256 chainId,address verifyingContract,bytes32 salt) with salt = logId.
interface IParticipantRegistry {
    /// @notice A founding authority: two capital letters for its country, and a key for its recovery.
    struct Authority {
        address account;
        string country;
        address recovery;
    }

    /// @notice Role 1 manufacturer, 2 customs, 3 carrier, 4 marketplace, 5 auditor.
    struct ParticipantAdmitted {
        bytes32 statementId;
        uint64 issuedAt;
        uint64 expiresAt;
        address participant;
        uint8 role;
        string country;
        bytes32 nameHash;
    }

    /// @notice Kind 1 administrative, 2 key compromised, 3 fraud; effectiveAt may lie in the past.
    struct ParticipantSuspended {
        bytes32 statementId;
        uint64 issuedAt;
        uint64 expiresAt;
        address participant;
        uint8 suspensionKind;
        uint64 effectiveAt;
    }

    struct ParticipantReinstated {
        bytes32 statementId;
        uint64 issuedAt;
        uint64 expiresAt;
        address participant;
    }

    /// @notice 4 to 12 digits as they stand from digit 2 of a GTIN-14; a GS1-8 prefix after "00000".
    struct PrefixGranted {
        bytes32 statementId;
        uint64 issuedAt;
        uint64 expiresAt;
        address holder;
        string prefix;
    }

    struct PrefixWithdrawn {
        bytes32 statementId;
        uint64 issuedAt;
        uint64 expiresAt;
        address holder;
        string prefix;
    }

    struct OperatorSet {
        bytes32 statementId;
        uint64 issuedAt;
        uint64 expiresAt;
        bytes32 logId;
        address operator;
    }

    /// @notice The log goes by rules of this version from here on; digest is that of the version's table.
    struct RulesRaised {
        bytes32 statementId;
        uint64 issuedAt;
        uint64 expiresAt;
        uint32 version;
        bytes32 digest;
    }

    /// @notice What is known of a participant. Role 0: never admitted. suspensionKind 0: active.
    struct Participant {
        uint8 role;
        uint8 suspensionKind;
        uint64 suspendedFrom;
        string country;
        bytes32 nameHash;
    }

    // Events. Each execution emits its own event and then ProposalExecuted.

    /// @notice Emitted by the constructor, once for each authority.
    event AuthorityFounded(address indexed account, string country, address recovery);
    event Admitted(address indexed participant, uint8 indexed role, string country, bytes32 nameHash);
    event Suspended(address indexed participant, uint8 suspensionKind, uint64 effectiveAt);
    event Reinstated(address indexed participant);
    event Granted(address indexed holder, string prefix);
    event Withdrawn(address indexed holder, string prefix);
    event OperatorChanged(bytes32 indexed logId, address indexed operator);
    event Raised(uint32 indexed version, bytes32 digest);
    /// @notice All that a reader needs to count the votes again; sequence is 1, 2, 3 ... without gaps.
    /// @param digest EIP-712 digest that was signed
    /// @param kind 1 admitted, 2 suspended, 3 reinstated, 4 prefix granted, 5 prefix withdrawn, 6 operator set,
    /// 7 rules raised
    /// @param proposal abi.encode of the struct
    event ProposalExecuted(
        uint64 indexed sequence, bytes32 indexed digest, uint8 kind, bytes proposal, bytes[] signatures
    );

    // Founding

    /// @notice A log id of zero names no log.
    error RegistryZeroLogId();
    /// @notice More authorities than this registry can count.
    error RegistryTooManyAuthorities(uint256 got, uint256 limit);
    /// @notice One account, or one recovery key, was given twice, or a recovery key also votes.
    error RegistryKeyTaken(address key);
    error RegistryZeroAddress();

    // Time, repetition and votes

    /// @notice expiresAt must lie after issuedAt by at most `limit` milliseconds.
    error RegistryLifetimeOutOfRange(uint64 issuedAt, uint64 expiresAt, uint64 limit);
    error RegistryExpired(uint64 expiresAt, uint64 time);
    error RegistryIssuedInFuture(uint64 issuedAt, uint64 latest);
    /// @notice This very proposal has been executed already; what it wanted is done.
    error RegistryAlreadyExecuted(bytes32 digest);
    /// @notice The statementId belongs to another proposal.
    error RegistryStatementIdUsed(bytes32 statementId, bytes32 digest);
    /// @notice A signer who has never been an authority; also what a signature over other bytes looks like.
    error RegistryNotAnAuthority(address signer);
    error RegistryDuplicateSigner(address signer);
    /// @notice Votes are countries; the target and suspended authorities have none.
    error RegistryTooFewVotes(uint256 got, uint256 needed);
    /// @notice Fewer than two countries would be left with an active authority.
    error RegistryTooFewCountries(uint256 got, uint256 needed);

    // Participants, prefixes, operator

    error RegistryMalformedCountry(string got);
    error RegistryUnknownRole(uint8 got);
    error RegistryAlreadyAdmitted(address participant);
    error RegistryNotAdmitted(address participant);
    error RegistryAlreadySuspended(address participant);
    error RegistryNotSuspended(address participant);
    error RegistryUnknownSuspensionKind(uint8 got);
    /// @notice A suspension takes effect at some time up to now, in milliseconds.
    error RegistryEffectiveTimeOutOfRange(uint64 got, uint64 latest);
    error RegistryNotAManufacturer(address holder, uint8 role);
    error RegistrySuspended(address holder);
    error RegistryMalformedPrefix(string got);
    error RegistryPrefixHeld(string prefix, address holder);
    /// @notice A shorter prefix, held already, contains this one.
    error RegistryPrefixInside(string prefix, string outer, address holder);
    /// @notice This prefix contains longer ones that are held already.
    error RegistryPrefixContains(string prefix, uint256 held);
    error RegistryPrefixNotHeld(string prefix, address holder, address heldBy);
    /// @notice Rules are numbered from 1.
    error RegistryZeroRules();
    error RegistryRulesNotNext(uint32 got, uint32 expected);
    error RegistryOtherLog(bytes32 got, bytes32 expected);
    error RegistryOperatorUnchanged(address operator);

    function admitParticipant(ParticipantAdmitted calldata p, bytes[] calldata signatures) external;

    function suspendParticipant(ParticipantSuspended calldata p, bytes[] calldata signatures) external;

    function reinstateParticipant(ParticipantReinstated calldata p, bytes[] calldata signatures) external;

    function grantPrefix(PrefixGranted calldata p, bytes[] calldata signatures) external;

    function withdrawPrefix(PrefixWithdrawn calldata p, bytes[] calldata signatures) external;

    function setOperator(OperatorSet calldata p, bytes[] calldata signatures) external;

    function raiseRules(RulesRaised calldata p, bytes[] calldata signatures) external;

    function participant(address account) external view returns (Participant memory);

    /// @notice Who holds exactly this prefix; zero when nobody does.
    function prefixHolder(string calldata prefix) external view returns (address);

    /// @notice Who may anchor this log; zero for another log or before the first OperatorSet.
    function operatorOf(bytes32 logId) external view returns (address);

    /// @notice The version of the rules that the log goes by.
    function rules() external view returns (uint32);

    /// @notice c, the number of countries with an active authority.
    function countries() external view returns (uint256);

    /// @notice k = c / 2 + 1, the number of countries that must sign now.
    function threshold() external view returns (uint256);

    function logId() external view returns (bytes32);

    /// @notice The number of proposals executed, which is the sequence of the newest.
    function sequence() external view returns (uint64);

    /// @notice The founding authorities in order, suspended ones included.
    function authorities() external view returns (Authority[] memory);

    /// @notice Of the EIP-712 domain on the present chain.
    function domainSeparator() external view returns (bytes32);
}
