"""Makes synthetic health-insurance files: envelopes with inner files as base64, CDATA or elements. Nobody in them exists."""

import base64
import io
from collections.abc import Iterable, Iterator, Mapping
from xml.sax.saxutils import escape

VISIT: dict[str, str] = {
    "MA_LK": "LK0000001",
    "STT": "1",
    "MA_BN": "BN001",
    "HO_TEN": "Nguyễn Thị Thử",
    "SO_CCCD": "079185000001",
    "NGAY_SINH": "198500000000",
    "GIOI_TINH": "2",
    "NHOM_MAU": "",
    "MA_QUOCTICH": "000",
    "MA_DANTOC": "01",
    "MA_NGHE_NGHIEP": "00000",
    "DIA_CHI": "Số 1, đường Thử Nghiệm",
    "MATINH_CU_TRU": "79",
    "MAHUYEN_CU_TRU": "760",
    "MAXA_CU_TRU": "26734",
    "DIEN_THOAI": "",
    "MA_THE_BHYT": "DN4790000000001;GD4790000000001",
    "MA_DKBD": "79001;79002",
    "GT_THE_TU": "20250101;20250701",
    "GT_THE_DEN": "20250630;20251231",
    "NGAY_MIEN_CCT": "",
    "LY_DO_VV": "Ho, sốt",
    "LY_DO_VNT": "",
    "MA_LY_DO_VNT": "",
    "CHAN_DOAN_VAO": "Viêm họng cấp",
    "CHAN_DOAN_RV": "Viêm họng cấp",
    "MA_BENH_CHINH": "J02",
    "MA_BENH_KT": "J06;R05",
    "MA_BENH_YHCT": "",
    "MA_PTTT_QT": "",
    "MA_DOITUONG_KCB": "1.1",
    "MA_NOI_DI": "",
    "MA_NOI_DEN": "",
    "MA_TAI_NAN": "0",
    "NGAY_VAO": "202508110830",
    "NGAY_VAO_NOI_TRU": "",
    "NGAY_RA": "202508111005",
    "GIAY_CHUYEN_TUYEN": "",
    "SO_NGAY_DTRI": "0",
    "PP_DIEU_TRI": "Thuốc uống, nghỉ ngơi tại nhà",
    "KET_QUA_DTRI": "2",
    "MA_LOAI_RV": "1",
    "GHI_CHU": "",
    "NGAY_TTOAN": "202508111010",
    "T_THUOC": "85000",
    "T_VTYT": "0",
    "T_TONGCHI_BV": "121500",
    "T_TONGCHI_BH": "121500",
    "T_BNTT": "0",
    "T_BNCCT": "24300",
    "T_BHTT": "97200",
    "T_NGUONKHAC": "0",
    "T_BHTT_GDV": "0",
    "NAM_QT": "2025",
    "THANG_QT": "08",
    "MA_LOAI_KCB": "01",
    "MA_KHOA": "K01",
    "MA_CSKCB": "79001",
    "MA_KHUVUC": "",
    "CAN_NANG": "",
    "CAN_NANG_CON": "",
    "NAM_NAM_LIEN_TUC": "20290101",
    "NGAY_TAI_KHAM": "",
    "MA_HSBA": "25.000001",
    "MA_TTDV": "0001",
    "DU_PHONG": "",
}
OLD_VISIT: dict[str, str] = {
    "MA_LK": "LK4210",
    "STT": "1",
    "MA_BN": "BN4210",
    "HO_TEN": "Trần Văn Mẫu",
    "NGAY_SINH": "1960",
    "GIOI_TINH": "1",
    "DIA_CHI": "Thôn Thử",
    "MA_THE": "HT2010000000002",
    "MA_DKBD": "01013",
    "GT_THE_TU": "20190101",
    "GT_THE_DEN": "20191231",
    "MIEN_CUNG_CT": "",
    "TEN_BENH": "Tăng huyết áp",
    "MA_BENH": "I10",
    "MA_BENHKHAC": "",
    "MA_LYDO_VVIEN": "1",
    "MA_NOI_CHUYEN": "01010",
    "MA_TAI_NAN": "0",
    "NGAY_VAO": "201903040730",
    "NGAY_RA": "201903081500",
    "SO_NGAY_DTRI": "5",
    "KET_QUA_DTRI": "1",
    "TINH_TRANG_RV": "1",
    "NGAY_TTOAN": "201903081510",
    "T_THUOC": "0",
    "T_VTYT": "0",
    "T_TONGCHI": "900000",
    "T_BNTT": "0",
    "T_BHTT": "720000",
    "T_BNCCT": "180000",
    "T_NGUONKHAC": "0",
    "T_NGOAIDS": "0",
    "NAM_QT": "2019",
    "THANG_QT": "3",
    "MA_LOAI_KCB": "3",
    "MA_KHOA": "K02",
    "MA_CSKCB": "01013",
    "MA_KHUVUC": "",
    "MA_PTTT_QT": "",
    "CAN_NANG": "",
}
DISCHARGE: dict[str, str] = {
    "MA_LK": "LK0000001",
    "SO_LUU_TRU": "25.000123",
    "MA_YTE": "79001.25.000123",
    "MA_KHOA_RV": "K02",
    "NGAY_VAO": "202508010900",
    "NGAY_RA": "202508051000",
    "MA_DINH_CHI_THAI": "0",
    "NGUYENNHAN_DINHCHI": "",
    "THOIGIAN_DINHCHI": "",
    "TUOI_THAI": "",
    "CHAN_DOAN_RV": "Viêm phổi",
    "PP_DIEUTRI": "Kháng sinh",
    "GHI_CHU": "",
    "MA_TTDV": "0001",
    "MA_BS": "000111/HCM-CCHN",
    "TEN_BS": "Bác sĩ Thử",
    "NGAY_CT": "20250805",
    "MA_CHA": "",
    "MA_ME": "",
    "MA_THE_TAM": "",
    "HO_TEN_CHA": "",
    "HO_TEN_ME": "",
    "SO_NGAY_NGHI": "3",
    "NGOAITRU_TUNGAY": "20250806",
    "NGOAITRU_DENNGAY": "20250808",
    "DU_PHONG": "",
}
PREGNANCY_REST: dict[str, str] = {
    "MA_LK": "LK0000001",
    "SO_SERI": "79001.25.00000010",
    "SO_CT": "10",
    "SO_NGAY": "7",
    "DON_VI": "Công ty Thử Nghiệm",
    "CHAN_DOAN_RV": "Doạ sảy thai",
    "TU_NGAY": "20250811",
    "DEN_NGAY": "20250817",
    "MA_TTDV": "0001",
    "TEN_BS": "Bác sĩ Thử",
    "MA_BS": "000111/HCM-CCHN",
    "NGAY_CT": "20250811",
    "DU_PHONG": "",
}
SICK_LEAVE: dict[str, str] = {
    "MA_LK": "LK0000001",
    "SO_CT": "11",
    "SO_SERI": "79001.25.00000011",
    "SO_KCB": "KCB11",
    "DON_VI": "Công ty Thử Nghiệm",
    "MA_BHXH": "7900000001",
    "MA_THE_BHYT": "DN4790000000001",
    "CHAN_DOAN_RV": "J02 - Viêm họng cấp",
    "PP_DIEUTRI": "Thuốc",
    "MA_DINH_CHI_THAI": "0",
    "NGUYENNHAN_DINHCHI": "",
    "TUOI_THAI": "",
    "SO_NGAY_NGHI": "3",
    "TU_NGAY": "20250811",
    "DEN_NGAY": "20250813",
    "HO_TEN_CHA": "",
    "HO_TEN_ME": "",
    "MA_TTDV": "0001",
    "MA_BS": "000111/HCM-CCHN",
    "NGAY_CT": "20250811",
    "MA_THE_TAM": "",
    "MAU_SO": "CT07",
    "DU_PHONG": "",
}
BIRTH: dict[str, str] = {
    "MA_LK": "LK0000001",
    "MA_BHXH_NND": "7900000001",
    "MA_THE_NND": "DN4790000000001",
    "HO_TEN_NND": "Nguyễn Thị Thử",
    "NGAYSINH_NND": "19850314",
    "MA_DANTOC_NND": "01",
    "SO_CCCD_NND": "079185000001",
    "NGAYCAP_CCCD_NND": "20210101",
    "NOICAP_CCCD_NND": "Cục Thử",
    "NOI_CU_TRU_NND": "Số 1",
    "MA_QUOCTICH": "000",
    "MATINH_CU_TRU": "79",
    "MAHUYEN_CU_TRU": "760",
    "MAXA_CU_TRU": "26734",
    "HO_TEN_CHA": "Lê Văn Mẫu",
    "MA_THE_TAM": "TE1790000000009",
    "HO_TEN_CON": "Lê Thử",
    "GIOI_TINH_CON": "1",
    "SO_CON": "2",
    "LAN_SINH": "1",
    "SO_CON_SONG": "2",
    "CAN_NANG_CON": "2900",
    "NGAY_SINH_CON": "202508120615",
    "NOI_SINH_CON": "Bệnh viện Thử",
    "TINH_TRANG_CON": "Khoẻ",
    "SINHCON_PHAUTHUAT": "0",
    "SINHCON_DUOI32TUAN": "0",
    "GHI_CHU": "",
    "NGUOI_DO_DE": "Nữ hộ sinh Thử",
    "NGUOI_GHI_PHIEU": "Người Ghi",
    "NGAY_CT": "20250813",
    "SO": "00001.GCS.79001.25",
    "QUYEN_SO": "01",
    "MA_TTDV": "0001",
    "DU_PHONG": "",
}
NOTICE: dict[str, str] = {
    "ma_gbt": "00004.GBT.79001.25",
    "ma_bn": "BN009",
    "ma_hsba": "25.9",
    "ho_ten": "Phạm Thị Mẫu",
    "ngay_sinh": "19400101",
    "gioi_tinh": "2",
    "ma_the": "HT2790000000003",
    "loai_giayto": "1",
    "so_giayto": "079140000003",
    "ngay_cap": "20210101",
    "ngaygio_vv": "202508010100",
    "ngay_tv": "202508020230",
    "so_baotu": "4",
    "ngay_capgiaybt": "20250802",
    "macskcb": "79001",
    "ma_bhxh": "7900000003",
}
ROOTS = {
    "XML1": "TONG_HOP",
    "XML2": "CHITIEU_CHITIET_THUOC/DSACH_CHI_TIET_THUOC/CHI_TIET_THUOC",
    "XML3": "CHITIEU_CHITIET_DVKT_VTYT/DSACH_CHI_TIET_DVKT/CHI_TIET_DVKT",
    "XML6": "CHI_TIEU_HO_SO_BENH_AN_CHAM_SOC_VA_DIEU_TRI_HIV_AIDS",
    "XML7": "CHI_TIEU_DU_LIEU_GIAY_RA_VIEN",
    "XML9": "CHI_TIEU_DU_LIEU_GIAY_CHUNG_SINH/DSACH_GIAYCHUNGSINH/DU_LIEU_GIAY_CHUNG_SINH",
    "XML10": "CHI_TIEU_DU_LIEU_GIAY_NGHI_DUONG_THAI",
    "XML11": "CHI_TIEU_DU_LIEU_GIAY_CHUNG_NHAN_NGHI_VIEC_HUONG_BAO_HIEM_XA_HOI",
    "XML12": "CHI_TIEU_DU_LIEU_GIAM_DINH_Y_KHOA/DSACH_GIAM_DINH_Y_KHOA/GIAM_DINH_Y_KHOA",
    "XML15": "CHI_TIEU_DIEUTRI_BENHLAO",
    "GIAYBAOTU": "GIAYBAOTU",
}


