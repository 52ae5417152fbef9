"""One small log, fixed byte for byte: the formats' worked example, shared by several test modules."""

from __future__ import annotations

from verifier.tree.merkle import leaf_hash
from verifier.tree.note_key import KeyType, SigningKey

ENTRIES = (b"one", b"two", b"three")
LEAVES = tuple(leaf_hash(entry) for entry in ENTRIES)
LOG = SigningKey("ledger.example/goods", bytes(range(0x00, 0x20)))
WITNESS = SigningKey("customs.example/witness", bytes(range(0x20, 0x40)), KeyType.COSIGNATURE_V1)
LOG_VKEY = "ledger.example/goods+13cb6ca3+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
WITNESS_VKEY = "customs.example/witness+32240ad8+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"
COSIGNED_AT = 1_790_000_000
TEXT = "ledger.example/goods\n3\nWqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=\n"
LOG_LINE = (
    "— ledger.example/goods "
    "E8tso8lxE2ZxysUUWFH8dUOObbBRQJKvWOaK3sv4FctQof9qRywq7KvUKYJ5CUOuNocf"
    "8AS4bCeCs18/iPxRt/y4cwM="
)
WITNESS_LINE = (
    "— customs.example/witness "
    "MiQK2AAAAABqsTuADCj95tOEdcDfy5RLRbs70n9AWh2MKjCC8kBQzMPGPuc2zYxQswW3"
    "iregMpExTs2auOX8b/EhBv+20APrYyGWDQ=="
)
NOTE = f"{TEXT}\n{LOG_LINE}\n{WITNESS_LINE}\n".encode()
PROOF = (
    b"c2sp.org/tlog-proof@v1\nindex 1\n"
    b"0Nc2CrefWKseHj/mStd+LqC8B+NrX0btIiPt2SmN+ek=\n"
    b"Zx8UbF5HHooag6PCFM5LqQe486WIjRTMjNPOdbsS75Q=\n\n" + NOTE
)
