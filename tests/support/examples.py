"""One plausible example of every command, built around things that exist.

Owns a builder for each payload. A new command without one fails the architecture tests, so that no matrix misses it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import common.nouns  # noqa: F401 - registers every command
from common.approvals.approval import DecideApproval, RequestApproval, UseApproval
from common.coverage.coverage_commands import CancelCoverage, RegisterCoverage
from common.coverage.entitlement import ConfirmEntitlement
from common.customers.customer_commands import AddContact, EditCustomer, RegisterCustomer
from common.equipment.acceptance import RecordAcceptance
from common.equipment.equipment_commands import (
    EditEquipment,
    RegisterEquipment,
    RegisterModel,
    RetireEquipment,
    ReturnToUse,
)
from common.equipment.model_commands import ChangeEquipmentModel, RetireEquipmentModel
from common.files.attach import AttachFile, WithdrawFile
from common.files.bytes_arrive import NoteFileState
from common.inbox.edits import Change
from common.inbox.inbox_commands import (
    HandToOffice,
    MarkNoticeSeen,
    ResolveDiscrepancy,
    SettleConflict,
    WithdrawCommand,
)
from common.inbox.spoiled import ReportSpoiled
from common.people.erasure import PseudonymiseContact, PseudonymisePerson
from common.people.fitness_commands import AddQualification, CancelAbsence, RecordAbsence, RevokeQualification
from common.people.person_commands import (
    AddPerson,
    DeactivatePerson,
    EditPerson,
    ReactivatePerson,
    SetRoles,
    SetZones,
)
from common.policy.policy_commands import AdoptPolicy, FillPolicyFacet
from common.sla.clock_commands import ApproveClockException, RaiseClockAlarms
from common.stock.minimum_commands import SetStockMinimum
from common.stock.part_commands import EditPart, RegisterPart, SetCharge, SetPrice
from common.stock.part_usage import RecordPartUsage, WithdrawPartUsage
from common.stock.stock_commands import (
    AssignVan,
    CountStock,
    ReceiveStock,
    RegisterLocation,
    StockLine,
    TransferStock,
)
from common.tickets.appointment import AgreeAppointment, RescheduleTicket
from common.tickets.closing import (
    AcceptFieldWork,
    ArchiveTicket,
    CancelTicket,
    HoldTicket,
    ReleaseTicket,
    ReopenTicket,
    ResumeTicket,
    SettleTicket,
    WriteOffTicket,
)
from common.tickets.dispatching import AssignTicket, MoveAssignment, UnassignTicket
from common.tickets.field_work import AcknowledgeTicket, AddNote, AnswerHelp, RequestHelp, StartTravel
from common.tickets.intake import EditTicket, RefuseTicket, ReportFault, SolveByPhone
from common.visit.diagnosis import AgreementLine, RecordDiagnosis, SignAgreement
from common.visit.on_site import AnswerChecklist, ArriveOnSite, LeaveSite, RecordDemonstration
from common.visit.repair import RecordMeasure, RecordTest, WithdrawMeasure, WithdrawTest
from common.visit.sign_off import AddAddendum, RecordRating, SignReport
from common.visit.stop_use import GiveStopUseNotice
from common.visit.voiding import VoidReport
from sync_server.sync.parked import DecideParked

STROKES = "[[[0,0,0],[10,10,16]]]"
HASH = "0" * 64


@dataclass(frozen=True, slots=True)
class Around:
    """What an example is built around: ids of things that may or may not be there, an instant, and fresh ids."""

    ticket: str
    visit: str
    customer: str
    unit: str
    model: str
    colleague: str
    van: str
    shelf: str
    part: str
    at: datetime
    new: Callable[[], str]

    @staticmethod
    def of(new: Callable[[], str], at: datetime) -> Around:
        """Make ids for everything; the things themselves are for whoever needs them to be there."""
        names = [field.name for field in fields(Around) if field.name not in ("at", "new")]
        return Around(at=at, new=new, **{name: new() for name in names})

    @property
    def code(self) -> str:
        """Make a code nobody has yet."""
        return self.new()[-12:].upper()

    @property
    def window(self) -> tuple[datetime, datetime]:
        """Return a window of two hours from tomorrow on."""
        return self.at + timedelta(days=1), self.at + timedelta(days=1, hours=2)


Builder = Callable[[Around], Any]

OFFICE_MASTER: dict[type[Any], Builder] = {
    RequestApproval: lambda a: RequestApproval(a.new(), "void_report", a.new(), "R-1", "签字人有误"),
    DecideApproval: lambda a: DecideApproval(a.new(), "approve"),
    UseApproval: lambda a: UseApproval(a.new(), "export_evidence", a.new()),
    VoidReport: lambda a: VoidReport(a.new(), a.ticket, a.new(), a.new()),
    PseudonymisePerson: lambda a: PseudonymisePerson(a.colleague, "本人要求删除"),
    PseudonymiseContact: lambda a: PseudonymiseContact(a.new(), a.customer, "张护士", "本人要求删除"),
    AddPerson: lambda a: AddPerson(a.new(), a.code, "王芳", ("engineer",)),
    EditPerson: lambda a: EditPerson(a.colleague, (Change("phone", "", "010-1"),)),
    SetRoles: lambda a: SetRoles(a.colleague, ("engineer", "clerk")),
    SetZones: lambda a: SetZones(a.colleague, ("same_city",)),
    DeactivatePerson: lambda a: DeactivatePerson(a.colleague),
    ReactivatePerson: lambda a: ReactivatePerson(a.colleague),
    AddQualification: lambda a: AddQualification(a.new(), a.colleague, "skill", "infusion"),
    RevokeQualification: lambda a: RevokeQualification(a.new(), a.colleague),
    RecordAbsence: lambda a: RecordAbsence(a.new(), a.colleague, *a.window, "培训"),
    CancelAbsence: lambda a: CancelAbsence(a.new(), a.colleague),
    AdoptPolicy: lambda a: AdoptPolicy(a.new(), "medical-device"),
    FillPolicyFacet: lambda a: FillPolicyFacet(a.new(), "title", '"x"', "内部规定"),
    RegisterCustomer: lambda a: RegisterCustomer(a.new(), a.code, "朝阳医院"),
    EditCustomer: lambda a: EditCustomer(a.customer, (Change("phone", "", "010-2"),)),
    AddContact: lambda a: AddContact(a.new(), a.customer, "赵科长"),
    RegisterModel: lambda a: RegisterModel(a.new(), a.code, "监护仪"),
    RegisterEquipment: lambda a: RegisterEquipment(a.new(), a.code, a.model, a.customer),
    ChangeEquipmentModel: lambda a: ChangeEquipmentModel(a.model, (Change("name", "监护仪", "床旁监护仪"),)),
    RetireEquipmentModel: lambda a: RetireEquipmentModel(a.new(), "停产"),
    EditEquipment: lambda a: EditEquipment(a.unit, (Change("location", "", "三病区"),)),
    RecordAcceptance: lambda a: RecordAcceptance(a.unit, a.at.date(), "HT-1", 12),
    RetireEquipment: lambda a: RetireEquipment(a.new(), "报废"),
    ReturnToUse: lambda a: ReturnToUse(a.unit, "复检合格"),
    RegisterCoverage: lambda a: RegisterCoverage(
        a.new(), a.unit, "contract", a.at.date(), a.at.date() + timedelta(days=365), a.code
    ),
    CancelCoverage: lambda a: CancelCoverage(a.new(), a.unit, "合同终止"),
    ConfirmEntitlement: lambda a: ConfirmEntitlement(a.ticket, a.new(), "paid", "A", "已过保"),
    RegisterPart: lambda a: RegisterPart(a.new(), a.code, "Pump seal", 12_000, "CNY"),
    EditPart: lambda a: EditPart(a.part, (Change("name_zh", "", "密封圈"),)),
    SetPrice: lambda a: SetPrice(a.part, 13_000, "CNY"),
    SetCharge: lambda a: SetCharge(a.new(), a.code, "labour", "人工费", 30_000, "CNY"),
    SetStockMinimum: lambda a: SetStockMinimum(a.shelf, a.part, Decimal(3)),
    RegisterLocation: lambda a: RegisterLocation(a.new(), a.code, "Workshop", "workshop"),
    AssignVan: lambda a: AssignVan(a.van, a.colleague),
    ReceiveStock: lambda a: ReceiveStock(a.shelf, (StockLine(a.part, Decimal(2)),)),
    TransferStock: lambda a: TransferStock(a.shelf, a.van, (StockLine(a.part, Decimal(1)),)),
    CountStock: lambda a: CountStock(a.shelf, a.part, Decimal(7)),
    MarkNoticeSeen: lambda a: MarkNoticeSeen(a.new()),
    ResolveDiscrepancy: lambda a: ResolveDiscrepancy(a.new(), "已与客户核实"),
    SettleConflict: lambda a: SettleConflict(a.new(), "keep", a.ticket),
    DecideParked: lambda a: DecideParked(a.new(), "decline", "重复"),
    WithdrawCommand: lambda a: WithdrawCommand(a.new()),
    HandToOffice: lambda a: HandToOffice(a.new()),
    ReportSpoiled: lambda a: ReportSpoiled(a.new(), "add_note", a.window[0], a.ticket),
}
OFFICE_TICKET: dict[type[Any], Builder] = {
    ReportFault: lambda a: ReportFault(a.new(), a.code, "phone", a.customer, "不能开机", "minor", a.unit),
    EditTicket: lambda a: EditTicket(a.ticket, (Change("contact_phone", "", "010-3"),)),
    SolveByPhone: lambda a: SolveByPhone(a.ticket, "重启后正常"),
    RefuseTicket: lambda a: RefuseTicket(a.ticket, "不是本公司设备"),
    AssignTicket: lambda a: AssignTicket(a.ticket, a.new(), a.colleague, *a.window, "例子"),
    MoveAssignment: lambda a: MoveAssignment(a.ticket, a.new(), a.colleague, *a.window, "改期", "例子"),
    UnassignTicket: lambda a: UnassignTicket(a.ticket, a.new(), "病假"),
    AgreeAppointment: lambda a: AgreeAppointment(a.ticket, *a.window, "赵科长"),
    RescheduleTicket: lambda a: RescheduleTicket(a.ticket, *a.window, "客户要求", True),
    CancelTicket: lambda a: CancelTicket(a.ticket, "客户撤回"),
    HoldTicket: lambda a: HoldTicket(a.ticket, "awaiting_parts"),
    ResumeTicket: lambda a: ResumeTicket(a.ticket),
    SettleTicket: lambda a: SettleTicket(a.ticket, "FP-1"),
    AcceptFieldWork: lambda a: AcceptFieldWork(a.ticket),
    WriteOffTicket: lambda a: WriteOffTicket(a.ticket),
    ArchiveTicket: lambda a: ArchiveTicket(a.ticket, "A-2026-1"),
    ReopenTicket: lambda a: ReopenTicket(a.ticket, "故障重现"),
    ReleaseTicket: lambda a: ReleaseTicket(a.ticket),
    AnswerHelp: lambda a: AnswerHelp(a.ticket, "下午派高工支援"),
    NoteFileState: lambda a: NoteFileState(a.new(), a.ticket, "stored"),
    ApproveClockException: lambda a: ApproveClockException(a.ticket, a.new(), "等待进口备件", True),
    RaiseClockAlarms: lambda a: RaiseClockAlarms(a.ticket),
}
FIELD: dict[type[Any], Builder] = {
    AcknowledgeTicket: lambda a: AcknowledgeTicket(a.ticket),
    StartTravel: lambda a: StartTravel(a.ticket),
    ArriveOnSite: lambda a: ArriveOnSite(a.visit, a.ticket, True, "李伟"),
    AnswerChecklist: lambda a: AnswerChecklist(a.ticket, "infusion_pump", "power", "ok"),
    RecordDiagnosis: lambda a: RecordDiagnosis(a.new(), a.ticket, a.visit, "漏液", "密封圈老化", "material", "leak"),
    SignAgreement: lambda a: SignAgreement(
        a.new(), a.ticket, "更换密封圈", (AgreementLine("labour", "labour", "人工费", Decimal(1), 300, 300),), 300,
        "CNY", 1, "王主任", "设备科", STROKES, HASH,
    ),
    RecordMeasure: lambda a: RecordMeasure(a.new(), a.ticket, a.visit, "更换密封圈", 25),
    WithdrawMeasure: lambda a: WithdrawMeasure(a.new(), a.ticket, "误记"),
    RecordPartUsage: lambda a: RecordPartUsage(a.new(), a.ticket, a.part, Decimal(1), a.visit),
    WithdrawPartUsage: lambda a: WithdrawPartUsage(a.new(), a.ticket, "误记"),
    RecordTest: lambda a: RecordTest(a.new(), a.ticket, a.visit, "流量", "5.0", True, "mL/h"),
    WithdrawTest: lambda a: WithdrawTest(a.new(), a.ticket, "误记"),
    RecordDemonstration: lambda a: RecordDemonstration(a.new(), a.ticket, a.visit, "张护士", "开机自检"),
    GiveStopUseNotice: lambda a: GiveStopUseNotice(
        a.new(), a.ticket, a.unit, "漏电", "停止使用", "王主任", STROKES, HASH
    ),
    RequestHelp: lambda a: RequestHelp(a.ticket, "需要高工支援"),
    AddNote: lambda a: AddNote(a.ticket, "备用机已留给科室"),
    AttachFile: lambda a: AttachFile(
        a.new(), a.ticket, "photo", "ab" * 32, 120_000, "image/jpeg", "漏液.jpg", a.at, a.visit, "diagnosis"
    ),
    WithdrawFile: lambda a: WithdrawFile(a.new(), a.ticket, "拍错"),
    SignReport: lambda a: SignReport(
        a.new(), a.ticket, a.code, "zh-Hans", True, "{}", HASH, "C", "李伟", "王主任", STROKES
    ),
    RecordRating: lambda a: RecordRating(a.new(), a.ticket, "c2VhbGVk"),
    AddAddendum: lambda a: AddAddendum(a.new(), a.new(), a.ticket, "更正序列号", "序列号应为 SN-8", "李伟"),
    LeaveSite: lambda a: LeaveSite(a.visit, a.ticket),
}  # fmt: skip
EXAMPLES: dict[type[Any], Builder] = {**OFFICE_MASTER, **OFFICE_TICKET, **FIELD}
