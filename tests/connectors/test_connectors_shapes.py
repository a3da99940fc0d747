"""A record read by its shape is what the parser would have read; whatever is not exactly of the shape is parsed."""

import base64

from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.formats.claims_envelope import InnerFile
from connectors.formats.claims_xml import _InnerReader
from connectors.formats.records import Record

TAGS = ("MA_LK", "HO_TEN", "NGAY_SINH")
PLAIN = "<TONG_HOP>\n  <MA_LK>1</MA_LK><HO_TEN>Lê Thị Ấn</HO_TEN>\t<NGAY_SINH/></TONG_HOP>"
ODD = [
    "", "x", " ", "&amp;", "<![CDATA[a<b]]>", "<!-- c -->", "a\r\nb", "\x01", "\x7f", "&#7844;", "a]]>b", "<B/>", "\u00a0", "é̂", "a\tb",
]  # fmt: skip
FRAMES = [
    "<TONG_HOP>{}</TONG_HOP>",
    '<?xml version="1.0" encoding="utf-8"?>\n<TONG_HOP>{}</TONG_HOP>\n',
    '\ufeff<?xml version="1.0"?><TONG_HOP>{}</TONG_HOP>',
    '<?xml version="1.0" encoding="utf-16"?><TONG_HOP>{}</TONG_HOP>',
    "<!DOCTYPE TONG_HOP><TONG_HOP>{}</TONG_HOP>",
    "<TONG_HOP a='1'>{}</TONG_HOP>",
    "<CHAM_SOC_HIV>{}</CHAM_SOC_HIV>",
    "<TONG_HOP>{}</TONG_HOP><X/>",
    "<TONG_HOP>{}",
]


def read(reader: _InnerReader, text: str) -> list[Record]:
    content = base64.b64encode(text.encode("utf-8", "surrogatepass"))
    return reader.records(InnerFile(1, "XML1", content, 0, 0, False))


def as_known(records: list[Record]) -> list[dict[str, str | None]]:
    return [{name: value or None for name, value in zip(*record, strict=True)} for record in records]


fields = st.lists(
    st.tuples(st.sampled_from([*TAGS, "ma_lk", "X-1"]), st.one_of(st.sampled_from(ODD), st.text(max_size=8))),
    max_size=4,
)


@given(frame=st.sampled_from(FRAMES), fields=fields, is_short=st.booleans())
@example(frame=FRAMES[0], fields=[("MA_LK", "2"), ("HO_TEN", ""), ("NGAY_SINH", "x")], is_short=True)
@settings(max_examples=400, deadline=None)
def test_a_reader_that_knows_shapes_reads_what_one_that_knows_none_reads(
    frame: str, fields: list[tuple[str, str]], is_short: bool
) -> None:
    inside = "".join(
        f"<{tag}/>" if is_short and not text else f"<{tag}>{text}</{tag}>" for tag, text in fields
    )  # fmt: skip
    document = frame.format(inside)
    knowing = _InnerReader()
    read(knowing, PLAIN)
    read(knowing, document)
    assert as_known(read(knowing, document)) == as_known(read(_InnerReader(), document))


def test_a_known_shape_is_read_without_its_parser() -> None:
    reader = _InnerReader()
    read(reader, PLAIN)
    found = reader._shapes.read(
        PLAIN.replace("Lê Thị Ấn", "Trần Văn Bê").replace("<NGAY_SINH/>", "<NGAY_SINH>1</NGAY_SINH>").encode()
    )
    assert found == ((*TAGS, "_place"), ["1", "Trần Văn Bê", "1"])
