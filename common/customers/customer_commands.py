"""What the office does with the customer file (R021).

Owns these commands. Pinyin and initials are made by the caller, because only the server knows how.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select

from common.customers.customer import Customer, CustomerContact, customer_agg, fold_customer
from common.inbox.edits import Changes, Winner, after_edit, apply_changes
from common.kernel.command import OFFICE, Nature, Role, command
from common.kernel.fields import Code, Id, Line, Name, Note, OptionalCode
from common.kernel.outcome import NOOP, OK, Outcome, Refused
from common.kernel.work import Work
from common.policy.policy_set import zone_for

DESK_ROLES = (Role.SPECIALIST, Role.DISPATCHER, Role.CLERK, Role.SUPERVISOR, Role.ADMINISTRATOR)
EDITABLE = dict.fromkeys(
    (
        "name",
        "pinyin",
        "initials",
        "phone",
        "contact",
        "address",
        "zone",
        "language",
        "key_customer",
        "site_notes",
        "active",
    ),
    Winner.LATER,
)


@dataclass(frozen=True, slots=True)
class RegisterCustomer:
    """Open a customer's file (R021). An empty `zone` is found from the address."""

    customer_id: Id
    number: Code
    name: Name
    pinyin: Line = ""
    initials: Line = ""
    phone: Line = ""
    contact: Line = ""
    address: Line = ""
    zone: OptionalCode = ""
    language: Literal["en", "zh-Hans", "zh-Hant"] = "zh-Hans"
    key_customer: bool = False
    site_notes: Note = ""


@dataclass(frozen=True, slots=True)
class EditCustomer:
    """Change the customer file (R021)."""

    customer_id: Id
    changes: Changes


@dataclass(frozen=True, slots=True)
class AddContact:
    """Add one more person to ask for (R021)."""

    contact_id: Id
    customer_id: Id
    name: Name
    role: Line = ""
    phone: Line = ""


@command(
    RegisterCustomer,
    nature=Nature.INTENT,
    roles=DESK_ROLES,
    places=OFFICE,
    about=lambda c: customer_agg(c.customer_id),
)
def register_customer(work: Work, c: RegisterCustomer) -> Outcome:
    """Register a customer. Refuses `number_taken`."""
    if work.get(Customer, c.customer_id) is not None:
        return NOOP
    if work.session.scalar(select(Customer.id).where(Customer.number == c.number)) is not None:
        raise Refused("number_taken", number=c.number)
    customer = Customer(
        id=c.customer_id,
        agg=customer_agg(c.customer_id),
        number=c.number,
        name=c.name,
        pinyin=c.pinyin,
        initials=c.initials,
        phone=c.phone,
        contact=c.contact,
        address=c.address,
        zone=c.zone or zone_for(work.session, c.address),
        language=c.language,
        key_customer=c.key_customer,
        site_notes=c.site_notes,
        active=True,
        edited_by=work.actor.person_id,
    )
    refold_customer(work, customer)
    work.add(customer)
    return OK


@command(
    EditCustomer,
    nature=Nature.EDIT,
    roles=DESK_ROLES,
    places=OFFICE,
    about=lambda c: customer_agg(c.customer_id),
)
def edit_customer(work: Work, c: EditCustomer) -> Outcome:
    """Merge changes into a customer. Refuses `language_unknown` beside the codes of `apply_changes`."""
    if any(
        change.field == "language" and change.new not in ("en", "zh-Hans", "zh-Hant") for change in c.changes
    ):
        raise Refused("language_unknown")
    return apply_changes(work, work.need(Customer, c.customer_id), c.changes, EDITABLE, needed=("name",))


@command(
    AddContact,
    nature=Nature.INTENT,
    roles=DESK_ROLES,
    places=OFFICE,
    about=lambda c: customer_agg(c.customer_id),
)
def add_contact(work: Work, c: AddContact) -> Outcome:
    """Add a contact. Refuses `customer_unknown`."""
    if work.look(Customer, c.customer_id) is None:
        raise Refused("customer_unknown")
    if work.get(CustomerContact, c.contact_id) is not None:
        return NOOP
    work.add(
        CustomerContact(
            id=c.contact_id,
            agg=customer_agg(c.customer_id),
            customer_id=c.customer_id,
            name=c.name,
            role=c.role,
            phone=c.phone,
        )
    )
    return OK


@after_edit(Customer)
def refold_customer(work: Work, customer: Customer) -> None:
    """Make the text a customer is found by anew."""
    customer.folded = fold_customer(customer)
