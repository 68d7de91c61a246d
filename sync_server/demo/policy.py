"""The demo company's own policy: the medical-device preset with its blanks filled, open all week so that today works.

Owns the invented figures. They are nobody's real terms.
"""

from __future__ import annotations

from typing import Any

from common.kernel.codec import canonical
from common.policy.preset import fill_policy, preset_data

PRESET = "medical-device"
SOURCE = "Demo company's own rules"
WEEKDAY = ["08:30-12:00", "13:30-18:00"]
WEEKEND = ["09:00-12:00", "13:30-17:30"]
COUNTY = {
    "code": "county",
    "title": ["Counties around", "周边县市", "周邊縣市"],
    "source": SOURCE,
    "match": ["*慈湖市*", "*象川县*", "*宁溪县*", "*奉江市*", "*姚北市*"],
}
FILLED: dict[str, Any] = {
    "zones[same_city].match": ["*甬安市*", "*yong'an*"],
    "zones[elsewhere].match": ["*"],
    "clocks[arrival_same_city].amount": 6,
    "clocks[arrival_same_city].unit": "wh",
    "clocks[arrival_elsewhere].amount": 3,
    "warranty.start_event": "acceptance",
    "warranty.months": 12,
    "warranty.after_expiry": "paid",
    "fee.price_list[labour].amount_minor": 30_000,
    "fee.price_list[travel].amount_minor": 10_000,
    "fee.small_fee_ceiling_minor": 50_000,
    "fee.quote_owner": "engineer",
    "figures[loaner_after].amount": 48,
    "figures[loaner_within].amount": 24,
    "figures[complaint_close].amount": 7,
}


def demo_policy() -> str:
    """Write the policy document that the demo adopts."""
    data = fill_policy(preset_data(PRESET), FILLED)
    data["id"] = "hengxin-demo"
    data["title"] = ["Hengxin service rules (demo)", "恒信服务细则（演示）", "恆信服務細則（演示）"]
    data["source"] = SOURCE
    week = data["calendar"]["week"]  # type: ignore[index]
    for day in week:
        week[day] = WEEKEND if day in ("sat", "sun") else WEEKDAY
    zones: list[Any] = data["zones"]  # type: ignore[assignment]
    zones.insert(1, COUNTY)
    clocks: list[Any] = data["clocks"]  # type: ignore[assignment]
    near = next(rule for rule in clocks if rule["code"] == "arrival_same_city")
    clocks.append(
        near
        | {
            "code": "arrival_county",
            "title": ["Arrival, counties around", "到达现场，周边县市", "到達現場，周邊縣市"],
            "source": SOURCE,
            "amount": 12,
            "zone": "county",
        }
    )
    return canonical(_settled(data))


def _settled(value: Any) -> Any:
    """Take away the marks that ask for confirmation: this company has confirmed."""
    if isinstance(value, dict):
        return {key: _settled(item) for key, item in value.items() if key != "confirm"}
    return [_settled(item) for item in value] if isinstance(value, list) else value
