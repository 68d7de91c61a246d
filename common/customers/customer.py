"""Customers and the people to ask for there (R021).

Owns the tables. Their equipment is its own room; finding a customer is `common.customers.search`.
"""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from common.kernel.record import Base, Key, PrivateLong, PrivateShort, Short, Synced
from common.kernel.text import fold


class Customer(Synced, Base):
    """The customer file (客户档案, R021)."""

    __tablename__ = "customer"
    number: Mapped[Short] = mapped_column(index=True)
    name: Mapped[PrivateShort]
    pinyin: Mapped[PrivateShort]
    initials: Mapped[PrivateShort]
    folded: Mapped[PrivateLong]
    phone: Mapped[PrivateShort]
    contact: Mapped[PrivateShort]
    address: Mapped[PrivateShort]
    zone: Mapped[Short]
    language: Mapped[Short]
    key_customer: Mapped[bool]
    site_notes: Mapped[PrivateLong]
    active: Mapped[bool]
    edited_by: Mapped[Key | None]


class CustomerContact(Synced, Base):
    """One more person to ask for at a customer's."""

    __tablename__ = "customer_contact"
    customer_id: Mapped[Key] = mapped_column(index=True)
    name: Mapped[PrivateShort]
    role: Mapped[Short]
    phone: Mapped[PrivateShort]


def customer_agg(customer_id: str) -> str:
    """Name a customer's aggregate."""
    return f"customer:{customer_id}"


def digits(phone: str) -> str:
    """Keep the digits of a telephone number, so that blanks and dashes never hide it."""
    return "".join(char for char in phone if char.isdecimal())


def fold_customer(customer: Customer) -> str:
    """Make the text a customer is found by: number, name, pinyin, initials, telephone, contact, address."""
    words = (
        customer.number,
        customer.name,
        customer.pinyin,
        customer.pinyin.replace(" ", ""),
        customer.initials,
        digits(customer.phone),
        customer.contact,
        customer.address,
    )
    return fold(" ".join(words))
