"""The envelope of a command on its way: made and stored before it is first sent, never changed after.

Owns the wire form. `n` (the lane's number) is given apart, because a fork renumbers without touching the envelope.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from common.kernel.clock import Reading
from common.kernel.codec import decode, encode
from common.kernel.command import kind_of, spec_of
from common.kernel.fields import Code, Id, Many, Millis, OptionalCode, Whole
from common.kernel.outcome import BadPayload


@dataclass(frozen=True, slots=True)
class Op:
    """One command in its envelope.

    `k` kind, `v` version, `a` arguments, `w` `m` `bt` the clock reading when it was given, `e` the clock error the
    tablet knew then (tablet minus server, ms), `d` ids of commands it builds on, `g` group of the same fate.
    """

    id: Id
    k: Code
    w: Millis
    a: dict[str, Any]
    v: Annotated[int, Whole(1, 1000)] = 1
    m: Annotated[int, Whole(0, 2**53)] = 0
    bt: OptionalCode = ""
    e: Annotated[int, Whole(-(2**53), 2**53)] = 0
    d: Annotated[tuple[Id, ...], Many(50)] = field(default=())
    g: OptionalCode = ""

    @property
    def reading(self) -> Reading:
        """Return the clock reading of the moment it was given."""
        return Reading(self.w, self.m, self.bt)


def make_op(payload: Any, op_id: str, reading: Reading, *, clock_error_ms: int = 0, group: str = "") -> Op:
    """Put a payload into its envelope."""
    kind = kind_of(payload)
    return Op(
        op_id,
        kind,
        reading.wall_ms,
        encode(payload),
        spec_of(kind).version,
        reading.mono_ms,
        reading.boot,
        clock_error_ms,
        (),
        group,
    )


def payload_of(op: Op) -> Any:
    """Decode the arguments, older versions brought up first. Raises BadPayload (`command_unknown`, `version_unknown`)."""
    spec = spec_of(op.k)
    args, version = op.a, op.v
    while version < spec.version:
        if version not in spec.upcasters:
            raise BadPayload("version_unknown", op.k)
        args, version = spec.upcasters[version](dict(args)), version + 1
    if version > spec.version:
        raise BadPayload("version_too_new", op.k)
    return decode(spec.payload, args, where="a")
