"""The customer's opinion card of the demo, sealed for the server as a tablet seals it.

Owns a second writing of the sealed form, because the two programs never import each other; opening proves it right.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from common.visit.opinion_card import OpinionCard, write_card
from sync_server.followup.open_rating import PURPOSE, VERSION
from sync_server.keys import from_text, to_text


def seal_rating(card: OpinionCard, box_key: str, ticket_id: str, random_bytes: Callable[[int], bytes]) -> str:
    """Seal a card for the owner of `box_key`; it opens only together with the ticket's id."""
    own = X25519PrivateKey.from_private_bytes(random_bytes(32))
    public, theirs = own.public_key().public_bytes_raw(), from_text(box_key)
    shared = own.exchange(X25519PublicKey.from_public_bytes(theirs))
    key = HKDF(SHA256(), 32, salt=public + theirs, info=PURPOSE).derive(shared)
    nonce = random_bytes(12)
    body = AESGCM(key).encrypt(nonce, write_card(card).encode(), ticket_id.encode())
    return to_text(VERSION + public + nonce + body)
