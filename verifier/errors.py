"""The error tree: one class for each thing a caller can act on.

Every error carries a stable `code` (snake_case, used in problem+json, in CLI output and in tests)
and a sentence with what was got and what was expected. `at` names the place: a field, a row, a file.
"""

from __future__ import annotations


class CarnetError(Exception):
    """Base of everything Carnet raises on purpose."""

    default_code = "error"

    def __init__(self, message: str, *, code: str | None = None, at: str | None = None) -> None:
        super().__init__(message)
        self.code = code or self.default_code
        self.at = at


class Malformed(CarnetError):
    """The input is not in its format. Nothing changed; correct the input and send it again."""

    default_code = "malformed"


class Refused(CarnetError):
    """Well formed, but the rules of the ledger say no. Nothing changed; `code` names the rule."""

    default_code = "refused"


class RulesUnknown(CarnetError):
    """The ledger goes on by rules of a version that this program does not have. Nothing is wrong; upgrade it.

    What was checked up to there stands. No accusation rests on it.
    """

    default_code = "rules_unknown"


class ProofInvalid(CarnetError):
    """A hash, signature or proof does not check. Trust nothing that rests on it; keep the bytes."""

    default_code = "proof_invalid"


class NotFound(CarnetError):
    """What was named is not here. That is no proof that it does not exist."""

    default_code = "not_found"


class Unavailable(CarnetError):
    """A part (database, chain, file) cannot be reached, so there is no answer. Try again later."""

    default_code = "unavailable"


class Stopped(CarnetError):
    """The outcome of a write is not known, so the writer has stopped. Reload the ledger from its storage."""

    default_code = "stopped"
