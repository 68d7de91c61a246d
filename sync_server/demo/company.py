"""The demo company's files: people, customers, models, units, parts, prices and stock as tables for the import.

Owns what is in them. Same day, same seed: same tables; dates are reckoned from the day it is made.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from importlib import resources
from random import Random
from typing import Any

ISSUES = "ABCDEFGHJK"
CENTRAL = "ZK-01"
STORIES_A_VAN = 6
STOCKED_PCT = 30


@dataclass(frozen=True, slots=True)
class Size:
    """How large the company is made: the whole one, or a small one for tests."""

    units: int = 156
    issues: int = 10
    customers: int = 44
    tickets: int = 240
    days: int = 91


SMALL = Size(units=30, issues=1, customers=12, tickets=14, days=12)


@dataclass(slots=True)
class Company:
    """Tables by kind of import, and what the stories need to know of them."""

    today_on: date
    tables: dict[str, bytes] = field(default_factory=dict)
    models: list[dict[str, str]] = field(default_factory=list)
    people: list[dict[str, str]] = field(default_factory=list)
    units: list[dict[str, str]] = field(default_factory=list)
    serials: dict[tuple[str, str], list[str]] = field(default_factory=dict)  # (van, part) → serials on board


def read_rows(name: str) -> list[dict[str, str]]:
    """Read one of the demo's CSV files."""
    text = resources.files("sync_server.demo").joinpath("data", name).read_text("utf-8")
    return list(csv.DictReader(io.StringIO(text)))


@cache
def read_words(name: str) -> dict[str, Any]:
    """Read one of the demo's TOML files."""
    return tomllib.loads(resources.files("sync_server.demo").joinpath("data", name).read_text("utf-8"))


def write_table(rows: Sequence[dict[str, Any]]) -> bytes:
    """Write rows as CSV."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode("utf-8")


def make_company(today_on: date, size: Size, seed: int = 7) -> Company:
    """Make all tables."""
    chance = Random(seed)
    company = Company(today_on)
    company.models = read_rows("models.csv")
    company.people = [_dated(person, today_on) for person in read_rows("people.csv")]
    customers = read_rows("customers.csv")[: size.customers]
    company.units = list(_units(company.models, customers, size.units, today_on, chance))
    parts = list(_parts(company.models, size.issues))
    company.tables = {
        "models": write_table(company.models),
        "customers": write_table(customers),
        "people": write_table(company.people),
        "equipment": write_table(company.units),
        "prices": resources.files("sync_server.demo").joinpath("data", "prices.csv").read_bytes(),
        "parts": write_table(parts),
    }
    company.tables["stock"] = write_table(list(_stock(company, parts, chance)))
    return company


def part_number(model: str, component: str) -> str:
    """Number the first issue of a model's component, named in Chinese."""
    category = next(row["分类"] for row in read_rows("models.csv") if row["型号"] == model)
    names = [entry[1] for entry in _components(category)]
    return f"{model}-{names.index(component) + 1:02d}{ISSUES[0]}"


def _components(category: str) -> list[list[Any]]:
    words = read_words("components.toml")
    return [*words["common"], *words[category]]


def _dated(person: dict[str, str], today_on: date) -> dict[str, str]:
    """Turn `code:number:+days` of certificates into a day."""
    written = []
    for text in person["资格证书"].split(";"):
        if text:
            code, number, days = text.split(":")
            written.append(f"{code}:{number}:{today_on + timedelta(days=int(days))}")
    return person | {"资格证书": ";".join(written)}


