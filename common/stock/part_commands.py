"""What the office does with the catalogue: parts, their prices, and the other charges (R036, R068, R087).

Owns these commands. Every change of a price gets the next number of the price list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from sqlalchemy import select

from common.inbox.edits import Changes, Winner, after_edit, apply_changes, edited
from common.kernel.command import OFFICE, Nature, Role, command
from common.kernel.fields import Code, Id, Line, Name, OptionalCode, Text, Whole
from common.kernel.outcome import NOOP, OK, Outcome, Refused
from common.kernel.work import Work
from common.stock.part import PRICES_AGG, Part, PriceItem, fold_part, part_agg, price_list_version

PRICE_ROLES = (Role.SUPERVISOR, Role.MANAGER, Role.ADMINISTRATOR)
Price = Annotated[int, Whole(0, 10**12)]
Currency = Annotated[str, Text(3, 3)]
EDITABLE = {
    field: Winner.LATER for field in ("name", "name_zh", "pinyin", "barcode", "unit", "serialised", "active")
}


@dataclass(frozen=True, slots=True)
class RegisterPart:
    """Add a part to the catalogue (R087). The price is in minor units."""

    part_id: Id
    number: Code
    name: Name
    price_minor: Price
    currency: Currency
    name_zh: Line = ""
    pinyin: Line = ""
    barcode: OptionalCode = ""
    unit: OptionalCode = ""
    serialised: bool = False


@dataclass(frozen=True, slots=True)
class EditPart:
    """Change a part's names, code, unit, or take it out of use (R087)."""

    part_id: Id
    changes: Changes


@dataclass(frozen=True, slots=True)
class SetPrice:
    """Change the price of a part (R036), in minor units."""

    part_id: Id
    amount_minor: Price
    currency: Currency


@dataclass(frozen=True, slots=True)
class SetCharge:
    """Publish or change a charge that is no part: labour, travel of a zone, other (R068), in minor units."""

    item_id: Id
    code: Code
    kind: Literal["labour", "travel", "other"]
    title: Name
    amount_minor: Price
    currency: Currency
    zone: OptionalCode = ""
    active: bool = True


@command(
    RegisterPart,
    nature=Nature.INTENT,
    roles=(Role.PARTS_KEEPER, Role.ADMINISTRATOR),
    places=OFFICE,
    about=lambda c: part_agg(c.part_id),
)
def register_part(work: Work, c: RegisterPart) -> Outcome:
    """Register a part; a new one changes no price. Refuses `number_taken`."""
    if work.get(Part, c.part_id) is not None:
        return NOOP
    if work.session.scalar(select(Part.id).where(Part.number == c.number).limit(1)) is not None:
        raise Refused("number_taken", number=c.number)
    part = Part(
        id=c.part_id,
        agg=part_agg(c.part_id),
        number=c.number,
        name=c.name,
        name_zh=c.name_zh,
        pinyin=c.pinyin,
        barcode=c.barcode,
        unit=c.unit,
        serialised=c.serialised,
        price_minor=c.price_minor,
        currency=c.currency,
        price_version=max(1, price_list_version(work.session)),
        active=True,
        edited_by=work.actor.person_id,
    )
    refold_part(work, part)
    work.add(part)
    return OK


@command(
    EditPart,
    nature=Nature.EDIT,
    roles=(Role.PARTS_KEEPER, Role.SUPERVISOR, Role.ADMINISTRATOR),
    places=OFFICE,
    about=lambda c: part_agg(c.part_id),
)
def edit_part(work: Work, c: EditPart) -> Outcome:
    """Merge changes into a part. Refuses `part_unknown` beside the codes of `apply_changes`."""
    return apply_changes(work, work.need(Part, c.part_id), c.changes, EDITABLE, needed=("name",))


@command(
    SetPrice, nature=Nature.INTENT, roles=PRICE_ROLES, places=OFFICE, about=lambda c: part_agg(c.part_id)
)
def set_price(work: Work, c: SetPrice) -> Outcome:
    """Set a part's price. Refuses `part_unknown`."""
    part = work.need(Part, c.part_id)
    if (part.price_minor, part.currency) == (c.amount_minor, c.currency):
        return NOOP
    part.price_version = price_list_version(work.session) + 1
    part.price_minor, part.currency = c.amount_minor, c.currency
    edited(work, part)
    return OK


@command(SetCharge, nature=Nature.INTENT, roles=PRICE_ROLES, places=OFFICE, about=lambda c: PRICES_AGG)
def set_charge(work: Work, c: SetCharge) -> Outcome:
    """Set a charge; the first time publishes it."""
    wanted = {
        "code": c.code,
        "kind": c.kind,
        "title": c.title,
        "zone": c.zone,
        "amount_minor": c.amount_minor,
        "currency": c.currency,
        "active": c.active,
    }
    item = work.get(PriceItem, c.item_id)
    if item is None:
        version = max(1, price_list_version(work.session))
        work.add(PriceItem(id=c.item_id, agg=PRICES_AGG, version=version, **wanted))
        return OK
    if all(getattr(item, field) == value for field, value in wanted.items()):
        return NOOP
    item.version = price_list_version(work.session) + 1
    for field, value in wanted.items():
        setattr(item, field, value)
    return OK


@after_edit(Part)
def refold_part(work: Work, part: Part) -> None:
    """Make the text a part is found by anew."""
    part.folded = fold_part(part)
