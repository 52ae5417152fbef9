"""What the problems mean, for the pages that their types lead to."""

from __future__ import annotations

from collections.abc import Mapping

from api.problem.kind import NO_ANSWER, Problem
from api.problem.reading import READING
from verifier.errors import CarnetError, Malformed, NotFound, ProofInvalid, Refused, RulesUnknown, Stopped, Unavailable

CLASSES: Mapping[type[CarnetError], Problem] = {
    Malformed: Problem(400, "Not in its format", "Nothing changed. Correct what the detail names and send it again."),
    Refused: Problem(
        422, "Refused by a rule", "The input is well formed, but a rule of this ledger says no. Nothing changed."
    ),
    NotFound: Problem(
        404, "Not here", "What was named is not in this ledger. That is no proof that it does not exist."
    ),
    ProofInvalid: Problem(422, "A proof does not check", "Trust nothing that rests on these bytes, and keep them."),
    Unavailable: Problem(
        503, NO_ANSWER, "A part of the ledger cannot be read just now. Try again later; do not judge an item by it."
    ),
    RulesUnknown: Problem(
        503,
        NO_ANSWER,
        "The ledger goes on by rules that this program does not know yet. What it says up to there stands; a newer "
        "Carnet reads on.",
    ),
    Stopped: Problem(
        503,
        NO_ANSWER,
        "The writer has stopped because it does not know how its last write ended. The operator must "
        "reopen the ledger; statements sent again get their first receipt.",
    ),
}
"""One row an error class; the codes below only refine it."""