def inner(kind: str, *records: Mapping[str, str]) -> bytes:
    """An inner file as hospitals' software writes it."""
    root, *wrappers = ROOTS[kind].split("/")
    fields = ("".join(f"<{name}>{escape(value)}</{name}>" for name, value in each.items()) for each in records)
    text = "".join(fields)
    if wrappers:
        record = wrappers.pop()
        fields = ("".join(f"<{name}>{escape(value)}</{name}>" for name, value in each.items()) for each in records)
        text = "".join(f"<{record}>{each}</{record}>" for each in fields)
        for wrapper in reversed(wrappers):
            text = f"<{wrapper}>{text}</{wrapper}>"
    return f'<?xml version="1.0" encoding="utf-8"?>\n<{root}>{text}</{root}>'.encode()


def file_hoso(kind: str, content: bytes | str) -> str:
    """One FILEHOSO; bytes are put in as base64, text as it is."""
    text = base64.encodebytes(content).decode() if isinstance(content, bytes) else content
    return f"<FILEHOSO><LOAIHOSO>{kind}</LOAIHOSO><NOIDUNGFILE>{text}</NOIDUNGFILE></FILEHOSO>"


def hoso(*files: str) -> str:
    return f"<HOSO>{''.join(files)}</HOSO>"


def envelope(*hosos: str, facility: str = "79001", made_on: str = "20250820") -> bytes:
    return "".join(_pieces(hosos, facility, made_on)).encode()


