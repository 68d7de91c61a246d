"""Checks an export of one piece of equipment's life without Fieldwright: python verify_evidence.py EXPORT.zip

Needs Python 3.9 or newer and the library `cryptography`, nothing else; this file stands alone and lies in every export.
Prints each check in words, English and Chinese. Exit code: 0 everything holds, 1 something does not, 2 not readable.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
import zipfile
from collections.abc import Iterator
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

EXPORT, ANCHOR = b"fieldwright export 1\n", b"fieldwright anchor 1\n"
SEAL, COUNTER = b"fieldwright seal 1\n", b"fieldwright counter-seal 1\n"
SEALED = (
    "ticket_id", "number", "content_hash", "language", "service_type", "accepted", "refusal_reason", "opinion",
    "signer_name", "signer_role", "engineer_name",
)  # fmt: skip
SERVERS = ("signed_at", "clock_error_ms", "round", "engineer_id", "supersedes")
TOOK_EFFECT, UNFIT = ("ok", "flagged", "merged"), "seal_broken"
WORDS = {
    "unreadable": ("This is no export, or it is damaged", "不是导出文件，或文件已损坏"),
    "files": ("Every file is listed and has the listed hash", "所有文件均在清单内且哈希一致"),
    "manifest": ("The list of files is signed by the server", "文件清单有服务器签名"),
    "server_key": ("The server's key is the one you gave", "服务器公钥与您提供的一致"),
    "server_key_note": (
        "Compare this server key with one you got another way", "请将此服务器公钥与另行取得的公钥核对",
    ),
    "anchor_signed": ("The anchor of the audit chain is signed by the server", "审计链锚点有服务器签名"),
    "anchor_follows": ("Each anchor follows the one before it", "各锚点首尾相连"),
    "anchor_known": ("The anchor you hold is among them", "您持有的锚点在其中"),
    "anchor_restart": (
        "Note: the server was restored from a backup before this anchor", "注意：此锚点之前服务器曾从备份恢复",
    ),
    "entry": ("The audit entry is unchanged and under a signed anchor", "审计条目未被改动，且在已签名锚点之内"),
    "entries_order": ("Entries are in order, none twice", "审计条目次序正确、无重复"),
    "report_content": ("The report's content gives the hash that was signed", "凭证内容与签署的哈希一致"),
    "report_audit": ("The audit chain holds this report with the same hash and seal", "审计链中有同一凭证、哈希和封印"),
    "report_signing": (
        "Engineer and time are those of the audit entry", "工程师和时间与审计条目一致",
    ),
    "report_missing": ("Every report signed in the chain is in the export", "审计链中签署的凭证均在导出内"),
    "unsealed": ("Note: signed in an older app that made no seal", "注意：由不带封印的旧版应用签署"),
    "seal_fields": (
        "Verdict, opinion, signer, role and time are those that were sealed",
        "结论、意见、签署人、职务、时间与封印一致",
    ),
    "seal_strokes": ("The signature's strokes are those that were sealed", "签名笔迹与封印一致"),
    "seal_signature": ("The tablet's signature is valid", "平板签名有效"),
    "seal_device": ("The key is that of the enrolled tablet", "密钥属于已登记的平板"),
    "seal_counter": ("The server's counter-signature is valid", "服务器会签有效"),
    "seal_counter_fields": ("What the server added is what it signed", "服务器补充内容与会签一致"),
    "seal_unfit": (
        "Note: the audit chain says that this seal did not fit when it arrived", "注意：审计链注明此封印到达时即不符",
    ),
    "file_records": ("The files in the records are those attached in the chain", "记录中的附件与审计链一致"),
    "photo": ("The photo or file has the hash it was attached with", "照片或附件与登记的哈希一致"),
    "photo_absent": ("Note: the server does not have this file", "注意：服务器没有此附件"),
    "photo_sealed": ("The sealed file is the one in the records", "封印的附件与记录一致"),
    "void": ("Note: two people voided this report; it does not count", "注意：此凭证已由两人作废，不再有效"),
    "void_audit": ("What was voided is what the audit chain says was voided", "作废的凭证与审计链一致"),
}  # fmt: skip


class Evidence:
    """One export, opened; `said` counts what holds and what does not."""

    def __init__(self, path: str, language: str) -> None:
        self.zip = zipfile.ZipFile(path)
        self.language = language
        self.good = self.bad = self.notes = 0

    def say(self, code: str, holds: bool | None, detail: str = "") -> bool:
        """Print a check; None is a note. Returns whether it holds."""
        english, chinese = WORDS[code]
        words = {"en": english, "zh": chinese}.get(self.language, english + " / " + chinese)
        mark = {True: "[ok]  ", False: "[FAIL]", None: "[note]"}[holds]
        print(mark, words + (": " + detail if detail else ""))
        self.good += holds is True
        self.bad += holds is False
        self.notes += holds is None
        return bool(holds)

    def read(self, name: str) -> Any:
        """Read one JSON file of the export."""
        return json.loads(self.zip.read(name).decode("utf-8"))


def canonical(value: Any) -> str:
    """Write JSON in its one canonical form."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def sha256(data: bytes) -> str:
    """Hash bytes."""
    return hashlib.sha256(data).hexdigest()


