// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @title Small checks on short texts
library ShortText {
    uint256 internal constant MIN_PREFIX = 4;
    uint256 internal constant MAX_PREFIX = 12;

    /// @notice The text as one word, left-aligned, or zero when it is no company prefix: 4 to 12 digits,
    /// not all of them 0. Digits are never the zero byte, so two prefixes never share a word.
    function prefixKey(string calldata text) internal pure returns (bytes32 key) {
        bytes calldata digits = bytes(text);
        if (digits.length < MIN_PREFIX || digits.length > MAX_PREFIX) return 0;
        bool onlyZeros = true;
        for (uint256 i = 0; i < digits.length; ++i) {
            bytes1 digit = digits[i];
            if (digit < "0" || digit > "9") return 0;
            if (digit != "0") onlyZeros = false;
        }
        return onlyZeros ? bytes32(0) : bytes32(digits);
    }

    /// @notice The first `length` digits of a key, itself a key.
    function shorten(bytes32 key, uint256 length) internal pure returns (bytes32) {
        return key & ~(bytes32(type(uint256).max) >> (8 * length));
    }

    /// @notice The two letters of a country, or zero when they are not two capital letters.
    function countryKey(string memory text) internal pure returns (bytes2) {
        bytes memory letters = bytes(text);
        if (letters.length != 2) return 0;
        for (uint256 i = 0; i < 2; ++i) {
            if (letters[i] < "A" || letters[i] > "Z") return 0;
        }
        return bytes2(letters);
    }

    /// @notice A key as text again, without the zero bytes that follow it.
    function toText(bytes32 key) internal pure returns (string memory) {
        uint256 length;
        while (length < 32 && key[length] != 0) ++length;
        bytes memory text = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            text[i] = key[i];
        }
        return string(text);
    }
}
