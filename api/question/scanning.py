"""An officer's scan as it comes in, in JSON or in a form, turned into what the ledger keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, Field, ValidationError, model_validator

from api.answer.schema import Closed
from api.http.moment import Moment
from api.question.parameters import SYMBOLOGY
from api.question.place import country_of, parse_unlocode
from api.question.told import Pictured, Symbol, Told
from ledger.services.record.append import now_ms
from ledger.services.scans.scan import ScanInput
from ledger.services.scans.token import Caller
from verifier.errors import Malformed, Refused
from verifier.foreign import check_text
from verifier.instant import MINUTE, format_instant
from verifier.reading.gs1 import Carrier
from verifier.reading.reading import LONGEST_TEXT
from verifier.reading.repair import RepairName
from verifier.verdict.facts import Context, HowRead

CLOCK_SKEW = 5 * MINUTE
"""How far a device's clock may run ahead of ours, in milliseconds."""

_Degrees = Annotated[float, Field(allow_inf_nan=False)]


class Place(Closed):
    """A place: coordinates in degrees (both or neither), a UN/LOCODE, a country. Each may be left out."""

    latitude: Annotated[_Degrees, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[_Degrees, Field(ge=-180, le=180)] | None = None
    unlocode: str | None = None
    country: str | None = None

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude come together")
        return self


def _seen(text: str) -> str:
    """A name as it is shown to others later. Raises Malformed (`hidden_character`)."""
    check_text("name of the device", text, at="device")
    return text


class ScanFields(Closed):
    """A scan without its code. The device draws `id`, so that sending the scan twice counts once."""

    id: UUID
    place: Place = Place()
    scanned_at: Moment
    device: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$"), AfterValidator(_seen)]
    context: Context = Context.UNKNOWN


class ScanIn(ScanFields):
    """A scan. `machine_read`: the text came from a decoder. `repairs`: faults that were undone before, by name."""

    code: Annotated[str, Field(max_length=2 * LONGEST_TEXT)]
    carrier: Carrier = Carrier.TEXT
    symbology: Annotated[str, Field(pattern=SYMBOLOGY)] | None = None
    machine_read: bool = False
    repairs: Annotated[tuple[RepairName, ...], Field(max_length=len(RepairName))] = ()


def scan_input(fields: ScanFields, code: str, who: Caller) -> ScanInput:
    """The scan as the ledger keeps it. Raises Malformed (`unlocode`, `country`), Refused (`scan_time`)."""
    place = fields.place
    unlocode = parse_unlocode(place.unlocode) if place.unlocode else None
    scanned_at = fields.scanned_at
    if not 0 <= scanned_at <= now_ms() + CLOCK_SKEW:
        far = "before 1970" if scanned_at < 0 else f"at {format_instant(scanned_at)}, more than 5 minutes ahead"
        raise Refused(f"couldn't take the scan: by its device's clock it was made {far}", code="scan_time")
    return ScanInput(
        id=str(fields.id),
        code=code,
        scanned_at=scanned_at,
        device=fields.device,
        context=fields.context,
        country=country_of(place.country or None, unlocode, who.country),
        unlocode=unlocode,
        latitude=place.latitude,
        longitude=place.longitude,
    )


def officer_told(
    scan: ScanInput,
    came: Pictured | Symbol,
    how: HowRead = HowRead.TYPED,
    repairs: tuple[str, ...] = (),
    hosts: tuple[str, ...] = (),
) -> Told:
    """An officer's device's report: the codes, and everything that it said about the scan."""
    return Told(
        came.symbols if isinstance(came, Pictured) else (came,),
        cut=isinstance(came, Pictured) and came.cut,
        how=how,
        repairs=repairs,
        context=scan.context,
        country=scan.country,
        scan=scan.sighting(),
        device_time=scan.scanned_at,
        officer=True,
        hosts=hosts,
    )


def fields_from_form(form: Mapping[str, Any]) -> ScanFields:
    """Read a scan's fields from a form. All values are text, and an empty field counts as left out.

    Raises Malformed naming every field that is wrong.
    """
    given = {key: value for key, value in form.items() if isinstance(value, str) and value.strip()}
    place = {key: given[key] for key in Place.model_fields if key in given}
    own = {key: given[key] for key in ScanFields.model_fields if key in given and key != "place"}
    try:
        return ScanFields.model_validate({**own, "place": place})
    except ValidationError as error:
        names = [".".join(str(part) for part in e["loc"]) or "place" for e in error.errors()]
        reasons = "; ".join(f"{name}: {e['msg']}" for name, e in zip(names, error.errors(), strict=True))
        raise Malformed(f"couldn't read the form: {reasons}", at=names[0].replace(".", "/")) from error
