"""Finding a customer by number, name, pinyin, initials, telephone, or the serial of a unit (R021).

Owns the order of the hits. Words are folded and matched by `common.kernel.search`.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, case, or_, select
from sqlalchemy.orm import Session

from common.customers.customer import Customer, CustomerContact, digits
from common.equipment.equipment import Equipment
from common.kernel.search import matching
from common.kernel.text import fold

FEWEST_DIGITS = 4


def find_customers(session: Session, text: str, limit: int = 20) -> list[Customer]:
    """Find active customers: exact number first, then key customers, then by name. '' lists all by name."""
    hits = [Customer.active.is_(True), *hits_of(text)]
    first = case((Customer.number == text.strip(), 0), (Customer.key_customer.is_(True), 1), else_=2)
    query = select(Customer).where(*hits).order_by(first, Customer.name, Customer.id).limit(limit)
    return list(session.scalars(query))


def hits_of(text: str) -> list[ColumnElement[bool]]:
    """Make the condition that words find a customer; none for ''."""
    if not fold(text):
        return []
    ways = [
        and_(*matching(Customer.folded, text)),
        Customer.id.in_(select(Equipment.customer_id).where(*matching(Equipment.folded, text))),
    ]
    number = digits(text)
    if len(number) >= FEWEST_DIGITS and not any(char.isalpha() for char in text):
        contacts = select(CustomerContact.customer_id).where(CustomerContact.phone.contains(number))
        ways += [Customer.folded.contains(number, autoescape=True), Customer.id.in_(contacts)]
    return [or_(*ways)]
