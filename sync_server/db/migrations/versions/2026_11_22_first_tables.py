"""The first tables. Made 2026-11-22, written by `python -m tools.first_migration`."""

from __future__ import annotations

from sync_server.db.migrations.shorthand import create_indexes, create_tables, drop_tables

revision = "2026_11_22_first"
down_revision = None
branch_labels = None
depends_on = None

TABLES = {
    "absence": ("person_id=s36 from_at=big until_at=big reason=s200 cancelled=int id=s36* agg=s80"),
    "agg_head": ("agg=s80* last_seq=big rev=big"),
    "assignment": (
        "ticket_id=s36 engineer_id=s36 from_at=big until_at=big state=s200 assigned_by=s36 "
        "assigned_at=big ended_at=big? override_reason=text rule_breaks=text seen_at=big? id=s36* agg=s80"
    ),
    "audit": (
        "id=s36* seq=big?! at=big tx=s36 ordinal=big actor_id=s200 device_id=s200 kind=s200 entry=text "
        "prev_hash=s200 hash=s200"
    ),
    "batch": ("stream=s200* last_seq=big* mark=big at=big"),
    "change": ("id=s36* stream=s200 tx=s36 agg=s80 entity=s200 row_id=s36 seq=big? at=big"),
    "checklist_answer": (
        "ticket_id=s36 round=big template=s200 item=s200 answer=s200 value=s200 note=text answered_at=big "
        "id=s36* agg=s80"
    ),
    "console_session": (
        "id_hash=s200* person_id=s36 csrf=s200 began_at=big seen_at=big address=s200 browser=s200"
    ),
    "coverage": (
        "equipment_id=s36 kind=s200 number=s200 from_on=s10 until_on=s10 terms=text cancelled=int id=s36* "
        "agg=s80"
    ),
    "credential": ("person_id=s36* login=s200! hash=text must_change=int changed_at=big last_login_at=big?"),
    "customer": (
        "number=s200 name=s200 pinyin=s200 initials=s200 folded=text phone=s200 contact=s200 address=s200 "
        "zone=s200 language=s200 key_customer=int site_notes=text active=int edited_by=s36? id=s36* "
        "agg=s80"
    ),
    "customer_contact": ("customer_id=s36 name=s200 role=s200 phone=s200 id=s36* agg=s80"),
    "demonstration": (
        "ticket_id=s36 visit_id=s36 round=big shown_to=s200 points=text at=big id=s36* agg=s80"
    ),
    "device": (
        "id=s36* person_id=s36 name=s200 public_key=s200 state=s200 enrolled_at=big last_contact_at=big? "
        "clock_error_ms=big unsent=big oldest_unsent_at=big? app=s200 position=big forks=big"
    ),
    "diagnosis": (
        "ticket_id=s36 visit_id=s36 round=big phenomenon=text customer_account=text finding=text "
        "cause_code=s200 fault_code=s200 evidence=text made_at=big id=s36* agg=s80"
    ),
    "discrepancy": (
        "code=s200 details=text ticket_id=s36? op_id=s36? person_id=s36? raised_at=big state=s200 "
        "resolution=text resolved_by=s36? resolved_at=big? id=s36* agg=s80"
    ),
    "enrol_code": (
        "id=s36* person_id=s36 prefix=s200 code_hash=s200 made_by=s36 made_at=big expires_at=big "
        "tries=big device_id=s36?"
    ),
    "entitlement": (
        "ticket_id=s36 verdict=s200 reason=s200 service_type=s200 cause_code=s200? values=text "
        "provisional=int data_version=s200 judged_at=big judged_by=s36 confirmed_by=s36? note=text "
        "id=s36* agg=s80"
    ),
    "equipment": (
        "serial=s200 udi=s200 model_id=s36 customer_id=s36 location=s200 sold_on=s10? accepted_on=s10? "
        "warranty_months=big? software_version=s200 state=s200 folded=text edited_by=s36? id=s36* agg=s80"
    ),
    "equipment_model": (
        "code=s200 name=s200 manufacturer=s200 category=s200 regulated=int checklist=s200 skill=s200 "
        "certificate=s200 active=int id=s36* agg=s80"
    ),
    "field_conflict": (
        "entity=s200 row_id=s36 field=s200 kept=text lost=text kept_by=s36? lost_by=s36? op_id=s36 "
        "raised_at=big state=s200 id=s36* agg=s80"
    ),
    "inbox_item": (
        "person_id=s36 kind=s200 code=s200 details=text ticket_id=s36? op_id=s36? command=text? "
        "raised_at=big state=s200 id=s36* agg=s80"
    ),
    "job_run": ("name=s200* began_at=big"),
    "lane": ("device_id=s36* incarnation=big* last_n=big token=s200 prev_token=s200"),
    "member": ("id=s36* principal=s80 agg=s80 reason=s80 state=s200 granted_seq=big? revoked_seq=big?"),
    "op_parked": (
        "op_id=s36* person_id=s36 device_id=s36 envelope=text code=s200 blocked_by=s36? happened_at=big "
        "state=s200"
    ),
    "part": (
        "number=s200 name=s200 name_zh=s200 pinyin=s200 folded=text barcode=s200 unit=s200 serialised=int "
        "price_minor=big currency=s200 price_version=big active=int edited_by=s36? id=s36* agg=s80"
    ),
    "part_usage": (
        "ticket_id=s36 visit_id=s36? round=big part_id=s36 part_number=s200 part_name=s200 qty=big "
        "unit_price_minor=big currency=s200 price_version=big charged=int serial_in=s200 serial_out=s200 "
        "movement_id=s36 withdrawn=int withdrawn_reason=text used_at=big id=s36* agg=s80"
    ),
    "past_voucher": (
        "equipment_id=s36 ticket_number=s200 service_on=s10 engineer_name=s200 fault=text cause_code=s200 "
        "measures=text parts=text accepted=int content_hash=s200 id=s36* agg=s80"
    ),
    "person": (
        "number=s200 name=s200 pinyin=s200 folded=text phone=s200 email=s200 language=s200 roles=text "
        "active=int zones=text van_location_id=s36? edited_by=s36? id=s36* agg=s80"
    ),
    "policy_set": (
        "preset=s200 version=big title=s200 data=text data_hash=s200 adopted_at=big adopted_by=s36 "
        "active=int id=s36* agg=s80"
    ),
    "price_item": (
        "code=s200 kind=s200 title=s200 zone=s200 amount_minor=big currency=s200 version=big active=int "
        "id=s36* agg=s80"
    ),
    "principal_of": ("person_id=s36* principal=s80* granted_seq=big"),
    "qualification": (
        "person_id=s36 kind=s200 code=s200 number=s200 valid_until_on=s10? revoked=int id=s36* agg=s80"
    ),
    "rating": ("ticket_id=s36 sealed=text given_at=big id=s36* agg=s80"),
    "receipt": (
        "op_id=s36* device_id=s36 incarnation=big n=big status=s200 code=s200 details=text "
        "content_hash=s200 at=big"
    ),
    "repair_agreement": (
        "ticket_id=s36 round=big plan=text lines=text total_minor=big currency=s200 price_version=big "
        "signer_name=s200 signer_role=s200 strokes=text content_hash=s200 signed_at=big id=s36* agg=s80"
    ),
    "repair_measure": (
        "ticket_id=s36 visit_id=s36 round=big text=text minutes=big made_at=big withdrawn=int id=s36* agg=s80"
    ),
    "report_addendum": (
        "ticket_id=s36 report_id=s36 reason=text text=text by_id=s36 by_name=s200 made_at=big id=s36* agg=s80"
    ),
    "service_report": (
        "ticket_id=s36 round=big number=s200 content=text content_hash=s200 language=s200 "
        "service_type=s200 accepted=int refusal_reason=text opinion=text signer_name=s200 "
        "signer_role=s200 strokes=text signed_at=big device_at=big? clock_error_ms=big engineer_id=s36 "
        "engineer_name=s200 supersedes=s36? id=s36* agg=s80"
    ),
    "sla_clock": (
        "ticket_id=s36 kind=s200 round=big rule=text policy_version=big started_at=big due_at=big? "
        "warn_at=big? stopped_at=big? state=s200 pauses=text changes=text exception=text? warned_at=big? "
        "breached_at=big? known_at=big? known_late=int id=s36* agg=s80"
    ),
    "start_code": ("id=s200* code_hash=s200 made_at=big used_at=big?"),
    "stock_level": ("location_id=s36 part_id=s36 qty=big id=s36* agg=s80"),
    "stock_location": ("code=s200 name=s200 kind=s200 person_id=s36? active=int id=s36* agg=s80"),
    "stock_movement": (
        "part_id=s36 from_location_id=s36 to_location_id=s36 qty=big serial=s200 reason=s200 "
        "ticket_id=s36? happened_at=big received_at=big actor_id=s36 id=s36* agg=s80"
    ),
    "stock_serial": ("part_id=s36 serial=s200 location_id=s36 state=s200 id=s36* agg=s80"),
    "stop_use_notice": (
        "ticket_id=s36 equipment_id=s36 round=big hazard=text instruction=text signer_name=s200 "
        "signer_role=s200 strokes=text content_hash=s200 given_at=big id=s36* agg=s80"
    ),
    "stream_head": ("stream=s200* seq=big audit_seq=big audit_hash=s200 epoch=s200 durable=big"),
    "test_value": (
        "ticket_id=s36 visit_id=s36 round=big name=s200 value=s200 unit=s200 low=s200 high=s200 "
        "passed=int instrument=s200 measured_at=big withdrawn=int id=s36* agg=s80"
    ),
    "throttle": ("key=s200* failures=big last_at=big until_at=big?"),
    "ticket": (
        "number=s200 state=s200 state_since_at=big round=big channel=s200 caller=s200 caller_phone=s200 "
        "received_at=big taken_by=s36 customer_id=s36 equipment_id=s36? fault_text=text fault_code=s200 "
        "fault_since_on=s10? severity=s200 urgent=int danger=int zone=s200 address=text contact=s200 "
        "contact_phone=s200 mode=s200 plan=text promised_at=big? window_from_at=big? window_until_at=big? "
        "told_by=s200 assignee_id=s36? service_type=s200 hold_reason=s200 help_wanted=int "
        "outcome_note=text closed_at=big? archive_ref=s200 released_at=big? folded=text edited_by=s36? "
        "id=s36* agg=s80"
    ),
    "ticket_event": (
        "ticket_id=s36 kind=s200 at=big device_at=big? received_at=big? clock_error_ms=big actor_id=s36 "
        "values=text note=text id=s36* agg=s80"
    ),
    "used_nonce": ("nonce_hash=s200* expires_at=big"),
    "visit": (
        "ticket_id=s36 round=big engineer_id=s36 engineer_name=s200 travel_at=big? arrived_at=big "
        "badge_shown=int left_at=big? arrive_device_at=big? arrive_clock_error_ms=big id=s36* agg=s80"
    ),
}
INDEXES = [
    ("ix_absence_agg", "absence", "agg"),
    ("ix_absence_person_id", "absence", "person_id"),
    ("ix_assignment_agg", "assignment", "agg"),
    ("ix_assignment_engineer_id", "assignment", "engineer_id"),
    ("ix_assignment_from_at", "assignment", "from_at"),
    ("ix_assignment_ticket_id", "assignment", "ticket_id"),
    ("ix_change_agg_seq", "change", "agg seq"),
    ("ix_change_seq", "change", "seq"),
    ("ix_checklist_answer_agg", "checklist_answer", "agg"),
    ("ix_checklist_answer_ticket_id", "checklist_answer", "ticket_id"),
    ("ix_console_session_person_id", "console_session", "person_id"),
    ("ix_coverage_agg", "coverage", "agg"),
    ("ix_coverage_equipment_id", "coverage", "equipment_id"),
    ("ix_customer_agg", "customer", "agg"),
    ("ix_customer_number", "customer", "number"),
    ("ix_customer_contact_agg", "customer_contact", "agg"),
    ("ix_customer_contact_customer_id", "customer_contact", "customer_id"),
    ("ix_demonstration_agg", "demonstration", "agg"),
    ("ix_demonstration_ticket_id", "demonstration", "ticket_id"),
    ("ix_demonstration_visit_id", "demonstration", "visit_id"),
    ("ix_device_person_id", "device", "person_id"),
    ("ix_diagnosis_agg", "diagnosis", "agg"),
    ("ix_diagnosis_ticket_id", "diagnosis", "ticket_id"),
    ("ix_diagnosis_visit_id", "diagnosis", "visit_id"),
    ("ix_discrepancy_agg", "discrepancy", "agg"),
    ("ix_discrepancy_op_id", "discrepancy", "op_id"),
    ("ix_discrepancy_state", "discrepancy", "state"),
    ("ix_discrepancy_ticket_id", "discrepancy", "ticket_id"),
    ("ix_enrol_code_person_id", "enrol_code", "person_id"),
    ("ix_enrol_code_prefix", "enrol_code", "prefix"),
    ("ix_entitlement_agg", "entitlement", "agg"),
    ("ix_entitlement_ticket_id", "entitlement", "ticket_id"),
    ("ix_equipment_agg", "equipment", "agg"),
    ("ix_equipment_customer_id", "equipment", "customer_id"),
    ("ix_equipment_model_id", "equipment", "model_id"),
    ("ix_equipment_serial", "equipment", "serial"),
    ("ix_equipment_model_agg", "equipment_model", "agg"),
    ("ix_equipment_model_code", "equipment_model", "code"),
    ("ix_field_conflict_agg", "field_conflict", "agg"),
    ("ix_field_conflict_row_id", "field_conflict", "row_id"),
    ("ix_inbox_item_agg", "inbox_item", "agg"),
    ("ix_inbox_item_op_id", "inbox_item", "op_id"),
    ("ix_inbox_item_person_id", "inbox_item", "person_id"),
    ("ix_member_principal", "member", "principal agg"),
    ("ix_member_reason", "member", "reason"),
    ("ix_op_parked_blocked_by", "op_parked", "blocked_by"),
    ("ix_part_agg", "part", "agg"),
    ("ix_part_barcode", "part", "barcode"),
    ("ix_part_number", "part", "number"),
    ("ix_part_price_version", "part", "price_version"),
    ("ix_part_usage_agg", "part_usage", "agg"),
    ("ix_part_usage_part_id", "part_usage", "part_id"),
    ("ix_part_usage_serial_in", "part_usage", "serial_in"),
    ("ix_part_usage_ticket_id", "part_usage", "ticket_id"),
    ("ix_past_voucher_agg", "past_voucher", "agg"),
    ("ix_past_voucher_equipment_id", "past_voucher", "equipment_id"),
    ("ix_person_agg", "person", "agg"),
    ("ix_person_number", "person", "number"),
    ("ix_policy_set_active", "policy_set", "active"),
    ("ix_policy_set_agg", "policy_set", "agg"),
    ("ix_price_item_agg", "price_item", "agg"),
    ("ix_price_item_code", "price_item", "code"),
    ("ix_price_item_version", "price_item", "version"),
    ("ix_qualification_agg", "qualification", "agg"),
    ("ix_qualification_person_id", "qualification", "person_id"),
    ("ix_rating_agg", "rating", "agg"),
    ("ix_rating_ticket_id", "rating", "ticket_id"),
    ("ix_repair_agreement_agg", "repair_agreement", "agg"),
    ("ix_repair_agreement_ticket_id", "repair_agreement", "ticket_id"),
    ("ix_repair_measure_agg", "repair_measure", "agg"),
    ("ix_repair_measure_ticket_id", "repair_measure", "ticket_id"),
    ("ix_repair_measure_visit_id", "repair_measure", "visit_id"),
    ("ix_report_addendum_agg", "report_addendum", "agg"),
    ("ix_report_addendum_report_id", "report_addendum", "report_id"),
    ("ix_report_addendum_ticket_id", "report_addendum", "ticket_id"),
    ("ix_service_report_agg", "service_report", "agg"),
    ("ix_service_report_number", "service_report", "number"),
    ("ix_service_report_ticket_id", "service_report", "ticket_id"),
    ("ix_sla_clock_agg", "sla_clock", "agg"),
    ("ix_sla_clock_due_at", "sla_clock", "due_at"),
    ("ix_sla_clock_state", "sla_clock", "state"),
    ("ix_sla_clock_ticket_id", "sla_clock", "ticket_id"),
    ("ix_sla_clock_warn_at", "sla_clock", "warn_at"),
    ("ix_stock_level_agg", "stock_level", "agg"),
    ("ix_stock_level_location_id", "stock_level", "location_id"),
    ("ix_stock_level_part_id", "stock_level", "part_id"),
    ("ix_stock_location_agg", "stock_location", "agg"),
    ("ix_stock_location_code", "stock_location", "code"),
    ("ix_stock_location_person_id", "stock_location", "person_id"),
    ("ix_stock_movement_agg", "stock_movement", "agg"),
    ("ix_stock_movement_from_location_id_part_id", "stock_movement", "from_location_id part_id"),
    ("ix_stock_movement_part_id", "stock_movement", "part_id"),
    ("ix_stock_movement_ticket_id", "stock_movement", "ticket_id"),
    ("ix_stock_movement_to_location_id_part_id", "stock_movement", "to_location_id part_id"),
    ("ix_stock_serial_agg", "stock_serial", "agg"),
    ("ix_stock_serial_location_id", "stock_serial", "location_id"),
    ("ix_stock_serial_part_id", "stock_serial", "part_id"),
    ("ix_stock_serial_serial", "stock_serial", "serial"),
    ("ix_stop_use_notice_agg", "stop_use_notice", "agg"),
    ("ix_stop_use_notice_equipment_id", "stop_use_notice", "equipment_id"),
    ("ix_stop_use_notice_ticket_id", "stop_use_notice", "ticket_id"),
    ("ix_test_value_agg", "test_value", "agg"),
    ("ix_test_value_ticket_id", "test_value", "ticket_id"),
    ("ix_test_value_visit_id", "test_value", "visit_id"),
    ("ix_ticket_agg", "ticket", "agg"),
    ("ix_ticket_assignee_id", "ticket", "assignee_id"),
    ("ix_ticket_customer_id", "ticket", "customer_id"),
    ("ix_ticket_equipment_id", "ticket", "equipment_id"),
    ("ix_ticket_number", "ticket", "number"),
    ("ix_ticket_received_at", "ticket", "received_at"),
    ("ix_ticket_state", "ticket", "state"),
    ("ix_ticket_event_agg", "ticket_event", "agg"),
    ("ix_ticket_event_ticket_id", "ticket_event", "ticket_id"),
    ("ix_visit_agg", "visit", "agg"),
    ("ix_visit_engineer_id", "visit", "engineer_id"),
    ("ix_visit_ticket_id", "visit", "ticket_id"),
]
UNNUMBERED = [
    ("ix_audit_unchained", "audit", "at"),
    ("ix_change_unnumbered", "change", "at"),
]


def upgrade() -> None:
    """Create everything."""
    create_tables(TABLES)
    create_indexes(INDEXES, UNNUMBERED)


def downgrade() -> None:
    """Drop everything."""
    drop_tables(TABLES)
