"""Who is who by identifiers: given records, expected clusters."""

from datetime import date
from pathlib import Path
from typing import Any

from common.files import DataFolder
from common.settings import BuildSettings, Settings
from common.values import Silent
from contracts.loader import dataset
from tests.warehouse.given import NOW, built, land, read
from warehouse.build import BuildResult, build
from warehouse.inputs import current_inputs
from warehouse.publish import publish

AS_OF = date(2026, 1, 31)

AN = {"full_name": "Nguyễn Văn An", "birth_date": "1985-05-05", "sex": "M", "citizen_id": "001085000101"}


def spell(key: str, **fields: Any) -> dict[str, Any]:
    number = f"91{sum(map(ord, key)):08d}"
    return {"spell_id": key, "si_number": number, "from_month": "2024-01", "unit_code": "U1", **fields}


def clusters(result: BuildResult) -> list[list[str]]:
    """The records of every person with more than one, by dataset and key."""
    rows = read(
        result,
        """
        select list_sort(list(dataset || ':' || record_key)) as records from linkage.person_link
        group by person_key having count(*) > 1 order by 1
        """,
    )
    return [row["records"] for row in rows]


def persons(result: BuildResult) -> int:
    return int(read(result, "select count(distinct person_key) as persons from linkage.person_link")[0]["persons"])


def test_a_person_is_one_across_registries_whatever_the_agency_calls_the_number(tmp_path: Path) -> None:
    result = built(
        tmp_path,
        {
            "insurance.participation": [spell("s1", **AN | {"si_number": "0112345678", "person_tax_code": "8000038047"})],
            "insurance.benefit": [{"benefit_id": "twelve_digits_as_si", "full_name": "NGUYỄN VĂN AN", "si_number": "001085000101"}],
            "health.visit": [
                {"visit_id": "long_card", "full_name": "Nguyễn Văn An", "hi_card": "DN4790112345678"},
                {"visit_id": "short_card", "full_name": "Nguyễn Văn An", "hi_card": "0112345678"},
                {"visit_id": "child_card", "full_name": "Nguyễn Bé An", "hi_card": "TE1790112345678"},
            ],
            "tax.payroll": [
                {"line_id": "citizen_id_as_tax_code", "full_name": "Nguyen Van An", "person_tax_code": "001085000101", "year": 2025},
                {"line_id": "wrong_checksum", "full_name": "Nguyễn Văn An", "person_tax_code": "8000038048", "year": 2025},
            ],
        },
        AS_OF,
    )  # fmt: skip
    assert clusters(result) == [
        [
            "benefit:twelve_digits_as_si",
            "participation:s1",
            "payroll:citizen_id_as_tax_code",
            "visit:long_card",
            "visit:short_card",
        ]
    ]


def test_a_certificate_without_a_name_is_linked_through_its_visit(tmp_path: Path) -> None:
    result = built(
        tmp_path,
        {
            "insurance.participation": [spell("s1", **AN)],
            "health.visit": [{"visit_id": "v1", "full_name": AN["full_name"], "citizen_id": AN["citizen_id"]}],
            "health.certificate": [{"certificate_no": "c1", "visit_id": "v1"}],
        },
        AS_OF,
    )
    assert clusters(result) == [["certificate:c1", "participation:s1", "visit:v1"]]


def test_an_identifier_that_disagrees_with_its_own_record_links_nobody(tmp_path: Path) -> None:
    result = built(
        tmp_path,
        {
            "insurance.participation": [spell("s1", **AN)],
            "labour.workforce": [
                {"line_id": "a_woman", "full_name": "Nguyễn Văn An", "sex": "F", "citizen_id": AN["citizen_id"]},
                {
                    "line_id": "born_later",
                    "full_name": "Nguyễn Văn An",
                    "birth_date": "1990",
                    "citizen_id": AN["citizen_id"],
                },
                {"line_id": "no_such_province", "full_name": "Nguyễn Văn An", "citizen_id": "003085000101"},
            ],
        },
        AS_OF,
    )
    assert clusters(result) == []
    assert result.linkage["dropped_identifiers"] == {
        "birth year differs from the record": 1,
        "province unknown": 1,
        "sex differs from the record": 1,
    }


