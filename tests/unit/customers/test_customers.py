"""The customer file: opened once, edited by two, found however the caller names himself."""

from __future__ import annotations

import pytest

from common.customers.customer import Customer
from common.customers.customer_commands import AddContact, EditCustomer, RegisterCustomer
from common.customers.search import find_customers
from common.inbox.records import FieldConflict
from common.kernel.command import Place, Role
from common.kernel.search import search_terms
from tests.support.world import World, change


def test_a_customer_is_found_by_every_name_he_gives(world: World) -> None:
    customer = world.a_customer(
        "上海瑞金醫院",
        number="C-1001",
        pinyin="shang hai rui jin yi yuan",
        initials="shrjyy",
        phone="021-6437 0045",
        contact="李護士長",
        address="黄浦区瑞金二路197号",
    )
    world.a_customer("苏州大学附属第一医院", number="C-1002", pinyin="su zhou", initials="sz")
    world.a_unit(customer, serial="SN-77Ａ")
    world.must(AddContact(world.id(), customer, "周工", "设备科", "13911112222"))
    for typed in (
        "C-1001",
        "c-1001",
        "瑞金医院",
        "瑞金醫院",
        "ruijin",
        "rui jin",
        "SHRJ",
        "64370045",
        "021-64370045",
        "李护士",
        "瑞金二路",
        "sn-77a",
        "139 1111 2222",
    ):
        assert [c.id for c in find_customers(world.session, typed)] == [customer], typed
    assert find_customers(world.session, "不存在") == []
    assert find_customers(world.session, "100%") == []
    assert len(find_customers(world.session, "")) == 2
    assert len(find_customers(world.session, "医院", limit=1)) == 1


def test_an_exact_number_comes_first(world: World) -> None:
    world.a_customer("甲 C-9", number="C-90", key_customer=True)
    exact = world.a_customer("乙", number="C-9")
    assert find_customers(world.session, "C-9")[0].id == exact


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("報修", "叫修"),
        ("維護", "维护"),
        ("抱怨", "投訴"),
        ("維修", "修護"),
        ("品質部", "质量管理部"),
        ("客戶", "客户"),
    ],
)
def test_twins_of_the_trade_share_a_spelling(one: str, other: str) -> None:
    assert search_terms(one)[0] & search_terms(other)[0]


def test_a_number_is_given_once(world: World) -> None:
    payload = RegisterCustomer(world.id(), "C-1", "甲")
    world.must(payload)
    assert world.do(payload).status == "noop"
    assert world.do(RegisterCustomer(world.id(), "C-1", "乙")).code == "number_taken"


def test_two_edits_of_one_field_keep_both_values(world: World) -> None:
    customer = world.a_customer("甲", number="C-1", address="旧路 1 号")
    one, other = world.id(), world.id()
    desk = (Role.SPECIALIST,)
    moves = [change("address", "旧路 1 号", "新路 2 号")]
    world.must(EditCustomer(customer, tuple(moves)), roles=desk, person=one)
    late = EditCustomer(
        customer, (change("address", "旧路 1 号", "东路 3 号"), change("key_customer", "0", "1"))
    )
    outcome = world.do(late, roles=desk, person=other)
    assert (outcome.status, outcome.code, outcome.values) == ("merged", "edit_met_another", {"n": 1})
    row = world.get(Customer, customer)
    assert (row.address, row.key_customer, row.edited_by) == ("东路 3 号", True, other)
    conflict = world.session.query(FieldConflict).one()
    assert (conflict.lost, conflict.lost_by, conflict.kept_by) == ("新路 2 号", one, other)
    assert [c.id for c in find_customers(world.session, "东路")] == [customer]


@pytest.mark.parametrize(
    ("field", "new", "code"),
    [
        ("number", "C-2", "field_not_editable"),
        ("folded", "x", "field_not_editable"),
        ("name", "x" * 201, "value_too_long"),
        ("key_customer", "maybe", "value_not_readable"),
    ],
)
def test_what_cannot_be_written_is_refused(world: World, field: str, new: str, code: str) -> None:
    customer = world.a_customer()
    assert world.do(EditCustomer(customer, (change(field, "", new),))).code == code


def test_the_office_only(world: World) -> None:
    payload = RegisterCustomer(world.id(), "C-1", "甲")
    assert world.do(payload, roles=(Role.SPECIALIST,), place=Place.TABLET).code == "wrong_place"
    assert world.do(payload, roles=(Role.ENGINEER,)).code == "not_permitted"
