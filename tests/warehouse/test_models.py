"""Walks every model and rule file: header, order, lint, and the rule book."""

import re
from string import Formatter

import pytest

from contracts.loader import all_datasets
from law.loader import load_law
from warehouse.lint import complaints
from warehouse.model import LAYERS, Model, in_order, load_models
from warehouse.rule_book import Rule, load_rules

MODELS = [model for layer in LAYERS for model in load_models(layer)]
DOWN = {"staging": {"raw"}, "linkage": {"staging", "linkage"}, "marts": {"staging", "linkage", "marts", "law"},
        "rules": {"marts", "law"}}  # fmt: skip


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_model_stays_inside_the_sql_both_engines_read_the_same(model: Model) -> None:
    assert complaints(model) == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_model_reads_only_the_layers_below_it(model: Model) -> None:
    layer = model.name.partition(".")[0]
    assert {used.partition(".")[0] for used in model.uses} <= DOWN[layer]


@pytest.mark.parametrize(
    "model", [model for model in MODELS if model.name.startswith("staging.")], ids=lambda model: model.name
)
def test_staging_reads_one_source_and_joins_nothing(model: Model) -> None:
    assert len(model.uses) == 1
    assert not re.search(r"\bjoin\b", model.sql)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_model_declares_the_parameters_it_takes(model: Model) -> None:
    assert set(model.header.get("params", ())) == model.parameters


def test_every_dataset_of_the_contracts_has_its_staging_table() -> None:
    staged = {model.name for model in load_models("staging")} - {"staging.set_aside"}
    assert staged == {f"staging.{found.table}" for found in all_datasets()}


def test_every_law_value_a_model_names_exists() -> None:
    named = {used.removeprefix("law.") for model in MODELS for used in model.uses if used.startswith("law.")}
    assert named <= set(load_law())


def test_models_are_ordered_so_that_each_follows_what_it_uses() -> None:
    place = {model.name: number for number, model in enumerate(in_order(MODELS))}
    assert all(place[used] < place[model.name] for model in MODELS for used in model.uses if used in place)


@pytest.mark.parametrize("rule", load_rules(), ids=lambda rule: rule.rule)
class TestEveryRule:
    def test_cites_an_article(self, rule: Rule) -> None:
        assert re.search(r"\d+/\d{4}/\S+ (Đ\d|\()", rule.law)

    def test_names_its_file_after_itself(self, rule: Rule) -> None:
        assert rule.model.name == f"rules.{rule.rule}"

    def test_needs_only_datasets_it_rests_on(self, rule: Rule) -> None:
        assert {*rule.needs, *rule.needs_landed, *rule.needs_any} <= set(rule.sources)

    def test_declares_as_inputs_only_columns_of_what_it_uses(self, rule: Rule) -> None:
        used = {name.partition(".")[2] for name in rule.uses}
        assert {name.partition(".")[0] for name in rule.inputs} <= used

    def test_reads_no_protected_attribute_as_a_sign_of_risk(self, rule: Rule) -> None:
        assert not re.search(r"\b(sex|birth_date|birth_year|nationality|ethnic\w*|ward_code|address)\b", rule.model.sql)

    def test_says_the_same_numbers_in_both_languages(self, rule: Rule) -> None:
        def bare(template: str) -> set[str]:
            names = {name for _, name, _, _ in Formatter().parse(template) if name}
            return {name.removesuffix("_vi").removesuffix("_en") for name in names}

        assert bare(rule.reason_vi) == bare(rule.reason_en)

    def test_offers_an_innocent_explanation_and_the_document_that_would_show_it(self, rule: Rule) -> None:
        assert rule.innocent
        assert all(found.vi and found.en and found.document for found in rule.innocent)


BAD = {
    "select list(item order by item) as items from marts.unit": "list(x order by y)",
    "select date_diff('month', a.from_date, a.to_date) as months from marts.unit as a": "date_diff('month')",
    "select a.registered_on - a.stopped_on as days from marts.unit as a": "date - date",
    "select a.paid / a.due as share from marts.unit as a": "`/`",
    "select cast(a.share as double) as share from marts.unit as a": "binary float",
    "select current_date as day from marts.unit": "asks the clock",
    "select random() as chance from marts.unit": "asks the clock or chance",
    "select sum(due_vnd) as due_vnd, max(due_vnd) as largest from marts.unit": "alias",
    "select upper(status) as status from marts.unit where status = 'x'": "may mean the alias",
    "select * from marts.unit": "name the columns",
    "select a.unit_code from marts.unit as a join marts.spell as b on true": "`uses`",
}


@pytest.mark.parametrize(("sql", "complaint"), BAD.items(), ids=list(BAD.values()))
def test_the_lint_refuses_what_was_seen_to_differ(sql: str, complaint: str) -> None:
    model = Model("marts.bad", {"uses": ["marts.unit"]}, sql)
    assert any(complaint in said for said in complaints(model))
