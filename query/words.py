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


def in_words(code: str, known: dict[str, Words]) -> Words:
    """What a code means; a text that is no code stands for itself."""
    return known.get(code, Words(code, code))
