"""Envelopes of health-insurance claims: what must not be kept reaches no place of ours."""

import asyncio
import base64
import gzip
import hashlib
import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from dropping import Drop

from common.settings import RegistrySettings, Settings
from common.values import Silent
from connectors.pull import pull_registry

SOURCE = """
registry = "health"
on_drift = "evolve"
[files]
folder = "inbox"
pattern = "*.xml"
settle_seconds = 0
[files.format]
name = "claims_xml"
[datasets.visit]
record = "XML1"
[datasets.visit.fields]
visit_id = "MA_LK"
full_name = "HO_TEN"
facility_code = "MA_CSKCB"
kind = { constant = "outpatient" }
admitted_at = { from = "NGAY_VAO", parse = "yyyymmddHHMM" }
updated_at = "_file_modified"
"""
SECRET = "PHAC_DO_ARV_CUA_NGUOI_BENH"


def envelope(number: int) -> bytes:
    visit = (
        f"<TONG_HOP><MA_LK>LK{number}</MA_LK><HO_TEN>Trần Văn Thử</HO_TEN>"
        f"<MA_CSKCB>01001</MA_CSKCB><NGAY_VAO>202606010830</NGAY_VAO></TONG_HOP>"
    )
    care = f"<HSO><MA_LK>LK{number}</MA_LK><GHI_CHU>{SECRET}</GHI_CHU></HSO>"
    files = "".join(
        f"<FILEHOSO><LOAIHOSO>{kind}</LOAIHOSO><NOIDUNGFILE>{_base64(inner)}</NOIDUNGFILE></FILEHOSO>"
        for kind, inner in (("XML1", visit), ("XML6", care), ("XML15", care))
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><GIAMDINHHS><THONGTINDONVI><MACSKCB>01001</MACSKCB></THONGTINDONVI>'
        "<THONGTINHOSO><NGAYLAP>20260602</NGAYLAP><SOLUONGHOSO>1</SOLUONGHOSO>"
        f"<DANHSACHHOSO><HOSO>{files}</HOSO></DANHSACHHOSO></THONGTINHOSO><CHUKYDONVI/></GIAMDINHHS>"
    ).encode()


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def zipped(*envelopes: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packed:
        for number, content in enumerate(envelopes):
            packed.writestr(f"{number}.xml", content)
    return held.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ho so.xml", envelope(1)),
        ("ho so.xml.gz", gzip.compress(envelope(1))),
        ("ho so.zip", zipped(envelope(1), envelope(2))),
    ],
)
def test_care_records_that_must_not_be_kept_reach_no_place_of_ours(tmp_path: Path, name: str, content: bytes) -> None:
    drop = Drop(tmp_path / "inbox", tmp_path)
    drop.put_bytes(name, content)
    (tmp_path / "health.toml").write_text(SOURCE, encoding="utf-8")
    access = RegistrySettings(source=tmp_path / "health.toml")
    settings = Settings(data_dir=tmp_path / "var", registries={"health": access})
    pulling = pull_registry(settings, "health", datasets=["visit"], clock=lambda: datetime.now(UTC), progress=Silent())
    (outcome,) = asyncio.run(pulling)
    assert (outcome.status, outcome.rows_received) == ("landed", 2 if name.endswith(".zip") else 1)
    index = (settings.data.root / "archive/health/index.jsonl").read_text(encoding="utf-8")
    assert hashlib.sha256(content).hexdigest() in index
    texts = [text for path in settings.data.root.rglob("*") if path.is_file() for text in every_text(path)]
    assert any("NGAYLAP" in text for text in texts)
    assert not [text for text in texts if SECRET in text or _base64(SECRET)[4:-4] in text]


def every_text(path: Path) -> list[str]:
    """What a file holds, unpacked as far as it is packed, inner files decoded."""
    content = path.read_bytes()
    if content[:4] == b"\x28\xb5\x2f\xfd":
        with pa.input_stream(str(path), compression="zstd") as stream:
            content = stream.read()
    packed = [content]
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as members:
            packed = [members.read(name) for name in members.namelist()]
    texts = [each.decode("utf-8", "replace") for each in packed]
    inner = [text.split("<NOIDUNGFILE>")[1:] for text in texts]
    return texts + [
        base64.b64decode(each.partition("<")[0]).decode("utf-8", "replace") for many in inner for each in many
    ]


def test_the_text_that_is_looked_for_is_there_before(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(envelope(1))
    assert any(SECRET in text for text in every_text(path))
