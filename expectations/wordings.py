"""What people read about checks on deliveries."""

from expectations.checks import Wording

DELIVERY: dict[str, Wording] = {
    "pulled": Wording(
        "Đã nhận được dữ liệu của lần chạy này",
        "The dataset was pulled in this run",
        "Khắc phục nguồn theo thông báo; dữ liệu nhận lần trước vẫn được dùng và kết quả có ghi chú.",
        "mend the source as the message says; its last landed data stay in force and findings carry the doubt",
    ),
    "parts_intact": Wording(
        "Tệp dữ liệu đã nhận còn nguyên vẹn",
        "Landed files are whole",
        "Khôi phục tệp từ bản sao lưu, hoặc nhận lại toàn bộ tập dữ liệu này.",
        "restore the files from the backup, or pull the dataset again with --full",
    ),
    "schema_readable": Wording(
        "Cấu trúc dữ liệu đọc được",
        "The schema can be read",
        "Hỏi cơ quan nguồn về thay đổi cấu trúc; sửa ánh xạ trong tệp nguồn rồi nhận lại toàn bộ.",
        "ask the source what has changed, correct the mapping in the source file, then pull with --full",
    ),
    "quarantine_share": Wording(
        "Số bản ghi để riêng ở mức chấp nhận được",
        "Few records are set aside",
        "Xem bằng `doichieu quarantine ls` và `show`; sửa ánh xạ rồi `replay`, hoặc gửi tệp phản hồi để nguồn sửa và nhận "
        "lại; nếu chấp nhận tạm thời thì `waive`.",
        "look with `doichieu quarantine ls` and `show`; mend the mapping and `quarantine replay`, or send the feedback file, "
        "have the source corrected and pull again; `quarantine waive` accepts them for a time",
    ),
    "empty": Wording(
        "Tập dữ liệu không rỗng",
        "The dataset is not empty",
        "Hỏi cơ quan nguồn vì sao không có bản ghi nào.",
        "ask the source why it delivers no record",
    ),
    "freshness": Wording(
        "Dữ liệu đủ mới",
        "The data are fresh",
        "Hỏi cơ quan nguồn về lần cập nhật gần nhất; kết quả dựa trên tập này có ghi chú.",
        "ask the source about its last update; findings that rest on this dataset carry the doubt",
    ),
    "volume": Wording(
        "Số bản ghi nhận về không giảm bất thường",
        "The delivery has not shrunk",
        "Đối chiếu số lượng với cơ quan nguồn trước khi tin vào kết quả.",
        "compare the count with the source before trusting what rests on it",
    ),
    "current_rows": Wording(
        "Số bản ghi hiệu lực không giảm bất thường",
        "The records in force have not shrunk",
        "Kiểm tra xem cơ quan nguồn có rút hàng loạt bản ghi hay không.",
        "ask whether the source has withdrawn records in bulk",
    ),
    "drift": Wording(
        "Trường và kiểu dữ liệu đúng hợp đồng",
        "Fields and types are those of the contract",
        "Thống nhất thay đổi với cơ quan nguồn, rồi sửa hợp đồng hoặc tệp nguồn.",
        "agree the change with the source, then correct the contract or the source file",
    ),
    "total_mismatch": Wording(
        "Số bản ghi nhận về khớp tổng nguồn công bố",
        "As many records arrived as announced",
        "Nhận lại toàn bộ; nếu vẫn lệch, gửi cả hai con số cho cơ quan nguồn.",
        "pull again with --full; if the difference lasts, send both figures to the source",
    ),
    "key_conflict": Wording(
        "Một khóa không có hai nội dung cùng thời điểm",
        "A key has one content at one moment",
        "Hỏi cơ quan nguồn bản nào đúng; bản đến sau được dùng.",
        "ask the source which version is right; the one delivered later is used",
    ),
}
