"""Makes synthetic tax returns in the shape HTKK exports them. No payer and no person in them exists."""

from collections.abc import Iterable, Mapping
from xml.sax.saxutils import escape

NAMESPACE = "http://kekhaithue.gdt.gov.vn/TKhaiThue"
CIRCULARS = {
    "80/2021": "(Ban hành kèm theo Thông tư số 80/2021/TT-BTC ngày 29 tháng 9 năm 2021 của Bộ trưởng Bộ Tài chính)",
    "92/2015": "(Ban hành kèm theo Thông tư số 92/2015/TT-BTC ngày 15/6/2015 của Bộ Tài chính)",
    "156/2013": "(Ban hành kèm theo Thông tư số 156/2013/TT-BTC ngày 6/11/2013 của Bộ Tài chính)",
}
TITLES = {
    "05/KK-TNCN": "TK khấu trừ thuế thu nhập cá nhân Mẫu 05/KK-TNCN",
    "05/QTT-TNCN": "Tờ khai quyết toán thuế TNCN Mẫu 05/QTT-TNCN",
}
ITEMS = {
    "80/2021": {"ct15": "0", "ct16": "12", "ct17": "10", "ct18": "3", "ct21": "150000000", "ct26": "90000000", "ct29": "4500000"},
    "92/2015": {"ct21": "12", "ct22": "10", "ct23": "3", "ct26": "150000000", "ct29": "90000000", "ct32": "4500000"},
    "156/2013": {"ct21": "12", "ct22": "10", "ct26": "0", "ct27": "150000000", "ct31": "90000000", "ct35": "4500000"},
}  # fmt: skip
PROGRESSIVE: dict[str, dict[str, str]] = {
    "80/2021": {
        "coDieuChinhSoLieu": "0", "ct07": "Nguyễn Văn Thử", "ct08": "8000000001", "nguoiVNSongNN_NguoiNN": "0",
        "ct09a_ma": "03", "ct09a_ten": "Thẻ CCCD/Số định danh cá nhân", "ct09": "079085000001", "ct10": "1", "ct11": "0",
        "ct12": "180000000", "ct13": "0", "ct14": "0", "ct15": "0", "ct15.1": "0", "ct16": "1", "ct17": "132000000",
        "ct18": "0", "ct19": "18900000", "ct20": "0", "ct21": "29100000", "ct22": "1455000", "ct24": "1455000",
    },
    "92/2015": {
        "ct07": "Nguyễn Văn Thử", "ct08": "8000000001", "ct09": "079085000001", "ct10": "1", "ct11": "180000000",
        "ct12": "0", "ct13": "0", "ct14": "1", "ct15": "132000000", "ct16": "0", "ct17": "18900000", "ct18": "0",
        "ct19": "29100000", "ct20": "1455000", "ct21": "0", "ct22": "1455000",
    },
}  # fmt: skip
FLAT: dict[str, str] = {
    "coDieuChinhSoLieu": "0", "ct07": "Trần Thị Mẫu", "ct08": "", "nguoiVNSongNN_NguoiNN": "0", "ct09a_ma": "01",
    "ct09a_ten": "Khác", "ct09": "B1234567", "ct10": "0", "ct11": "20000000", "ct12": "0", "ct13": "0", "ct14": "0",
    "ct14.1": "0", "ct15": "2000000", "ct16": "0",
}  # fmt: skip


def fields(values: Mapping[str, str]) -> str:
    return "".join(f"<{name}>{escape(value)}</{name}>" for name, value in values.items())


def a_return(
    form: str,
    body: str,
    *,
    circular: str | None = "80/2021",
    kind: str = "M",
    period: str = "03/2025",
    namespace: str = NAMESPACE,
    **changes: str,
) -> bytes:
    """A whole file; `changes` are elements of its header."""
    header = {
        "maTKhai": {"05/KK-TNCN": "864", "05/QTT-TNCN": "953"}.get(form, "842") if circular == "80/2021" else "",
        "tenTKhai": TITLES.get(form, form),
        "moTaBMau": CIRCULARS.get(circular or "", circular or ""),
        "pbanTKhaiXML": "2.9.3", "loaiTKhai": "C", "soLan": "0",
        "ngayLapTKhai": "2025-04-18", "nguoiKy": "Người Ký Thử", "ngayKy": "2025-04-18",
    } | {name: value for name, value in changes.items() if name != "mst"}  # fmt: skip
    when = f"<KyKKhaiThue><kieuKy>{kind}</kieuKy><kyKKhai>{period}</kyKKhai><kyKKhaiTuThang/></KyKKhaiThue>"
    payer = fields({"mst": changes.get("mst", "0101234567"), "tenNNT": "CÔNG TY TNHH THỬ NGHIỆM", "maTinhNNT": "101"})
    attribute = f' xmlns="{namespace}"' if namespace else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<HSoThueDTu xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"{attribute}>'
        f'<HSoKhaiThue id="ID_1"><TTinChung><TTinDVu><maDVu>HTKK</maDVu></TTinDVu><TTinTKhaiThue><TKhaiThue>'
        f"{fields(header)}{when}</TKhaiThue><NNT>{payer}</NNT></TTinTKhaiThue></TTinChung>{body}</HSoKhaiThue></HSoThueDTu>"
    ).encode()


def withholding(circular: str = "80/2021", values: Mapping[str, str] | None = None, **header: str) -> bytes:
    body = f"<CTieuTKhaiChinh>{fields({'mst_cu': ''} | ITEMS[circular] | (dict(values or {})))}</CTieuTKhaiChinh>"
    return a_return("05/KK-TNCN", body, circular=circular, **header)


def lines(number: int, persons: Iterable[Mapping[str, str]]) -> str:
    found = "".join(
        f'<BKeCTietCNhan id="ID_{turn}">{fields(each)}</BKeCTietCNhan>' for turn, each in enumerate(persons, 1)
    )
    return f"<PLuc_05_{number}_BK_QTT>{found}<ct28>1</ct28><ct29>0</ct29></PLuc_05_{number}_BK_QTT>"


def yearly(
    progressive: Iterable[Mapping[str, str]] = (),
    flat: Iterable[Mapping[str, str]] = (),
    circular: str = "80/2021",
    **header: str,
) -> bytes:
    main = "<CTieuTKhaiChinh><NVuKhauTruThue><ct16>2</ct16></NVuKhauTruThue></CTieuTKhaiChinh>"
    body = f"{main}<PLuc>{lines(1, progressive)}{lines(2, flat)}</PLuc>"
    given = {"kind": "Y", "period": "2025", "ngayKy": "2026-03-28", "ngayLapTKhai": "2026-03-28"} | header
    return a_return("05/QTT-TNCN", body, circular=circular, **given)
