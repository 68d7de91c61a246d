"""Demo data for the console's toolkit: twelve engineers, a day of work, tickets waiting. No rules."""

from __future__ import annotations

from typing import Any

from sync_server.console.board_data import Job, Lane, Mark, Tone

STATES: dict[str, tuple[Tone, str, tuple[str, str, str]]] = {
    "planned": ("planned", "calendar", ("Planned", "已排程", "已排程")),
    "agreed": ("confirmed", "check", ("Agreed", "已约定", "已約定")),
    "travelling": ("moving", "truck", ("On the way", "在途", "在途")),
    "working": ("working", "wrench", ("On site", "现场处理中", "現場處理中")),
    "paused": ("paused", "pause", ("Paused", "已暂停", "已暫停")),
    "done": ("done", "check-circle", ("Done", "已完成", "已完成")),
}
ENGINEERS = (
    ("Chen Jun 陈军", "East · X-ray, ultrasound"), ("Gao Min 高敏", "East · laboratory"),
    ("He Tao 何涛", "West · electrical"), ("Huang Lei 黄磊", "West · X-ray"),
    ("Li Wei 李伟", "North · laboratory, pumps"), ("Liu Yang 刘洋", "North · ultrasound"),
    ("Sun Hao 孙浩", "South · X-ray, CT"), ("Wang Fang 王芳", "South · laboratory"),
    ("Wu Bin 吴斌", "South · electrical"), ("Xu Jing 徐静", "Suburbs · pumps"),
    ("Zhang Qi 张琪", "Suburbs · X-ray"), ("Zhou Ping 周平", "Suburbs · electrical"),
)  # fmt: skip
CUSTOMERS = (
    "城东医院 East City Hospital",
    "西山口腔诊所 Xishan Dental",
    "北区检验中心 North Lab",
    "南湖卫生院 Nanhu Clinic",
    "华光电器厂 Huaguang Works",
    "青松养老院 Qingsong Care",
    "和平骨科 Heping Ortho",
    "星海影像 Xinghai Imaging",
)
FAULTS = (
    "No image after start-up", "Error E-42, stops during exposure", "Pump alarm, flow too low",
    "Table does not lift", "Printer module offline", "Overheats after one hour", "Noise from gantry",
)  # fmt: skip
# engineer index, start, minutes, state
PLACED = (
    (0, 480, 90, "done"), (0, 600, 90, "working"), (0, 780, 60, "agreed"), (0, 870, 90, "planned"),
    (1, 510, 60, "done"), (1, 615, 75, "travelling"), (1, 810, 120, "planned"),
    (2, 480, 150, "done"), (2, 660, 60, "agreed"), (2, 840, 60, "planned"), (2, 870, 60, "planned"),
    (3, 540, 120, "paused"), (3, 795, 60, "agreed"),
    (4, 480, 60, "done"), (4, 570, 90, "working"), (4, 780, 90, "planned"), (4, 900, 60, "planned"),
    (5, 600, 120, "working"), (5, 840, 90, "agreed"),
    (6, 495, 90, "done"), (6, 615, 60, "travelling"), (6, 780, 150, "planned"),
    (7, 480, 120, "done"), (7, 630, 60, "agreed"),
    (8, 780, 120, "planned"), (8, 930, 60, "planned"),
    (9, 540, 60, "done"), (9, 660, 60, "agreed"), (9, 780, 75, "planned"),
    (11, 480, 180, "working"), (11, 780, 60, "planned"),
)  # fmt: skip
URGENCY: tuple[tuple[Tone, str, tuple[str, str, str]], ...] = (
    ("alert", "alert", ("Urgent", "紧急", "緊急")), ("warn", "clock", ("Complex", "复杂", "複雜")),
    ("neutral", "dot", ("Minor", "一般", "一般")),
)  # fmt: skip
DUE: tuple[tuple[Tone, str], ...] = (
    ("alert", "−0:25"),
    ("warn", "0:40"),
    ("neutral", "3:10"),
    ("neutral", "6:30"),
)
NOW_MIN = 637
LUNCH = [[480, 720], [780, 1080]]


def lanes() -> list[Lane]:
    """List the engineers of the day; one is on leave, one in training for the morning."""
    found: list[Lane] = []
    for index, (name, note) in enumerate(ENGINEERS):
        contact: Mark | None = {"tone": "warn", "icon": "offline", "label": "2 h"} if index % 5 == 3 else None
        lane: Lane = {
            "engineer_id": f"e{index + 1}", "name": name, "note": note, "working": LUNCH, "absences": [],
            "contact": contact or {"tone": "working", "icon": "check", "label": f"{index % 4 + 1} min"},
        }  # fmt: skip
        if index == 8:
            lane["absences"] = [{"from_min": 480, "to_min": 720, "label": "Training 培训"}]
        if index == 10:
            lane["working"] = []
            lane["absences"] = [{"from_min": 420, "to_min": 1200, "label": "Leave 休假"}]
        found.append(lane)
    return found


def job(number: int, language_index: int, facts: dict[str, Any]) -> Job:
    """Write one job as the board wants it, in a language; `facts` is the demo's row."""
    tone, icon, labels = STATES[facts["state"]]
    urgent_tone, urgent_icon, urgency = URGENCY[number % 3]
    due_tone, due = DUE[number % 4]
    locked = (
        "Work has begun: ask the engineer to pause it.",
        "已开工：请工程师先暂停。",
        "已開工：請工程師先暫停。",
    )
    return {
        "id": facts["id"], "ticket_id": facts["id"], "assignment_id": None, "version": facts["version"],
        "number": f"T-{2040 + number}", "customer": CUSTOMERS[number % 8], "title": FAULTS[number % 7],
        "place": ("East", "West", "North", "South")[number % 4],
        "state": {"tone": tone, "icon": icon, "label": labels[language_index]},
        "urgency": {"tone": urgent_tone, "icon": urgent_icon, "label": urgency[language_index]},
        "due": {"tone": due_tone, "label": due}, "rank": number % 4,
        "engineer_id": facts["engineer_id"], "day": facts["day"], "start_min": facts["start_min"],
        "duration_min": facts["duration_min"], "travel_min": 20 if facts["engineer_id"] else 0,
        "locked": locked[language_index] if facts["state"] in ("working", "travelling", "done") else None,
        "alert": "SLA" if number % 11 == 8 else None,
        "parts": {"tone": "warn", "label": "Parts missing"} if number % 6 == 1 else None,
        "url": f"/console/tickets/{facts['id']}", "panel_url": f"/console/board/jobs/{facts['id']}",
    }  # fmt: skip


def rows(day: str) -> list[dict[str, Any]]:
    """List the day's placed work and nine tickets nobody has yet."""
    placed: list[dict[str, Any]] = [
        {
            "engineer_id": f"e{engineer + 1}",
            "start_min": start,
            "duration_min": length,
            "state": state,
            "day": day,
        }
        for engineer, start, length, state in PLACED
    ]
    waiting: list[dict[str, Any]] = [
        {
            "engineer_id": None,
            "start_min": None,
            "duration_min": 60 + index % 3 * 30,
            "state": "planned",
            "day": None,
        }
        for index in range(9)
    ]
    return [{"id": f"j{index}", "version": 1, **row} for index, row in enumerate(placed + waiting)]
