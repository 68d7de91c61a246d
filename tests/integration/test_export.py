"""An export of one unit's life is checked by a program that knows nothing of Fieldwright (Q9, I6, K4, P8)."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from common.approvals.approval import DecideApproval, RequestApproval
from common.files.attach import AttachFile, WithdrawFile
from common.inbox.records import Discrepancy
from common.kernel.codec import canonical
from common.kernel.outcome import Refused
from common.visit.voiding import VoidReport
from sync_server import cli
from sync_server.keys import ServerKeys, load_keys
from sync_server.notary import sign_text
from sync_server.upkeep.anchors import read_anchors
from sync_server.upkeep.export import EXPORT_TEXT, VERIFIER, export_equipment, find_unit
from sync_server.upkeep.verify import verify
from tests.support.console_visit import parked_and_accepted, whole_visit
from tests.support.console_world import ConsoleWorld, an_id, make_world

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> ConsoleWorld:
    world = make_world(tmp_path_factory.mktemp("company"))
    for engineer in ("li", "chen"):
        ticket_id = world.ticket()
        world.assign(ticket_id, engineer)
        attach(world, ticket_id, f"before {engineer}".encode())
        report_id = whole_visit(world, ticket_id, engineer)
        attach(world, ticket_id, f"after {engineer}".encode())
    asked = RequestApproval(world.new_id(), "void_report", report_id, "A-T-2042", "签字人无授权")
    world.give(asked, "zhou")
    world.give(DecideApproval(asked.approval_id, "approve"), "manager")
    world.give(VoidReport(world.new_id(), ticket_id, report_id, asked.approval_id), "zhou")
    waiting = world.ticket()
    wrong = attach(world, waiting, b"taken back")
    attach(world, waiting, b"on its way")
    world.give(WithdrawFile(wrong, waiting, "错拍"), "mei")
    world.ticket("monitor")
    return world


FILES = {
    hashlib.sha256(content).hexdigest(): content
    for content in (b"before li", b"after li", b"before chen", b"after chen", b"taken back")
}


def attach(world: ConsoleWorld, ticket_id: str, content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    payload = AttachFile(
        world.new_id(), ticket_id, "photo", digest, len(content), "image/jpeg", "a.jpg", world.clock.at
    )
    world.give(payload, "mei")
    return payload.attachment_id


@pytest.fixture(scope="module")
def keys(company: ConsoleWorld) -> ServerKeys:
    return load_keys(company.settings.keys_dir, lambda _n: b"")


@pytest.fixture(scope="module")
def exported(company: ConsoleWorld, keys: ServerKeys) -> Files:
    out = io.BytesIO()
    done = export_equipment(
        company.database, keys, company.settings, an_id("pump"), an_id("admin"), out, FILES.get
    )
    assert (done.serial, done.tickets, done.reports) == ("SN-70031", 3, 2)
    with zipfile.ZipFile(out) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(files: Files, target: Path) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target


def run(verifier: Path, export: Path, *more: str) -> tuple[int, str]:
    """Run the verifier far from the project: its own folder, no PYTHONPATH."""
    done = subprocess.run(
        [sys.executable, "-I", str(verifier), str(export), *more],
        cwd=verifier.parent, env={"PATH": "/usr/bin:/bin", "PYTHONUTF8": "1"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.stderr == "", done.stderr
    return done.returncode, done.stdout


@pytest.fixture
def outside(tmp_path: Path, exported: Files) -> Path:
    """Give the verifier as it comes out of the export."""
    target = tmp_path / "expert"
    target.mkdir()
    (target / "verify_evidence.py").write_bytes(exported["verify_evidence.py"])
    return target / "verify_evidence.py"


@pytest.mark.fault("I6", "D9")
def test_a_good_export_is_found_good(
    company: ConsoleWorld, keys: ServerKeys, exported: Files, outside: Path
) -> None:
    archive = pack(exported, outside.parent / "good.zip")
    anchor = read_anchors(company.settings.anchors_dir)[-1].digest
    code, said = run(outside, archive, f"--server-key={keys.sign_public}", f"--anchor={anchor}")
    assert code == 0, said
    assert "FAIL" not in said
    for words in (
        "counter-signature is valid",
        "服务器会签有效",
        "under a signed anchor",
        "RESULT: all",
        "全部通过",
    ):
        assert words in said
    assert said.count("平板签名有效") == 2
    assert "签名笔迹" not in run(outside, archive, "--lang", "en")[1]
    assert run(outside, archive, "--anchor", "0" * 64)[0] == 1
    assert run(outside, archive, "--server-key=-other")[0] == 1


@pytest.mark.fault("I6", "G5")
def test_a_report_the_office_accepted_after_it_had_waited_holds(tmp_path: Path, outside: Path) -> None:
    """Its first entry says that it waits; the decision wrote a second, so the chain alone tells that it counts."""
    world = make_world(tmp_path)
    ticket_id = world.ticket()
    world.assign(ticket_id)
    whole_visit(world, ticket_id, send=parked_and_accepted)
    world.database.number()
    with world.database.read() as session:
        assert verify(session) == []
    out, keys = io.BytesIO(), load_keys(world.settings.keys_dir, lambda _n: b"")
    export_equipment(world.database, keys, world.settings, an_id("pump"), an_id("admin"), out)
    (outside.parent / "accepted.zip").write_bytes(out.getvalue())
    code, said = run(outside, outside.parent / "accepted.zip", "--lang", "en")
    assert code == 0, said
    assert "[ok]   The audit chain holds this report with the same hash and seal: A-T-2041" in said


def test_it_holds_what_it_promises(exported: Files) -> None:
    assert VERIFIER.read_bytes() == exported["verify_evidence.py"]
    assert exported["equipment.pdf"].startswith(b"%PDF")
    assert sum(name.startswith("papers/report-") for name in exported) == 2
    for name in ("records.json", "commands.json", "chain.json", "keys.json", "manifest.json"):
        read = json.loads(exported[name])
        assert canonical(read).encode() == exported[name], name
    commands = json.loads(exported["commands.json"])
    kinds = [one["op"]["k"] for one in commands["commands"]]
    assert kinds.count("sign_report") == 2
    assert len(commands["receipts"]) == len(kinds)
    assert "SN-90110" not in exported["records.json"].decode()  # another unit's life stays where it is
    assert "equipment_exported" in exported["chain.json"].decode()
    assert {name: exported[f"files/{name}"] for name in FILES} == FILES
    assert sum(name.startswith("files/") for name in exported) == len(FILES)


@pytest.mark.fault("I6")
def test_photos_under_no_seal_are_checked_and_voided_reports_named(exported: Files, outside: Path) -> None:
    said = run(outside, pack(exported, outside.parent / "good.zip"), "--lang", "en")[1]
    assert said.count("[ok]   The photo or file has the hash it was attached with") == len(FILES)
    assert said.count("[ok]   The sealed file is the one in the records") == 2
    assert "[ok]   The files in the records are those attached in the chain: 6" in said
    assert said.count("[note] Note: the server does not have this file") == 1
    assert "[note] Note: two people voided this report; it does not count: A-T-2042: 签字人无授权" in said


def resign(files: Files, keys: ServerKeys) -> None:
    """Write the manifest anew and sign it: what the server's own keeper could do."""
    manifest = json.loads(files["manifest.json"])
    manifest["files"] = {
        name: hashlib.sha256(content).hexdigest()
        for name, content in files.items()
        if not name.startswith("manifest.")
    }
    files["manifest.json"] = canonical(manifest).encode()
    signature = sign_text(keys, EXPORT_TEXT + files["manifest.json"])
    files["manifest.sig"] = canonical({"key": keys.sign_public, "signature": signature}).encode()