CODES: Mapping[str, Problem] = {
    **READING,
    # who may
    "unauthenticated": Problem(
        401, "Sign in first", "Send an API token as `Authorization: Bearer …`, or sign in as an officer in a browser."
    ),
    "scope_missing": Problem(403, "Not with this token", "The token is good, but it was not issued for this."),
    "cross_origin": Problem(
        403, "Sent from another site", "A browser with a session may only post from this site's own pages."
    ),
    "sign_in_code": Problem(
        403,
        "This sign-in link opens nothing",
        "It was used, or has expired. Ask the operator: `carnet token link NAME`.",
    ),
    "not_entitled": Problem(
        403, "Not yours to say", "Who may say what is a table of the ledger; the detail names who may say this."
    ),
    "not_admitted": Problem(403, "Not a participant", "Only admitted organisations may sign statements."),
    "participant_unknown": Problem(404, "No such participant", "Nobody with this address was admitted here."),
    "suspended": Problem(403, "Suspended", "A suspended participant can sign no statements until it is reinstated."),
    "prefix_not_held": Problem(
        403, "Prefix not held", "A batch is registered by the participant that holds its company prefix."
    ),
    # the request itself
    "route": Problem(404, "No such page", "There is nothing at this address."),
    "method": Problem(405, "Not with this method", "The Allow header names the methods this address answers."),
    "not_implemented": Problem(501, "Not a method of ours", "No address of this server takes it; see /docs."),
    "not_acceptable": Problem(
        406, "In no form that you take", "Put text/html or application/json into Accept, with a weight above 0."
    ),
    "precondition": Problem(412, "Not the bytes you named", "What is here has another ETag than If-Match names."),
    "range": Problem(416, "Beyond the file's end", "Content-Range says how long the file is."),
    "too_slow": Problem(408, "Too slow", "Send header and body without long pauses; docs/serving.md names the limits."),
    "header_too_large": Problem(431, "Header too large", "Send fewer or shorter header fields, or a shorter address."),
    "busy": Problem(503, NO_ANSWER, "There are more connections than there is room for. Try again in a few seconds."),
    "too_large": Problem(413, "Too large", "Send less: the detail names the limit."),
    "length_required": Problem(411, "Length required", "Say how long the body is, or send it in chunks."),
    "media_type": Problem(415, "Not in a form that is read here", "The Accept header names the form to send."),
    "rate_limited": Problem(
        429, "Too many requests", "Wait as long as Retry-After says. This says nothing about any item."
    ),
    "internal": Problem(500, "A fault of ours", "Nothing is known to have changed. Tell the operator the request id."),
    # statements
    "body_keys": Problem(400, "Fields missing or unknown", "A statement carries exactly the fields of its struct."),
    "body_field": Problem(400, "A field is not of its type", "Large numbers are decimal strings, hex is lower case."),
    "hex": Problem(400, "Not the expected hex", "0x and lower-case digits, exactly as many as named."),
    "statement_id_reused": Problem(
        409, "statementId used before", "Another statement bears this statementId. Draw a new one and sign again."
    ),
    "lot_registered": Problem(
        409, "Registered already", "There is one registration for a GTIN and lot. If its content was wrong, undo it."
    ),
    "signature_wrong": Problem(
        422, "The signature is not the actor's", "It was altered, or signed for another log, chain or contract."
    ),
    "signature_form": Problem(422, "Not a signature", "65 bytes r, s, v with v 27 or 28."),
    "signature_high_s": Problem(422, "The signature's twin", "Only the form with the lower s is taken."),
    "lifetime": Problem(422, "Valid for too long", "A statement is valid for at most 7 days."),
    "expired": Problem(422, "Expired", "Sign the statement anew."),
    "not_yet_valid": Problem(422, "From the future", "Check the clock of the machine that signs."),
    "register_stale": Problem(
        422, "The register has not been read for a day", "Registrations wait until it has; recalls and scans go on."
    ),
    "batch_unknown": Problem(404, "No such batch", "No batch with this id, or this GTIN and lot, is registered here."),
    "batch_withdrawn": Problem(
        422, "Registration withdrawn", "Its maker has undone it; nothing more is said about it."
    ),
    "supersedes": Problem(
        409, "The state has moved on", "Read the batch, take the newest head, and sign again naming it."
    ),
    "undo_unknown": Problem(422, "Nothing to undo", "No statement in force has this leaf."),
    "undo_superseded": Problem(409, "Superseded already", "Only the newest statement of its kind can be undone."),
    "index_unsealed": Problem(422, "No such index", "Only an index that this ledger has sealed can be confirmed."),
    "index_confirmed": Problem(409, "Confirmed already", "This key has confirmed this index; confirm the next one."),
    "index_current": Problem(409, "Sealed already", "Nothing was said or decided since the last seal."),
    "salt_mismatch": Problem(422, "Another salt", "The salt does not match the commitment that was signed."),
    "salt_published": Problem(
        422, "The salt would give the serials away", "Only serials that cannot be guessed may have a published salt."
    ),
    "salt_missing": Problem(
        503, NO_ANSWER, "The batch's salt is not on this server, so its units cannot be looked up."
    ),
    "salt_missing_recalled": Problem(
        503,
        NO_ANSWER,
        "This lot has been recalled. Whether this unit is in it cannot be seen here: its salt is not on this server.",
    ),
    "label_key": Problem(400, "Not a usable label key", "An Ed25519 key in its one encoding and not of small order."),
    "field": Problem(400, "A field is not of its form", "The detail names the field and what its form is."),
    "instant": Problem(400, "Not an instant", "RFC 3339 in UTC with a zone: 2026-11-23T22:26:00.000Z."),
    "not_json": Problem(400, "Not JSON", "UTF-8, each name once in an object, no number that 64 bits do not hold."),
    "lines": Problem(400, "Too many lines, or none", "Send 1 to 1,000 statements at a time."),
    "not_canonical": Problem(400, "Not canonical JSON", "As RFC 8785 writes it: nothing else has one signature."),
    "entry_too_large": Problem(400, "Too large for an entry", "An entry of the log holds 65,535 bytes; say less."),
    "unsigned": Problem(400, "Unsigned", "This kind of statement is signed by who says it."),
    "index": Problem(400, "Not an index", "Size, GTINs and root as the sealed entry has them."),
    "index_differs": Problem(
        422,
        "Another index than sealed",
        "Recompute it from your own copy of the log; if it still differs, tell others.",
    ),
    "not_cumulative": Problem(422, "It says less than before", "Each report of units names all that came before it."),
    "clock": Problem(422, "Before what stands in the log", "Instants in the log never run backwards."),
    "clock_doubted": Problem(
        503,
        "The server's clock is not to be believed",
        "Nothing is signed by a clock that other clocks contradict. Send it again when the operator has set it right.",
    ),
    "read_only": Problem(422, "Nothing is written here", "This server reads a ledger that another one writes."),
    # segments
    "segment_not_found": Problem(422, "The segment is not here", "PUT it to /v1/segments/{root} first."),
    "segment_root": Problem(422, "Another segment than named", "Its content does not give the root in the address."),
    "segment_unsorted": Problem(422, "Keys not in order", "The keys of a segment are strictly increasing."),
    "segment_duplicate": Problem(422, "A key stands there twice", "Every unit has one key."),
    "segment_count": Problem(422, "Miscounted", "The segment does not hold as many units as was said."),
    "segment_empty": Problem(422, "Empty", "A batch has at least one unit."),
    "segment_header": Problem(422, "Not a segment", "It does not begin as segment files do."),
    "segment_too_large": Problem(413, "Too many units", "Split the run into batches."),
    "disk_floor": Problem(507, "No room", "The operator must make room; uploads stop before the log does."),
    "upload_budget": Problem(
        429, "Uploaded enough for today", "Segments that no registration names are kept for a day; then there is room."
    ),
    "body_late": Problem(408, "Too slow", "Send it again on a faster line. Nothing was kept, and nothing counted."),
    "root": Problem(400, "Not a root", "0x and 64 lower-case hex digits."),
    "key": Problem(422, "Not a unit key", "A key of a segment has 32 bytes."),
    "key_duplicate": Problem(422, "A key stands there twice", "Every unit has one key."),
    "serial_duplicate": Problem(422, "A serial stands there twice", "Every unit has a serial of its own."),
    # tokens
    "token_name": Problem(400, "Not a name", "1 to 80 characters of text: a person, a place or a program."),
    "token_scope": Problem(400, "Not a scope", "scan, proof, salt, metrics, admin; at least one."),
    "token_lifetime": Problem(400, "Not a lifetime", "1 to 366 days, or none."),
    "token_unknown": Problem(404, "No such token", "The list shows the ids of all there are."),
    "session_unknown": Problem(404, "No such session", "The list shows the ids of those that are open."),
    # scans
    "scan_id_reused": Problem(409, "Scan id used before", "It stands for another scan. Draw a new id."),
    "other_officer": Problem(
        409, "Another officer is signed in here", "The scan was not kept. Let its officer sign in and send it again."
    ),
    "scan_time": Problem(422, "Scanned at a time that can't be", "Check the device's clock."),
    "scan_unknown": Problem(
        404, "No such scan of yours", "Nobody is told of others' scans; ask with the token that sent it."
    ),
    "receipt_none": Problem(
        404,
        "No promise about this scan",
        "It was kept before there were seals, or by a program that could not promise one.",
    ),
    "scan_unsealed": Problem(
        503, NO_ANSWER, "The scan is not in the seal that it was put into. Keep the receipt and show it to an auditor."
    ),
    "unlocode": Problem(400, "Not a UN/LOCODE", "Two letters of the country, then three of A-Z and 2-9: NLRTM."),
    "country": Problem(400, "Not a country", "Two capital letters of ISO 3166-1, the same as the UN/LOCODE's."),
    "image_format": Problem(422, "Not a photograph we can read", "Send a PNG, JPEG or WebP file."),
    "picture": Problem(400, "A repair of no code in question", "Photograph or scan the item once more, then choose."),
    "image_damaged": Problem(422, "A damaged photograph", "Send it once more; the detail says what is wrong."),
    "image_size": Problem(413, "Photograph too large", "Send a smaller one; a few megapixels are enough."),
    "image_pixels": Problem(413, "Photograph too large", "Send a smaller one; a few megapixels are enough."),
    "too_many_batches": Problem(503, NO_ANSWER, "The product has more batches than are searched without an account."),
    "seal_pending": Problem(404, "Not sealed yet", "The scan waits for its seal. Ask again after the deadline."),
    # proofs
    "unit_unknown": Problem(
        404,
        "No proof for this code",
        "Proofs are given for codes of registered units; signed-in customs get proofs of absence too.",
    ),
    "unit_present": Problem(409, "Registered", "This unit is registered, so nothing shows that it is absent."),
    "no_lot": Problem(422, "No lot on the code", "Absence of a unit is shown for one lot; this code names none."),
    "proof_unsound": Problem(422, "The proof made here does not check", "Tell the operator: nothing was given out."),
    # the published log
    "decimal": Problem(400, "Not a number as the log writes it", "Digits without a leading zero, at most 2^63-1."),
    "published_damaged": Problem(422, "A published file is damaged", "Tell the operator, and read the log elsewhere."),
    "tile_path": Problem(400, "Not a tile's path", "tile/<level>/<number>[.p/<width>], the number in groups of three."),
    "tile_missing": Problem(404, "No such tile", "The published log does not reach that far, or the tile grew on."),
    "seal_missing": Problem(404, "No such seal", "No seal of this number is published yet."),
    "segment_unpublished": Problem(404, "No such segment", "No entry of the log names a segment of this root."),
    "checkpoint_missing": Problem(404, "Nothing published yet", "The first checkpoint is published within seconds."),
    "lot_present": Problem(409, "Registered", "This lot is registered, so nothing shows that it is absent."),
    "index_unconfirmed": Problem(
        503, NO_ANSWER, "Absence rests on an index that somebody other than the operator confirmed; none is yet."
    ),
    "entry_missing": Problem(404, "No such entry", "The log is shorter than that."),
}
"""code -> problem. A code that is not listed is shown as its class; every listed one has a page of its own."""
