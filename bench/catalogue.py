"""A catalogue of any size, quickly: rows past the commands, with the changes and scope they would have had.

For measuring pulls only. Owns the rows' shape; receipts and audit have no part in a pull and are left out.
"""

from __future__ import annotations

import random
from typing import Any

from sqlalchemy import insert

from common.stock.part import Part, fold_part, part_agg
from sync_server.db.database import Database
from sync_server.db.unit_of_work import UnitOfWork

NAMES = ("密封圈", "电源板", "流量传感器", "泵管", "显示屏", "主控板", "蓄电池", "按键面板")
PORTION = 5_000


def fill_catalogue(database: Database, rows: int) -> None:
    """Add so many parts, in transactions of five thousand."""
    rng = random.Random(5)
    for start in range(0, rows, PORTION):
        numbers = range(start, min(start + PORTION, rows))
        parts = [_part(rng, number, database.new_id()) for number in numbers]

        def write(unit: UnitOfWork, parts: list[dict[str, Any]] = parts) -> None:
            unit.session.execute(insert(Part), parts)
            unit.touched.update({("part", part["id"]): part["agg"] for part in parts})

        database.transact(write)
    while database.number() < rows:
        continue


def _part(rng: random.Random, number: int, part_id: str) -> dict[str, Any]:
    name = rng.choice(NAMES)
    values: dict[str, Any] = {
        "id": part_id, "agg": part_agg(part_id), "number": f"BK-{number:07d}", "name": f"{name} {number % 97} mm",
        "name_zh": f"{name}{number % 401}型", "pinyin": f"mifengquan {number}", "folded": "",
        "barcode": str(6_900_000_000_000 + number), "unit": "件", "serialised": False,
        "price_minor": rng.randrange(500, 900_000), "currency": "CNY", "price_version": number + 1, "active": True,
        "edited_by": None,
    }  # fmt: skip
    return values | {"folded": fold_part(Part(**values))}