def rewritten(name: str, change: Callable[[Any], None]) -> Callable[[Files], None]:
    def deed(files: Files) -> None:
        read = json.loads(files[name])
        change(read)
        files[name] = canonical(read).encode()

    return deed


def first(records: Any, table: str) -> Any:
    return records["records"][table][0]


def report_of(change: Callable[[Any], None]) -> Callable[[Files], None]:
    return rewritten("records.json", lambda read: change(first(read, "service_report")))


def seal_of(change: Callable[[Any], None]) -> Callable[[Files], None]:
    return rewritten("records.json", lambda read: change(first(read, "report_seal")))


def swap_photo(files: Files) -> None:
    files["files/" + hashlib.sha256(b"after li").hexdigest()] = b"other"


def take_counter(row: Any) -> None:
    row.update(counter=None, counter_key="", counter_signature="")


def other_hand(files: Files) -> None:
    seal_of(take_counter)(files)
    report_of(lambda r: r.update(signed_at=r["signed_at"] - 864_000_000))(files)


def drop_report(files: Files) -> None:
    def change(read: Any) -> None:
        read["records"]["service_report"].pop()

    rewritten("records.json", change)(files)


DEEDS: dict[str, tuple[Callable[[Files], None], str]] = {
    "opinion": (report_of(lambda r: r.update(opinion="很差")), "were sealed"),
    "time": (report_of(lambda r: r.update(signed_at=r["signed_at"] + 1)), "What the server added"),
    "content": (report_of(lambda r: r["content"].update(minutes=1)), "hash that was signed"),
    "strokes": (report_of(lambda r: r.update(strokes=r["strokes"].replace("60", "61", 1))), "strokes"),
    "seal": (seal_of(lambda r: r["seal"]["place"].update(address="别处")), "tablet's signature"),
    "files": (seal_of(lambda r: r["seal"].update(files=[{"id": "x", "sha256": "0"}])), "tablet's signature"),
    "no seal": (
        rewritten("records.json", lambda read: read["records"].pop("report_seal")), "same hash and seal",
    ),
    "counter": (seal_of(lambda r: r["counter"].update(received_at=1)), "counter-signature"),
    "counter taken away": (seal_of(take_counter), "counter-signature"),
    "hand and counter": (other_hand, "Engineer and time"),
    "photo of no seal": (swap_photo, "hash it was attached with"),
    "photo's record": (
        rewritten("records.json", lambda read: first(read, "attachment").update(sha256="0" * 64)),
        "those attached in the chain",
    ),
    "sealed photo": (
        rewritten("records.json", lambda read: first(read, "attachment").update(sha256="0" * 64)),
        "sealed file is the one",
    ),
    "void": (
        rewritten("records.json", lambda read: read["records"].pop("report_void")), "What was voided",
    ),
    "report gone": (drop_report, "Every report signed"),
    "entry": (
        rewritten("chain.json", lambda read: read["entries"][3].update(entry="{}")), "audit entry is unchanged",
    ),
    "entry time": (
        rewritten("chain.json", lambda read: read["entries"][3].update(at=1)), "audit entry is unchanged",
    ),
    "anchor": (
        rewritten("chain.json", lambda read: read["anchors"][0]["anchor"].update(at=1)), "anchor of the audit",
    ),
    "device key": (
        rewritten("keys.json", lambda read: read["devices"].update(dict.fromkeys(read["devices"], "x"))),
        "enrolled tablet",
    ),
}  # fmt: skip