def _pieces(hosos: Iterable[str], facility: str, made_on: str) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="utf-8"?>\n<GIAMDINHHS xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
    yield f"<THONGTINDONVI><MACSKCB>{facility}</MACSKCB></THONGTINDONVI>"
    yield f"<THONGTINHOSO><NGAYLAP>{made_on}</NGAYLAP><SOLUONGHOSO>1</SOLUONGHOSO><DANHSACHHOSO>"
    yield from hosos
    yield "</DANHSACHHOSO></THONGTINHOSO><CHUKYDONVI/></GIAMDINHHS>"


def visits(count: int, *, with_rest: bool = False) -> Iterator[str]:
    """`count` HOSOs of one visit each; `with_rest`, also the XML2 and XML3 a real one has."""
    for number in range(count):
        own = {
            "MA_LK": f"LK{number:09}",
            "HO_TEN": f"Nguyễn Văn Thử {number}",
            "SO_CCCD": f"{79185000000 + number:012}",
        }
        files = [file_hoso("XML1", inner("XML1", VISIT | own))]
        if with_rest:
            lines = [{"MA_LK": own["MA_LK"], "STT": str(line), "TEN_DICH_VU": "Xét nghiệm thử"} for line in range(12)]
            files += [file_hoso(kind, inner(kind, *lines)) for kind in ("XML2", "XML3")]
        yield hoso(*files)


def big_envelope(count: int, *, with_rest: bool = False) -> io.BytesIO:
    stream = io.BytesIO()
    for piece in _pieces(visits(count, with_rest=with_rest), "79001", "20250820"):
        stream.write(piece.encode())
    return stream