def is_signed(key: str, text: bytes, signature: str) -> bool:
    """Say whether an Ed25519 key (base64url) signed a text."""
    try:
        public = Ed25519PublicKey.from_public_bytes(_bytes(key))
        public.verify(_bytes(signature), text)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def check_files(evidence: Evidence, server_key: str) -> tuple[dict[str, Any], str]:
    """Check manifest and files; returns the manifest and the server's key."""
    raw = evidence.zip.read("manifest.json")
    manifest, signed = json.loads(raw.decode("utf-8")), evidence.read("manifest.sig")
    key = str(signed["key"])
    evidence.say("manifest", is_signed(key, EXPORT + raw, signed["signature"]))
    if server_key:
        evidence.say("server_key", key == server_key, key)
    else:
        evidence.say("server_key_note", None, key)
    listed = manifest["files"]
    names = [name for name in evidence.zip.namelist() if name not in ("manifest.json", "manifest.sig")]
    wrong = sorted(set(names) ^ set(listed)) + sorted({name for name in names if names.count(name) > 1})
    wrong += [name for name in names if name in listed and sha256(evidence.zip.read(name)) != listed[name]]
    evidence.say("files", not wrong, ", ".join(wrong[:5]) or str(len(names)))
    return manifest, key


def check_anchors(
    evidence: Evidence, chain: dict[str, Any], trusted: list[str], known: str
) -> dict[str, Any]:
    """Check the anchors' signatures and order; returns the good ones by digest."""
    good, before = {}, None
    digests = []
    for one in chain["anchors"]:
        document = one["anchor"]
        text = canonical(document)
        digest = sha256(text.encode())
        detail = "{} .. {}".format(document["from_seq"], document["seq"])
        is_ours = one["key"] in trusted and is_signed(one["key"], ANCHOR + text.encode(), one["signature"])
        if evidence.say("anchor_signed", is_ours, detail):
            good[digest] = document
        if before is not None and document["previous"] != before:
            evidence.say("anchor_follows", False, detail)
        if document.get("restarts"):
            evidence.say("anchor_restart", None, detail)
        before = digest
        digests.append(digest)
    if known:
        evidence.say("anchor_known", known in digests, known)
    return good


def check_entries(evidence: Evidence, chain: dict[str, Any], anchors: dict[str, Any]) -> list[dict[str, Any]]:
    """Check every audit entry against its anchor; returns what the good ones say."""
    told, seqs = [], [entry["seq"] for entry in chain["entries"]]
    evidence.say("entries_order", seqs == sorted(set(seqs)), str(len(seqs)))
    wrong = []
    for entry in chain["entries"]:
        text = "{prev_hash}|{seq}|{at}|{entry}".format(**entry)
        link = sha256(text.encode())
        anchor = anchors.get(entry["anchor"])
        holds = (
            anchor is not None
            and link == entry["hash"]
            and anchor["from_seq"] <= entry["seq"] <= anchor["seq"]
            and climb(link, entry["path"]) == anchor["root"]
        )
        if holds:
            told.append(json.loads(entry["entry"]))
        else:
            wrong.append(str(entry["seq"]))
    evidence.say("entry", not wrong, ("seq " + ", ".join(wrong[:10])) if wrong else str(len(told)))
    return told