def _units(
    models: list[dict[str, str]], customers: list[dict[str, str]], count: int, today_on: date, chance: Random
) -> Iterator[dict[str, str]]:
    wards = {
        "zh-Hans": ["ICU", "急诊科", "手术室3间", "内科二病区", "检验科", "影像科", "新生儿科", "门诊二楼"],
        "zh-Hant": ["深切治療部", "急診室", "手術室", "檢驗部", "放射部", "門診"],
        "en": ["ICU", "Emergency", "Theatre 2", "Laboratory", "Imaging", "Ward 5"],
    }
    for index in range(count):
        model = models[index % len(models)]
        customer = customers[(index * 7 + index // len(customers)) % len(customers)]
        age = chance.choice((60, 150, 250, 330, 420, 600, 800, 1100, 1500, 1900))
        accepted = today_on - timedelta(days=age + chance.randrange(40))
        months = chance.choice(("12", "12", "24", "36"))
        contract = age > 330 and chance.random() < 0.4
        from_on = today_on - timedelta(days=chance.randrange(20, 300))
        yield {
            "型号": model["型号"],
            "序列号": f"{model['型号'].replace('-', '')}{accepted:%y%m}{1001 + index}",
            "客户编号": customer["客户编号"],
            "所在位置": chance.choice(wards[customer["语言"]]),
            "UDI码": f"(01)0697{index:010d}(21){1001 + index}",
            "销售日期": str(accepted - timedelta(days=chance.randrange(10, 60))),
            "验收日期": str(accepted),
            "保修月数": months,
            "软件版本": f"{chance.randrange(1, 5)}.{chance.randrange(10)}.{chance.randrange(20)}",
            "合同编号": f"WB-{from_on:%Y}-{index + 1:03d}" if contract else "",
            "合同起始日": str(from_on) if contract else "",
            "合同截止日": str(from_on + timedelta(days=365)) if contract else "",
        }


def _parts(models: list[dict[str, str]], issues: int) -> Iterator[dict[str, str]]:
    count = 0
    for model in models:
        for place, (english, chinese, yuan, serialised) in enumerate(_components(model["分类"]), 1):
            for issue in range(issues):
                count += 1
                yield _part(
                    f"{model['型号']}-{place:02d}{ISSUES[issue]}",
                    f"{english}, {model['型号']}, issue {ISSUES[issue]}",
                    f"{model['型号']} {chinese}（{ISSUES[issue]}版）",
                    count,
                    "件",
                    "是" if serialised else "否",
                    f"{yuan * (100 + 3 * issue) / 100:.2f}",
                )
    for place, (english, chinese, yuan, _) in enumerate(read_words("components.toml")["consumables"], 1):
        for pack in (1, 10):
            count += 1
            number, price = f"HC-{place:02d}-{pack}", f"{yuan * pack * 9 / 10:.2f}"
            yield _part(number, f"{english} ×{pack}", f"{chinese}（{pack}件装）", count, "包", "否", price)


def _part(
    number: str, english: str, chinese: str, count: int, unit: str, serialised: str, price: str
) -> dict[str, str]:
    return {
        "备件编号": number,
        "名称": english,
        "中文名称": chinese,
        "条码": f"697{count:010d}",
        "单位": unit,
        "按序列号管理": serialised,
        "单价": price,
        "币种": "CNY",
    }


def _stock(company: Company, parts: list[dict[str, str]], chance: Random) -> Iterator[dict[str, str]]:
    by_number = {part["备件编号"]: part for part in parts}
    for part in parts:
        if part["按序列号管理"] == "否" and chance.randrange(100) < STOCKED_PCT:
            yield _line(CENTRAL, part["备件编号"], chance.choice((2, 4, 6, 10, 20, 50)), place="甬安中心库")
    for person in company.people:
        if not person["服务车"]:
            continue
        for number in _van_parts(company, person):
            if by_number[number]["按序列号管理"] == "否":
                yield _line(person["服务车"], number, STORIES_A_VAN)
                continue
            serials = [f"{number.replace('-', '')}{person['员工编号']}{i}" for i in range(1, STORIES_A_VAN)]
            company.serials[person["服务车"], number] = serials
            for serial in serials:
                yield _line(person["服务车"], number, 1, serial)


def _van_parts(company: Company, person: dict[str, str]) -> Iterable[str]:
    skills = set(person["技能"].split(";"))
    wanted = {
        (model["型号"], story["component"]): None
        for model in company.models
        for story in read_words("stories.toml")["story"]
        if model["所需技能"] in skills and story["category"] == model["分类"] and story["component"]
    }
    return [part_number(model, component) for model, component in wanted]


def _line(van: str, number: str, qty: int, serial: str = "", place: str = "") -> dict[str, str]:
    kind = "中心库" if place else ""
    return {
        "库位": van,
        "备件编号": number,
        "数量": str(qty),
        "序列号": serial,
        "库位名称": place,
        "库位类别": kind,
    }
