"""Taking an import back as a whole: what nobody touched since is retired or put back, the rest is listed (M4).

Owns the record of imports and the walk back. Writes the business through `perform_many` alone; a second undo does
nothing and tells the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from common.equipment.equipment import Equipment
from common.kernel.codec import decode, encode
from common.kernel.command import kind_of, spec_of
from common.kernel.outcome import Refused
from common.kernel.work import Actor
from common.stock.movement import StockLevel
from common.stock.part_usage import PartUsage
from common.tickets.ticket import Assignment, Ticket
from sync_server.db.database import Database
from sync_server.db.import_tables import ImportRun, ImportStep
from sync_server.db.office import perform_many
from sync_server.db.tables import Change
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.imports.plan import Planned
from sync_server.imports.reverse import opposite
from sync_server.people.audit import note_event

ROUNDS = 50
# Where else the office or the field has begun to work with a row: then it is not taken from under them.
USES: dict[str, tuple[Any, ...]] = {
    "customer": (Ticket.customer_id, Equipment.customer_id),
    "equipment": (Ticket.equipment_id,),
    "equipment_model": (Equipment.model_id,),
    "part": (PartUsage.part_id,),
    "person": (Assignment.engineer_id,),
}


@dataclass(frozen=True, slots=True)
class Left:
    """Something an undo left as it is: which line of the table it was, and why. `code`: sentence `reason.<code>`."""

    line: int
    key: str
    title: str
    code: str


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo did: how many steps were taken back, and what was left."""

    number: int
    kind: str
    taken_back: int
    left: tuple[Left, ...]


def steps_of(session: Session, plan: Iterable[Planned], number: int) -> list[dict[str, Any]]:
    """Say how each step of a plan is taken back; read before it is carried out."""
    found: list[dict[str, Any]] = []
    for one in plan:
        for command in one.commands:
            for entity, row_id, back in opposite(session, command, number):
                written = [{"k": kind_of(payload), "a": encode(payload)} for payload in back]
                found.append(
                    {"ordinal": len(found), "line": one.line, "key": one.key[:200], "title": one.title,
                     "entity": entity, "row_id": row_id, "back": written, "left": ""}
                )  # fmt: skip
    return found


def next_number(session: Session) -> int:
    """Return the number of the next import."""
    return int(session.scalar(select(func.max(ImportRun.number))) or 0) + 1


def note_import(
    unit: UnitOfWork, number: int, kind: str, rows: int, by: str, steps: Sequence[dict[str, Any]]
) -> None:
    """Remember an import, in its own transaction."""
    run = ImportRun(
        id=unit.new_id(), number=number, kind=kind, by=by, at=unit.now, tx=unit.tx, rows=rows, state="applied",
        undone_by="", undone_at=None,
    )  # fmt: skip
    unit.session.add(run)
    unit.session.add_all(ImportStep(id=unit.new_id(), run_id=run.id, **step) for step in steps)


def past_imports(session: Session, limit: int = 20) -> list[ImportRun]:
    """List imports, newest first."""
    return list(session.scalars(select(ImportRun).order_by(ImportRun.number.desc()).limit(limit)))


def undo_import(database: Database, actor: Actor, number: int) -> Undone:
    """Take an import back. Refuses `import_unknown`, `not_permitted` where nothing at all may be taken back."""
    with database.read() as session:
        run, steps = _read(session, number)
        if run.state == "undone":
            return _told(run, steps)
        left = {step.id: why for step in steps if (why := _why_left(session, run, step, steps))}
    for _ in range(ROUNDS):
        going = [step for step in reversed(steps) if step.id not in left]
        commands = [(step, _payload(one)) for step in going for one in step.back]
        outcomes = perform_many(
            database, actor, [payload for _, payload in commands],
            also=partial(_note_undone, run_id=run.id, by=actor.person_id, left=dict(left)),
        )  # fmt: skip
        refused = {
            step.id: outcome.code
            for (step, _), outcome in zip(commands, outcomes, strict=True)
            if not outcome.took_effect
        }
        if refused and len(refused) == len(commands) and set(refused.values()) == {"not_permitted"}:
            raise Refused("not_permitted")
        if not refused:
            break
        left |= refused
    with database.read() as session:
        return _told(*_read(session, number))