def test_placeholders_and_ids_shared_by_many_identify_nobody(tmp_path: Path) -> None:
    names = ["Trần Thị Bình", "Lê Văn Cường", "Phạm Thị Dung", "Vũ Văn Em", "Hoàng Thị Giang"]
    result = built(
        tmp_path,
        {
            "labour.workforce": [
                {"line_id": f"shared{place}", "full_name": name, "old_id": "112233445"}
                for place, name in enumerate(names)
            ]
            + [
                {"line_id": f"zeros{place}", "full_name": "Nguyễn Văn An", "citizen_id": "000000000000"}
                for place in range(3)
            ]
            + [{"line_id": f"keys{place}", "full_name": "Nguyễn Văn An", "old_id": "123456789"} for place in range(3)],
        },
        AS_OF,
    )
    assert clusters(result) == []
    assert result.linkage["dropped_identifiers"] == {"placeholder": 6, "shared by too many people": 5}


def test_two_citizen_ids_are_never_one_person_though_they_share_an_si_number(tmp_path: Path) -> None:
    other = {**AN, "citizen_id": "001085000999"}
    result = built(
        tmp_path,
        {
            "insurance.participation": [spell("s1", **AN | {"si_number": "0112345678"}), spell("s2", **AN)],
            "insurance.benefit": [
                {"benefit_id": "b1", **other, "si_number": "0112345678"},
                {"benefit_id": "b2", **other},
            ],
        },
        AS_OF,
    )
    assert clusters(result) == [["benefit:b1", "benefit:b2"], ["participation:s1", "participation:s2"]]
    assert result.linkage["contradictions"] == 1


def test_of_two_citizen_ids_in_one_record_the_one_other_records_know_stands(tmp_path: Path) -> None:
    mistyped = "001085000191"
    line = {
        "full_name": AN["full_name"],
        "id_kind": "citizen",
        "id_number": mistyped,
        "person_tax_code": AN["citizen_id"],
    }
    result = built(
        tmp_path, {"insurance.participation": [spell("s1", **AN)], "tax.payroll": [{"line_id": "p1", "year": 2025, **line}]}, AS_OF
    )  # fmt: skip
    assert clusters(result) == [["participation:s1", "payroll:p1"]]
    assert result.linkage["dropped_identifiers"] == {"another citizen id in the same record": 1}


def test_of_two_citizen_ids_in_one_record_neither_is_believed_where_no_other_record_knows_them(tmp_path: Path) -> None:
    line = {
        "full_name": AN["full_name"],
        "id_kind": "citizen",
        "id_number": "001085000191",
        "person_tax_code": "001085000101",
    }
    result = built(tmp_path, {"tax.payroll": [{"line_id": "p1", "year": 2025, **line}]}, AS_OF)
    assert result.linkage["dropped_identifiers"] == {"another citizen id in the same record": 2}


def test_a_mistyped_id_that_is_somebody_else_s_does_not_carry_a_record_to_them(tmp_path: Path) -> None:
    result = built(
        tmp_path,
        {
            "insurance.participation": [spell("s1", **AN)],
            "tax.payroll": [{"line_id": "p1", "full_name": "Hoàng Thị Tuyết", "id_kind": "citizen", "id_number": AN["citizen_id"]}],
            "health.death": [{"notice_no": "d1", "full_name": "Lê Hồng Phong", "birth_date": "1985-01-01", "citizen_id": AN["citizen_id"]}],
        },
        AS_OF,
    )  # fmt: skip
    assert persons(result) == 3