def climb(link: str, path: list[list[str]]) -> str:
    """Go from an entry's hash up to the root of its anchor."""
    here = hashlib.sha256(b"\x00" + bytes.fromhex(link)).digest()
    for side, twin in path:
        other = bytes.fromhex(twin)
        here = hashlib.sha256(b"\x01" + (other + here if side == "left" else here + other)).digest()
    return here.hex()


def check_reports(evidence: Evidence, told: list[dict[str, Any]], keys: dict[str, Any]) -> None:
    """Check every report, its seals and its files."""
    data = evidence.read("records.json")["records"]
    reports = {row["id"]: row for row in data.get("service_report", [])}
    seals = {row["id"]: row for row in data.get("report_seal", [])}
    signed = signings(told)
    missing = sorted(set(signed) - set(reports))
    evidence.say("report_missing", not missing, ", ".join(missing) or str(len(reports)))
    for report_id, report in sorted(reports.items(), key=lambda item: str(item[1]["number"])):
        name = report["number"]
        held = sha256(canonical(report["content"]).encode()) == report["content_hash"]
        evidence.say("report_content", held, name)
        seal, entry = seals.get(report_id), signed.get(report_id)
        evidence.say("report_audit", entry is not None and _same(entry["op"]["a"], report, seal), name)
        evidence.say("report_signing", entry is not None and _same_hand(entry, report), name)
        if seal is None:
            evidence.say("unsealed", None, name)
            continue
        for code, holds in seal_checks(report, seal, keys, entry is not None and is_unfit(entry)):
            evidence.say(code, holds, name)
        check_sealed_files(evidence, seal, data, name)


