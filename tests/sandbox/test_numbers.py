import duckdb
import numpy as np
from stdnum.vn import mst

from sandbox.world import World
from sandbox.world.numbers import tax_codes
from sandbox.world.places import BIRTH_PROVINCES


def test_tax_codes_are_valid_and_all_different() -> None:
    codes = tax_codes(3000, first_serial=10_000_000, rng=np.random.default_rng(1))
    assert len(set(codes)) == 3000
    assert [code for code in codes if not mst.is_valid(code)] == []


def test_every_taxpayer_s_code_is_valid_for_its_kind(world: World) -> None:
    rows = world.tables["tax.taxpayer"].select(["tax_code", "kind", "parent_tax_code"]).to_pylist()
    households = [row["tax_code"] for row in rows if row["kind"] == "household_business"]
    assert {len(code) for code in households} == {12}
    others = [row["tax_code"] for row in rows if row["kind"] != "household_business"]
    assert [code for code in others if not mst.is_valid(code)] == []
    assert all(row["tax_code"].startswith(row["parent_tax_code"]) for row in rows if row["kind"] == "branch")


def test_a_citizen_id_agrees_with_province_sex_and_birth_year(world: World) -> None:
    people = world.truth["persons"].to_pylist()
    for person in people:
        number, born = person["citizen_id"], person["birth_date"]
        if number is None:
            assert person["nationality"] is not None
            continue
        century = (born.year // 100 - 19) * 2 + (person["sex"] == "F")
        assert (number[:3] in BIRTH_PROVINCES, number[3:6]) == (True, f"{century}{born:%y}")
    for name in ("citizen_id", "old_id", "si_number", "tax_number", "passport_no"):
        known = [person[name] for person in people if person[name]]
        assert len(set(known)) == len(known), name


def test_names_have_the_frequencies_of_the_country(world: World) -> None:
    names = [person["full_name"] for person in world.truth["persons"].to_pylist()]
    share = sum(name.startswith("Nguyễn ") for name in names) / len(names)
    assert 0.33 < share < 0.44
    assert any(name.startswith("H'") for name in names)
    assert any(name.startswith("Y ") for name in names)


def test_a_health_card_ends_in_the_insurance_number(world: World) -> None:
    with duckdb.connect() as con:
        con.register("visit", world.tables["health.visit"])
        con.register("record", world.truth["records"])
        con.register("person", world.truth["persons"])
        rows = con.execute("""
            select length(hi_card), count(*), count(*) filter (right(hi_card, 10) = p.si_number) from visit as v
            join record as r on r.dataset = 'visit' and r.record_key = v.visit_id
            join person as p using (true_person) where hi_card is not null group by 1 order by 1""").fetchall()
    assert [length for length, _, _ in rows] == [10, 15]
    assert all(count == right for _, count, right in rows)


def test_dirt_spoils_some_identities_and_none_of_the_cast_s_own_spells(world: World, clean_world: World) -> None:
    wrong = """
        select count(*) filter (v.citizen_id is null and p.citizen_id is not null),
               count(*) filter (v.citizen_id <> p.citizen_id), count(*) filter (nfc_normalize(v.full_name) <> v.full_name),
               count(*) filter (upper(v.full_name) = v.full_name), count(*) filter (length(v.si_number) = 12)
        from participation as v join record as r on r.dataset = 'participation' and r.record_key = v.spell_id
        join person as p using (true_person) where p.nationality is null"""
    counts = []
    for found in (world, clean_world):
        with duckdb.connect() as con:
            con.register("participation", found.tables["insurance.participation"])
            con.register("record", found.truth["records"])
            con.register("person", found.truth["persons"])
            counts += con.execute(wrong).fetchall()
            assert con.execute(f"{wrong} and p.is_cast").fetchall()[0][1:] == (0, 0, 0, 0)
    dirty, clean = counts
    assert all(count > 0 for count in dirty)
    # Two of the cast are missing their id in the insurer's books on purpose.
    assert clean[1:] == (0, 0, 0, 0)
