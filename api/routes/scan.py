"""Officers' scans: a code as a device read it, or a photograph that is decoded here; and the state of receipts."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Body, File, Form, Path, Query, Request, UploadFile
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.answer.schema import ReceiptStateOut
from api.asking.asking import ask_as_officer
from api.asking.photo import decode_photo
from api.asking.receipts import PENDING, receipt_state, retry_after
from api.description.examples import ANSWER, EXAMPLE_SCAN, problems
from api.guard.guard import Guarded
from api.http.reply import NO_STORE, reply
from api.question.scanning import ScanIn, fields_from_form, officer_told, scan_input
from api.question.told import Symbol, understand
from api.site.site import caller_of, site
from verifier import canonical
from verifier.verdict.facts import Context, HowRead

router = APIRouter(route_class=Guarded, tags=["officers"])
_PROBLEMS = problems("malformed", "unauthenticated", "scope_missing", "scan_id_reused", "scan_time", "unavailable")


@router.post("/v1/scans", summary="Scan a code", responses={200: ANSWER, **_PROBLEMS})
async def scan(request: Request, body: Annotated[ScanIn, Body(examples=[EXAMPLE_SCAN])]) -> Response:
    """Judge a code with everything known about it, and keep the scan.

    Idempotent by `id`; another scan under it is refused. The answer holds all evidence, a link to the proof file, and a
    receipt: the signed promise to seal the scan before a deadline. Keep it.
    """
    here, who = site(request), caller_of(request)
    kept = scan_input(body, body.code, who)
    told = officer_told(
        kept,
        Symbol(body.code, body.carrier, body.symbology),
        HowRead.DECODER if body.machine_read else HowRead.TYPED,
        tuple(repair.value for repair in body.repairs),
        here.hosts,
    )
    answer, _ = await run_in_threadpool(ask_as_officer, here, kept, told, understand(told), who.officer)
    return reply(answer)


@router.post(
    "/v1/scans/photo",
    summary="Scan a photograph",
    responses={200: ANSWER, **_PROBLEMS, **problems("too_large", "image_format", "image_damaged")},
)
async def scan_photo(
    request: Request,
    photo: Annotated[UploadFile, File(description="PNG, JPEG or WebP, up to 12 MiB.")],
    id: Annotated[str, Form(description="UUID drawn by the device.")],
    scanned_at: Annotated[str, Form(description="RFC 3339.")],
    device: Annotated[str, Form()],
    context: Annotated[Context, Form()] = Context.UNKNOWN,
    latitude: Annotated[str, Form()] = "",
    longitude: Annotated[str, Form()] = "",
    unlocode: Annotated[str, Form()] = "",
    country: Annotated[str, Form()] = "",
) -> Response:
    """Decode a photograph on the server and judge the code in it; otherwise the same as `POST /v1/scans`.

    Without a code, or with several product codes, it is `unreadable`.
    """
    here, who = site(request), caller_of(request)
    given = {"id": id, "scanned_at": scanned_at, "device": device, "context": context.value}
    given |= {"latitude": latitude, "longitude": longitude, "unlocode": unlocode, "country": country}
    fields = fields_from_form(given)
    kept = scan_input(fields, "", who)
    told = officer_told(kept, await decode_photo(here, await photo.read()), HowRead.PHOTOGRAPH, hosts=here.hosts)
    question = understand(told)
    kept = replace(kept, code=question.reading.text)
    answer, _ = await run_in_threadpool(ask_as_officer, here, kept, told, question, who.officer)
    return reply(answer)


@router.get(
    "/v1/scans/{scan_id}/receipt",
    summary="What became of a receipt",
    responses={
        200: {
            "model": ReceiptStateOut | dict[str, Any],
            "description": "Sealed; `evidence` shows whether it holds the scan.",
        },
        202: {"model": ReceiptStateOut | dict[str, Any], "description": "Not sealed yet. Ask again after Retry-After."},
        **problems("unauthenticated", "scope_missing", "scan_unknown", "receipt_none", "unavailable"),
    },
)
async def receipt(
    request: Request,
    scan_id: Annotated[str, Path(max_length=80)],
    download: Annotated[
        bool, Query(description="Return only the file: the evidence, or the receipt while there is no evidence yet.")
    ] = False,
) -> Response:
    """The receipt of one of your own scans and, once its seal is in the log, the proof that the seal holds the scan.

    `carnet verify` checks it offline. The scope `admin` also sees others' scans.
    """
    here = site(request)
    state = await run_in_threadpool(receipt_state, here, scan_id, caller_of(request))
    pending = state["state"] in PENDING
    headers = {"Retry-After": str(retry_after(here))} if pending else {}
    if download:
        name = f"{'receipt' if state['evidence'] is None else 'evidence'}-{scan_id}.json"
        headers |= {"Content-Disposition": f'attachment; filename="{name}"', **NO_STORE}
        raw = canonical.encode(state["evidence"] or state["receipt"])
        return Response(raw, 202 if pending else 200, headers, "application/json")
    return reply(state, 202 if pending else 200, headers)