def signings(told: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Map reports to the entries by which they were signed; one sent again left them as they were."""
    found: dict[str, dict[str, Any]] = {}
    for one in effective(told, "sign_report"):
        found.setdefault(one["op"]["a"]["report_id"], one)
    return found


def is_unfit(entry: dict[str, Any]) -> bool:
    """Say whether the server flagged a seal as it arrived: then, and only then, it did not counter-sign."""
    return UNFIT in [entry["code"], *entry.get("flags", [])]


def _same_hand(entry: dict[str, Any], report: dict[str, Any]) -> bool:
    told = (entry["actor"], entry["happened_at"], entry["clock_error_ms"], entry["op"]["w"])
    return told == tuple(report[name] for name in ("engineer_id", "signed_at", "clock_error_ms", "device_at"))


def _same(command: dict[str, Any], report: dict[str, Any], seal: dict[str, Any] | None) -> bool:
    kept = None if seal is None else {name: seal[name] for name in ("seal", "key", "signature")}
    came = json.loads(command["seal"]) if command.get("seal") else None
    return bool(command["content_hash"] == report["content_hash"] and came == kept)


def seal_checks(
    report: dict[str, Any], row: dict[str, Any], keys: dict[str, Any], unfit: bool
) -> Iterator[tuple[str, bool | None]]:
    """Check a tablet's seal and the server's beside it."""
    seal, counter = row["seal"], row["counter"]
    same = all(seal.get(name) == _plain(name, report[name]) for name in SEALED)
    same = same and seal["report_id"] == report["id"] and seal["device_at"] == report["device_at"]
    yield "seal_fields", same and seal["meaning"] == ("accepted" if report["accepted"] else "refused")
    yield "seal_strokes", seal["strokes_sha256"] == sha256(report["strokes"].encode())
    yield "seal_signature", is_signed(row["key"], SEAL + canonical(seal).encode(), row["signature"])
    yield "seal_device", keys["devices"].get(seal["device_id"]) == row["key"]
    if not row["counter_signature"] and unfit:
        yield "seal_unfit", None
        return
    text = COUNTER + canonical(counter).encode()
    is_ours = row["counter_key"] in keys["server"]
    yield "seal_counter", is_ours and is_signed(row["counter_key"], text, row["counter_signature"])
    own = {"seal": seal, "key": row["key"], "signature": row["signature"]}
    added = isinstance(counter, dict) and all(counter.get(name) == report[name] for name in SERVERS)
    yield "seal_counter_fields", added and counter["seal_sha256"] == sha256(canonical(own).encode())


def _plain(name: str, value: Any) -> Any:
    return bool(value) if name == "accepted" else value


def check_sealed_files(evidence: Evidence, row: dict[str, Any], data: dict[str, Any], report: str) -> None:
    """Check that the sealed files are those in the records."""
    kept = {one["id"]: one["sha256"] for one in data.get("attachment", [])}
    for one in row["seal"].get("files", []):
        evidence.say("photo_sealed", kept.get(one["id"]) == one["sha256"], "{} {}".format(report, one["id"]))


def check_attachments(evidence: Evidence, told: list[dict[str, Any]]) -> None:
    """Check every file of the tickets, whether a report seals it or not."""
    rows = {row["id"]: row for row in evidence.read("records.json")["records"].get("attachment", [])}
    commands = [one["op"]["a"] for one in effective(told, "attach_file")]
    given = {(one["attachment_id"], one["sha256"]) for one in commands}
    wrong = sorted({file_id for file_id, _ in given ^ {(row["id"], row["sha256"]) for row in rows.values()}})
    evidence.say("file_records", not wrong, ", ".join(wrong[:5]) or str(len(given)))
    names = set(evidence.zip.namelist())
    for file_id, row in sorted(rows.items()):
        name = "files/" + row["sha256"]
        if name in names:
            evidence.say("photo", sha256(evidence.zip.read(name)) == row["sha256"], file_id)
        else:
            evidence.say("photo_absent", None, "{} ({})".format(file_id, row["state"]))


def check_voids(evidence: Evidence, told: list[dict[str, Any]]) -> None:
    """Name the reports that do not count any more."""
    data = evidence.read("records.json")["records"]
    numbers = {row["id"]: row["number"] for row in data.get("service_report", [])}
    voided = {row["report_id"]: row for row in data.get("report_void", [])}
    said = {one["op"]["a"]["report_id"] for one in effective(told, "void_report")}
    evidence.say("void_audit", set(voided) == said, str(len(said)))
    for report_id, row in sorted(voided.items()):
        evidence.say("void", None, "{}: {}".format(numbers.get(report_id, report_id), row["reason"]))


def effective(told: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """List the entries of one kind of command that took effect."""
    return [one for one in told if "op" in one and one["op"]["k"] == kind and one["status"] in TOOK_EFFECT]


def main() -> int:
    """Check one export."""
    parser = argparse.ArgumentParser(
        description="Check a Fieldwright evidence export / 核验 Fieldwright 证据导出"
    )
    parser.add_argument("export", help="the ZIP file / 导出文件")
    parser.add_argument("--lang", choices=("en", "zh", "both"), default="both")
    parser.add_argument(
        "--server-key", default="", help="the server's public key, got another way / 另行取得的服务器公钥"
    )
    parser.add_argument("--anchor", default="", help="the digest of an anchor you hold / 您持有的锚点摘要")
    asked = parser.parse_args()
    try:
        evidence = Evidence(asked.export, asked.lang)
        _, key = check_files(evidence, asked.server_key)
        chain, keys = evidence.read("chain.json"), evidence.read("keys.json")
        # Only what the key of the manifest vouches for is believed: older server keys come from the signed list.
        trusted = [key, *keys["server"]]
        told = check_entries(evidence, chain, check_anchors(evidence, chain, trusted, asked.anchor))
        check_reports(evidence, told, keys)
        check_attachments(evidence, told)
        check_voids(evidence, told)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        print("[FAIL]", " / ".join(WORDS["unreadable"]), "-", type(error).__name__, error)
        return 2
    print()
    if evidence.bad:
        print(f"RESULT: {evidence.bad} check(s) do NOT hold / 结论：{evidence.bad} 项不通过")
        return 1
    print(f"RESULT: all {evidence.good} checks hold / 结论：{evidence.good} 项全部通过")
    return 0


if __name__ == "__main__":
    sys.exit(main())
