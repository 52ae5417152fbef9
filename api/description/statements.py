"""How a request of many statements looks, for the OpenAPI description: its body is read in another process."""

from __future__ import annotations

from typing import Any

from ledger.services.record.lines import LINES_MAX

_HEX32, _HEX32_OTHER = "0x" + "ab" * 32, "0x" + "cd" * 32

_EXAMPLE: list[dict[str, Any]] = [
    {
        "statement": {
            "kind": "batch_recalled",
            "body": {
                "statementId": _HEX32,
                "issuedAt": "1795559160000",
                "expiresAt": "1795645560000",
                "batch": _HEX32_OTHER,
                "reason": "seal defect",
                "noticeUrl": "",
                "supersedes": "0x" + "00" * 32,
            },
            "actor": "0x" + "1f" * 20,
            "signature": "0x" + "5e" * 65,
        }
    },
    {
        "statement": {
            "kind": "batch_registered",
            "body": {
                "statementId": _HEX32_OTHER,
                "issuedAt": "1795559160000",
                "expiresAt": "1795645560000",
                "gtin": "09521234543213",
                "lot": "L-0002",
                "unitCount": "1000",
                "segmentRoot": _HEX32,
                "saltCommitment": _HEX32,
                "salt": "0x" + "00" * 32,
                "serialSource": 1,
                "serialSpaceBits": 99,
                "labelKey": "0x" + "00" * 32,
                "labelCarriers": [],
                "markets": ["KE", "NL"],
                "expires": "2028-06-30",
            },
            "actor": "0x" + "1f" * 20,
            "signature": "0x" + "5e" * 65,
        },
        "salt": _HEX32,
    },
]

BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "array",
                "minItems": 1,
                "maxItems": LINES_MAX,
                "items": {
                    "type": "object",
                    "required": ["statement"],
                    "additionalProperties": False,
                    "properties": {
                        "statement": {"$ref": "#/components/schemas/StatementIn"},
                        "salt": {
                            "type": "string",
                            "pattern": "^0x[0-9a-f]{64}$",
                            "description": "Of a registration, and of nothing else.",
                        },
                    },
                },
            },
            "example": _EXAMPLE,
        }
    },
}
"""The request body as OpenAPI describes one; a test sends its example."""

EXAMPLE_ANSWERED: dict[str, Any] = {
    "taken": 1,
    "duplicates": 0,
    "refused": 1,
    "lines": [
        {
            "index": 0,
            "status": 201,
            "receipt": {
                "entry": 9,
                "leaf": _HEX32,
                "log_size": 10,
                "recorded_at": "2026-11-23T22:26:00.000Z",
                "duplicate": False,
                "batch": _HEX32_OTHER,
                "proof": "/v1/proofs/entries/9",
            },
            "problem": None,
        },
        {
            "index": 1,
            "status": 422,
            "receipt": None,
            "problem": {
                "type": "/problems/lot_registered",
                "title": "Registered already",
                "detail": "couldn't accept the registration: GTIN 09521234543213 lot L-0002 is registered already",
                "code": "lot_registered",
                "errors": None,
            },
        },
    ],
    "checkpoint": "carnet.example\n10\nq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=\n\n— carnet.example …\n",
}
