"""How fast the visits (XML1) of a health-insurance envelope are read, by one process and by two.

`python -m benchmarks.claims [VISITS] [--with-rest]` prints visits per second of wall clock and of processor time. Each
visit is an inner file of 66 fields, about 2.3 kB, as base64; `--with-rest` puts the XML2 to XML5 of a usual visit beside
it, which nobody asks for.
"""

import argparse
import base64
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from connectors.formats.claims_xml import claims

_EMPTY = (
    "NHOM_MAU DIEN_THOAI NGAY_MIEN_CCT LY_DO_VNT MA_LY_DO_VNT MA_BENH_YHCT MA_PTTT_QT MA_NOI_DI MA_NOI_DEN "
    "NGAY_VAO_NOI_TRU GIAY_CHUYEN_TUYEN GHI_CHU MA_KHUVUC CAN_NANG CAN_NANG_CON NGAY_TAI_KHAM DU_PHONG"
)
_FILLED = {
    "MA_LK": "LK{0:010}", "STT": "1", "MA_BN": "BN{0:08}", "HO_TEN": "Nguyễn Văn Thử {0}", "SO_CCCD": "{0:012}",
    "NGAY_SINH": "198503140000", "GIOI_TINH": "1", "MA_QUOCTICH": "000", "MA_DANTOC": "01", "MA_NGHE_NGHIEP": "00000",
    "DIA_CHI": "Số {0}, đường Thử Nghiệm, phường Mẫu, thành phố Thử", "MATINH_CU_TRU": "79", "MAHUYEN_CU_TRU": "760",
    "MAXA_CU_TRU": "26734", "MA_THE_BHYT": "DN479{0:010}", "MA_DKBD": "79001", "GT_THE_TU": "20250101",
    "GT_THE_DEN": "20251231", "LY_DO_VV": "Ho, sốt ba ngày", "CHAN_DOAN_VAO": "Viêm họng cấp",
    "CHAN_DOAN_RV": "Viêm họng cấp; Trào ngược dạ dày thực quản", "MA_BENH_CHINH": "J02", "MA_BENH_KT": "K21;R05",
    "MA_DOITUONG_KCB": "1.1", "MA_TAI_NAN": "0", "NGAY_VAO": "202508110830", "NGAY_RA": "202508111005",
    "SO_NGAY_DTRI": "0", "PP_DIEU_TRI": "Thuốc uống theo đơn, nghỉ ngơi", "KET_QUA_DTRI": "2", "MA_LOAI_RV": "1",
    "NGAY_TTOAN": "202508111010", "T_THUOC": "85000", "T_VTYT": "0", "T_TONGCHI_BV": "121500", "T_TONGCHI_BH": "121500",
    "T_BNTT": "0", "T_BNCCT": "24300", "T_BHTT": "97200", "T_NGUONKHAC": "0", "T_BHTT_GDV": "0", "NAM_QT": "2025",
    "THANG_QT": "08", "MA_LOAI_KCB": "01", "MA_KHOA": "K01", "MA_CSKCB": "79001", "NAM_NAM_LIEN_TUC": "20290101",
    "MA_HSBA": "25.{0:08}", "MA_TTDV": "0001",
}  # fmt: skip


def _visits(count: int, *, with_rest: bool) -> Iterator[bytes]:
    fields = [
        *(f"<{name}>{text}</{name}>" for name, text in _FILLED.items()),
        *(f"<{name}/>" for name in _EMPTY.split()),
    ]
    inner = '<?xml version="1.0" encoding="utf-8"?>\n<TONG_HOP>\n' + "\n".join(fields) + "\n</TONG_HOP>"
    rest = b"".join(_file(f"XML{number}", b"<X>" + b"<Y>0</Y>" * 350 + b"</X>") for number in (2, 3, 4, 5) if with_rest)
    for number in range(count):
        yield b"<HOSO>" + _file("XML1", inner.format(number).encode()) + rest + b"</HOSO>"


def _file(kind: str, content: bytes) -> bytes:
    text = base64.b64encode(content)
    return b"<FILEHOSO><LOAIHOSO>%s</LOAIHOSO><NOIDUNGFILE>%s</NOIDUNGFILE></FILEHOSO>" % (kind.encode(), text)


def write_envelope(file: BinaryIO, count: int, *, with_rest: bool) -> None:
    file.write(b"<GIAMDINHHS><THONGTINDONVI><MACSKCB>79001</MACSKCB></THONGTINDONVI><THONGTINHOSO>")
    file.write(b"<NGAYLAP>20250820</NGAYLAP><DANHSACHHOSO>")
    file.writelines(_visits(count, with_rest=with_rest))
    file.write(b"</DANHSACHHOSO></THONGTINHOSO></GIAMDINHHS>")


def measure(path: Path, workers: int) -> str:
    wanted: dict[str | None, tuple[str, ...]] = {"XML1": (*_FILLED, "_envelope.NGAYLAP")}
    began, used = time.perf_counter(), _processor_seconds()
    with path.open("rb") as stream:
        rows = sum(piece.rows.num_rows for piece in claims(stream, wanted, workers=workers))
    seconds, used = time.perf_counter() - began, _processor_seconds() - used
    who = "one process" if workers == 1 else f"{workers} processes beside this one"
    return (
        f"{who}: {rows:,} visits in {seconds:.1f} s, {rows / seconds:,.0f}/s ({used:.1f} s of this process's processor)"
    )


def _processor_seconds() -> float:
    spent = os.times()
    return spent.user + spent.system


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("visits", type=int, nargs="?", default=100_000)
    options.add_argument("--with-rest", action="store_true")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "envelope.xml"
        with path.open("wb") as file:
            write_envelope(file, given.visits, with_rest=given.with_rest)
        sys.stdout.write(f"{path.stat().st_size / 1e6:,.0f} MB\n")
        for workers in (1, 2):
            sys.stdout.write(measure(path, workers) + "\n")


if __name__ == "__main__":
    main()