def _payload(written: dict[str, Any]) -> Any:
    return decode(spec_of(written["k"]).payload, written["a"])


def _read(session: Session, number: int) -> tuple[ImportRun, list[ImportStep]]:
    run = session.scalar(select(ImportRun).where(ImportRun.number == number))
    if run is None:
        raise Refused("import_unknown", number=number)
    steps = select(ImportStep).where(ImportStep.run_id == run.id).order_by(ImportStep.ordinal)
    return run, list(session.scalars(steps))


def _why_left(session: Session, run: ImportRun, step: ImportStep, steps: Sequence[ImportStep]) -> str:
    """Say why a step is not taken back; '' where it is."""
    if not step.back:
        return "import_stays"
    if _is_changed_since(session, run, step):
        return "import_changed_since"
    return "import_in_use" if _is_new(step) and _is_used(session, step, steps) else ""


def _is_changed_since(session: Session, run: ImportRun, step: ImportStep) -> bool:
    """Say whether another transaction wrote the row after the import's own; unsure means yes."""
    row_id = _level_id(session, step.row_id) if step.entity == "stock_level" else step.row_id
    here = (Change.entity == step.entity, Change.row_id == row_id)
    own = session.scalar(select(func.max(Change.seq)).where(*here, Change.tx == run.tx))
    others = select(Change.id).where(*here, Change.tx != run.tx)
    if own is not None:
        others = others.where((Change.seq > own) | Change.seq.is_(None))
    return session.scalar(others.limit(1)) is not None


def _is_new(step: ImportStep) -> bool:
    """Say whether the import made the row: its opposite takes it out of use."""
    ends = {"deactivate_person", "retire_equipment", "retire_equipment_model"}
    changed = {one["field"] for back in step.back for one in back["a"].get("changes") or ()}
    return "active" in changed or bool(ends & {back["k"] for back in step.back})


def _is_used(session: Session, step: ImportStep, steps: Sequence[ImportStep]) -> bool:
    own = {one.row_id for one in steps}
    lying = select(StockLevel.id).where(StockLevel.part_id == step.row_id, StockLevel.qty != 0)
    if step.entity == "part" and session.scalar(lying.limit(1)) is not None:
        return True
    for column in USES.get(step.entity, ()):
        users = session.scalars(select(column.class_.id).where(column == step.row_id).limit(50)).all()
        if any(user not in own and not _is_retired(session, column, user) for user in users):
            return True
    return False


def _is_retired(session: Session, column: Any, row_id: str) -> bool:
    """Say whether what uses a row is itself out of use already, as after the undo of the import that made it."""
    return column.class_ is Equipment and bool(
        session.scalar(select(exists().where(Equipment.id == row_id, Equipment.state == "retired")))
    )


def _level_id(session: Session, place: str) -> str:
    location_id, _, part_id = place.partition("|")
    query = select(StockLevel.id).where(StockLevel.location_id == location_id, StockLevel.part_id == part_id)
    return session.scalar(query) or ""


def _note_undone(unit: UnitOfWork, run_id: str, by: str, left: dict[str, str]) -> None:
    run = unit.session.get(ImportRun, run_id, with_for_update=True)
    if run is None or run.state == "undone":
        raise Refused("import_undone_meanwhile")
    run.state, run.undone_by, run.undone_at = "undone", by, unit.now
    for step in unit.session.scalars(select(ImportStep).where(ImportStep.id.in_(left))):
        step.left = left[step.id][:200]
    note_event(unit, "import_undone", by, number=run.number, left=len(left))


def _told(run: ImportRun, steps: Sequence[ImportStep]) -> Undone:
    left = tuple(Left(step.line, step.key, step.title, step.left) for step in steps if step.left)
    return Undone(run.number, run.kind, len(steps) - len(left), left)