@pytest.mark.fault("I6", "K4", "D9")
@pytest.mark.parametrize("deed", DEEDS)
def test_what_was_changed_is_found_even_under_a_new_list(
    exported: Files, keys: ServerKeys, outside: Path, deed: str
) -> None:
    """Somebody with the server's key may sign the list anew; seals, entries and anchors still give him away."""
    change, words = DEEDS[deed]
    files = dict(exported)
    change(files)
    code, said = run(outside, pack(files, outside.parent / "bad.zip"))
    assert (code, "[FAIL] Every file is listed" in said) == (1, True)
    resign(files, keys)
    code, said = run(outside, pack(files, outside.parent / "signed.zip"))
    assert code == 1, said
    assert any(words in line for line in said.splitlines() if line.startswith("[FAIL]")), said


@pytest.mark.fault("I6")
def test_files_added_taken_away_or_damaged_are_named(exported: Files, outside: Path) -> None:
    more = exported | {"papers/extra.pdf": b"%PDF"}
    assert "papers/extra.pdf" in run(outside, pack(more, outside.parent / "more.zip"))[1]
    less = {name: content for name, content in exported.items() if name != "equipment.pdf"}
    assert run(outside, pack(less, outside.parent / "less.zip"))[0] == 1
    (outside.parent / "broken.zip").write_bytes(b"PK\x03\x04")
    code, said = run(outside, outside.parent / "broken.zip")
    assert (code, "不是导出文件" in said) == (2, True)
    empty = pack({"manifest.json": b"{}", "manifest.sig": b"{}"}, outside.parent / "empty.zip")
    assert run(outside, empty)[0] == 2


def test_the_command_line_exports(
    company: ConsoleWorld, tmp_path: Path, outside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--data", str(company.settings.data_dir)]
    target = tmp_path / "unit.zip"
    alone = ["--alone", "asked for by the court at night"]
    wrong = ["--approval", company.new_id()]
    assert cli.main([*common, "export-equipment", "SN-70031", "--to", str(target), *wrong]) == 1
    assert "approval_missing" in capsys.readouterr().err
    assert cli.main([*common, "export-equipment", "SN-70031", "--to", str(target), "--alone", "so"]) == 1
    assert not target.exists()
    assert cli.main([*common, "export-equipment", "SN-70031", "--to", str(target), *alone]) == 0
    with company.database.read() as session:
        alarm = session.scalars(select(Discrepancy).where(Discrepancy.code == "exported_alone")).one()
    assert alarm.details == {"reason": alone[1], "subject": "SN-70031"}
    assert "2 reports" in capsys.readouterr().out
    assert run(outside, target)[0] == 0
    assert cli.main([*common, "export-equipment", "nothing", "--to", str(tmp_path / "no.zip"), *alone]) == 1
    assert "equipment_unknown" in capsys.readouterr().err
    assert not list(tmp_path.glob("no.zip*"))
    with company.database.read() as session, pytest.raises(Refused, match="equipment_unknown"):
        find_unit(session, "none")


def test_the_verifier_stands_alone(outside: Path) -> None:
    """It imports nothing but the standard library and one crypto library."""
    text = outside.read_text("utf-8")
    imports = {
        line.split()[1].split(".")[0] for line in text.splitlines() if line.startswith(("import ", "from "))
    }
    assert imports <= {*sys.stdlib_module_names, "cryptography"}
    assert len(text.splitlines()) <= 400