def test_spelling_tone_marks_a_swapped_date_and_a_lost_middle_name_do_not_part_one_person(tmp_path: Path) -> None:
    born = {**AN, "birth_date": "1985-05-12"}
    result = built(
        tmp_path,
        {
            "insurance.participation": [spell("s1", **born)],
            "labour.workforce": [
                {"line_id": "swapped", **born, "birth_date": "1985-12-05"},
                {"line_id": "year", **born, "birth_date": "1985"},
                {"line_id": "no_middle", **born, "full_name": "Nguyễn An"},
                {"line_id": "decomposed", **born, "full_name": "Nguye\u0302\u0303n Va\u0306n An"},
                {"line_id": "typo", **born, "full_name": "Nguyễn Vân Anh"},
            ],
        },
        AS_OF,
    )
    assert persons(result) == 1


def test_an_employer_is_its_branches_units_and_projects_and_a_name_joins_nothing(tmp_path: Path) -> None:
    result = built(
        tmp_path,
        {
            "tax.taxpayer": [
                {"tax_code": "0100109106", "name": "Công ty A"},
                {
                    "tax_code": "0100109106-001",
                    "parent_tax_code": "0100109106",
                    "kind": "branch",
                    "name": "Chi nhánh A",
                },
                {"tax_code": "0100112437", "name": "Công ty A"},
            ],
            "investment.enterprise": [{"enterprise_code": "0100109106", "name": "Công ty A"}],
            "investment.project": [{"project_code": "7654321098", "enterprise_code": "0100109106"}],
            "insurance.unit": [
                {"unit_code": "TZ1", "tax_code": "0100109106"},
                {"unit_code": "TZ2", "tax_code": "0100109106001"},
                {"unit_code": "TZ3", "tax_code": "0100109107"},  # mistyped: leads to nobody
                {"unit_code": "TZ4", "name": "Công ty A"},
            ],
        },
        AS_OF,
    )
    rows = read(
        result, "select list_sort(list(member)) as codes from linkage.employer_key group by employer_key order by 1"
    )
    assert [row["codes"] for row in rows] == [
        ["project:7654321098", "tax:0100109106", "tax:0100109106001", "unit:TZ1", "unit:TZ2"],
        ["tax:0100109107"],
        ["tax:0100112437"],
        ["unit:TZ3"],
        ["unit:TZ4"],
    ]


def keys_by_record(result: BuildResult) -> dict[str, str]:
    return {
        row["record_key"]: row["person_key"]
        for row in read(result, "select record_key, person_key from linkage.person_link")
    }


def test_keys_stay_when_records_arrive_and_a_merge_leaves_a_redirect(tmp_path: Path) -> None:
    data, settings = DataFolder(tmp_path), Settings(data_dir=tmp_path, build=BuildSettings(memory_limit="1GB"))
    participation, workforce = dataset("insurance", "participation"), dataset("labour", "workforce")

    def run(name: str) -> BuildResult:
        result = build(settings, run=name, inputs=current_inputs(data, as_of=AS_OF, stale={}), progress=Silent())
        publish(settings, run=name, created_at=NOW)
        return result

    by_number_only = {"full_name": AN["full_name"], "si_number": "0112345678"}
    land(data, participation, [spell("s1", **by_number_only), spell("s2", **AN)], pull="20260101T000000000001Z")
    first = keys_by_record(run("20260101"))
    assert first["s1"] != first["s2"]

    # a record that carries both numbers shows that the two were one person all along
    land(data, workforce, [{"line_id": "w1", **AN, "si_number": "0112345678"}], pull="20260102T000000000001Z")
    second = run("20260102")
    assert len(set(keys_by_record(second).values())) == 1
    assert set(keys_by_record(second).values()) <= set(first.values())
    redirects = read(second, "select old_key, new_key, kind from linkage.person_redirect")
    assert len(redirects) == 1
    assert redirects[0]["kind"] == "merge"
    assert {redirects[0]["old_key"], redirects[0]["new_key"]} == set(first.values())

    # and when that record is withdrawn, each of the two is who they were
    tombstone = {"line_id": "w1", **AN, "deleted": True, "updated_at": NOW}
    land(data, workforce, [tombstone], pull="20260103T000000000001Z", kind="incremental")
    third = run("20260103")
    assert len(set(keys_by_record(third).values())) == 2
    assert [row["kind"] for row in read(third, "select kind from linkage.person_redirect")] == ["split"]
