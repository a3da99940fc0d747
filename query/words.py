"""Codes in words, Vietnamese and English: what a status, a grade, a change or a doubt means to a reader."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """One thing said in both languages."""

    vi: str
    en: str

    def __str__(self) -> str:
        return self.vi if self.vi == self.en else f"{self.vi} · {self.en}"


NOTICE = Words(
    "Đây là dấu hiệu cần xác minh, không phải khoản nợ và không phải kết luận vi phạm.",
    "This is a sign to verify, not a debt and not a verdict.",
)

GRADES = {
    "A": Words("A – mâu thuẫn có tài liệu giữa các sổ", "A – a documented contradiction between records"),
    "B": Words("B – dấu hiệu mạnh, cần thêm tài liệu", "B – a strong sign; a document is still needed"),
    "C": Words("C – manh mối để tìm hiểu", "C – a lead to look into"),
}
STATUSES = {
    "late": Words("chậm đóng", "late"),
    "evasion": Words("có dấu hiệu trốn đóng", "sign of evasion"),
    "excused": Words("được loại trừ (tạm dừng hoặc bất khả kháng)", "excused (pause or force majeure)"),
    "suspected": Words("nghi vấn", "suspected"),
    "lead": Words("manh mối", "lead"),
}
CHANGES = {
    "new": Words("mới", "new"),
    "standing": Words("giữ nguyên", "standing"),
    "worse": Words("tăng nặng", "worse"),
    "eased": Words("giảm nhẹ", "eased"),
    "cleared": Words("đã hết", "cleared"),
}
SUBJECTS = {
    "employer": Words("đơn vị sử dụng lao động", "employer"),
    "person": Words("cá nhân", "person"),
    "facility": Words("cơ sở khám chữa bệnh", "facility"),
    "doctor": Words("người hành nghề", "doctor"),
    "agency": Words("cơ quan BHXH", "agency"),
}
METHODS = {
    "identifier": Words("cùng mã số đã kiểm tra", "a shared, checked identifier"),
    "probabilistic": Words("so khớp nhiều thông tin", "agreement of several attributes"),
    "judged": Words("cán bộ đã xác nhận", "judged by a person"),
    "alone": Words("chưa nối với bản ghi nào khác", "linked to no other record"),
}
ID_KINDS = {
    "citizen": Words("số định danh cá nhân", "citizen id"),
    "si": Words("mã số BHXH", "social insurance number"),
    "tax": Words("mã số thuế cá nhân", "personal tax code"),
    "old": Words("số CMND 9 số", "old 9-digit id"),
    "passport": Words("số hộ chiếu", "passport"),
    "other": Words("số không rõ loại", "number of no known kind"),
}
ID_VERDICTS = {
    "trusted": Words("đáng tin", "trusted"),
    "malformed": Words("sai định dạng", "malformed"),
    "placeholder": Words("số điền cho có", "placeholder"),
    "checksum wrong": Words("sai chữ số kiểm tra", "checksum wrong"),
    "province unknown": Words("mã tỉnh không tồn tại", "province unknown"),
    "born in the future": Words("năm sinh trong số ở tương lai", "born in the future"),
    "sex differs from the record": Words("giới tính trong số khác bản ghi", "sex differs from the record"),
    "birth year differs from the record": Words("năm sinh trong số khác bản ghi", "birth year differs from the record"),
    "another citizen id in the same record": Words(
        "bản ghi mang hai số định danh khác nhau", "another citizen id in the same record"
    ),
    "shared by too many people": Words("quá nhiều người dùng chung", "shared by too many people"),
    "owner unclear": Words("không rõ là của ai", "owner unclear"),
}


def in_words(code: str, known: dict[str, Words]) -> Words:
    """What a code means; a text that is no code stands for itself."""
    return known.get(code, Words(code, code))
