"""Why a score is high: contributions that add up, grouped, ranked, and told in words."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.errors import DataError, SettingsError
from churn.scoring.reasons import TOLERANCE, Explainer, check_sums, ranked
from churn.scoring.templates import Template, check_templates, spelled
from churn.training.fit import Trees
from tests.scoring.test_predictor import BUNDLE, FEATURES, rows

TREES = Trees.load(BUNDLE.model_text)
SPEND = Template(features=("spend",), raises="spends {spend} EUR", lowers="only {spend} EUR", nulls={"spend": "no"})


def scored(frame: pl.DataFrame) -> pl.DataFrame:
    raw = TREES.raw_scores(BUNDLE.encoding.matrix(frame), num_threads=1)
    return frame.with_columns(raw_score=raw)


TONIGHT = scored(rows(200, seed=5).sort("id"))
EFFECTS = TREES.contributions(BUNDLE.encoding.matrix(TONIGHT), num_threads=1)  # spend, plan, mean


def explained(
    frame: pl.DataFrame = TONIGHT, *, at_most: int = 4, lowering: bool = False, **templates: Template
) -> pl.DataFrame:
    explainer = Explainer(BUNDLE, templates=templates, at_most=at_most, lowering=lowering, num_threads=1)
    found = explainer.explain(frame)
    assert found.schema == explainer.schema
    assert sum(found.null_count().row(0)) == 0
    return found


def test_without_templates_each_feature_is_a_reason_where_it_raises_the_score_the_strongest_first() -> None:
    expected = []
    for customer, effects in zip(TONIGHT["id"], EFFECTS, strict=True):
        told = sorted(((effect, name) for effect, name in zip(effects, ("spend", "plan"), strict=False)), reverse=True)
        expected += [(customer, rank, name, effect) for rank, (effect, name) in enumerate(told, 1) if effect > 0]
    assert explained().drop("text").rows() == expected
    assert 0 < explained()["id"].n_unique() < TONIGHT.height  # some have no reason at all


def test_the_features_of_one_reason_add_up_to_all_that_the_score_is_above_the_models_mean() -> None:
    found = explained(all=Template(features=("plan", "spend"), raises="{plan}"))
    above = TONIGHT["raw_score"].to_numpy() - EFFECTS[:, -1]
    assert found["id"].to_list() == TONIGHT["id"].filter(above > 0).to_list()
    np.testing.assert_allclose(found["contribution"], above[above > 0], rtol=1e-9)


def test_what_lowers_a_score_is_told_in_its_own_words_where_asked_for_and_where_there_are_some() -> None:
    found = explained(lowering=True, spend=SPEND, plan=Template(features=("plan",), raises="on {plan}"))
    assert set(found.filter(pl.col("code") == "plan")["text"]) <= {"on a", "on b", "on c"}
    assert (found.filter(pl.col("code") == "plan")["contribution"] > 0).all()
    spend = found.filter(pl.col("code") == "spend")
    assert spend["text"].str.starts_with("only").to_list() == (spend["contribution"] < 0).to_list()
    assert spend.height == TONIGHT.height
    sizes = found.sort("id", "rank").group_by("id", maintain_order=True).agg(pl.col("contribution").abs())
    assert all(list(one) == sorted(one, reverse=True) for one in sizes["contribution"])


def test_a_text_names_the_values_and_says_what_is_not_known() -> None:
    frame = scored(
        pl.DataFrame(
            {"id": [1, 2], "spend": [1234.567, None], "plan": ["c", None]},
            schema={"id": pl.Int64, "spend": pl.Float64, "plan": pl.String},
        )
    )
    found = explained(frame, lowering=True, spend=SPEND)
    texts = {(customer, code): text for customer, code, text in found.select("id", "code", "text").iter_rows()}
    assert texts[1, "spend"] == "spends 1,234.57 EUR"
    assert texts[2, "spend"].endswith(" no EUR")
    assert (texts[1, "plan"], texts[2, "plan"]) == ("plan (): c", "plan (): unknown")


def test_reasons_do_not_depend_on_the_other_rows_or_on_threads() -> None:
    parts = pl.concat([explained(part) for part in TONIGHT.iter_slices(33)])
    assert parts.equals(explained())
    two = Explainer(BUNDLE, templates={}, at_most=4, lowering=False, num_threads=2)
    assert two.explain(TONIGHT).equals(explained())
    assert explained(TONIGHT.clear()).height == 0


def test_at_most_so_many_are_told() -> None:
    assert explained(at_most=1)["rank"].unique().to_list() == [1]
    assert explained(at_most=1).equals(explained().filter(pl.col("rank") == 1))


def test_a_score_of_another_model_is_not_explained() -> None:
    other = TONIGHT.with_columns(raw_score=pl.when(pl.int_range(pl.len()) == 7).then(0.123).otherwise("raw_score"))
    with pytest.raises(DataError, match="reasons: the contributions of 1 of 200 rows do not add up"):
        explained(other)


@pytest.mark.parametrize("error", [0.0, 4 * 0.99 * TOLERANCE, 4 * 1.01 * TOLERANCE, float("nan")])
def test_contributions_may_be_off_by_the_tolerance_for_each_unit_of_their_sizes_and_one(error: float) -> None:
    contributions, raw = np.array([[2.0, -1.0], [0.5, 0.5]]), np.array([1.0 + error, 1.0])
    if error < 4 * TOLERANCE:
        check_sums(contributions, raw)
        return
    with pytest.raises(DataError, match="1 of 2 rows"):
        check_sums(contributions, raw)


@given(st.data(), st.integers(1, 5), st.integers(1, 4))
def test_reasons_are_ranked_by_effect_then_by_their_order(data: st.DataObject, reasons: int, at_most: int) -> None:
    effect = st.sampled_from([-2.0, -1.0, 0.0, 1.0, 2.0])
    row = data.draw(st.lists(effect, min_size=reasons, max_size=reasons))
    told = data.draw(st.lists(st.booleans(), min_size=reasons, max_size=reasons))
    weight = [abs(one) if either else one for one, either in zip(row, told, strict=True)]
    order = sorted((index for index in range(reasons) if weight[index] > 0), key=lambda index: (-weight[index], index))
    found = ranked(np.array([[0.0] * reasons, row]), at_most=at_most, lowering=np.array(told))
    assert found.reason.tolist() == order[:at_most]
    assert found.rank.tolist() == list(range(1, len(order[:at_most]) + 1))
    assert found.effect.tolist() == [row[index] for index in order[:at_most]]
    assert set(found.row.tolist()) <= {1}


def test_a_number_is_spelled_to_two_decimals_and_never_loses_its_zeros() -> None:
    values = (100.0, 1200, 0.1 + 0.2, -0.004, -12.345, 0, "north")
    assert [spelled(value) for value in values] == ["100", "1,200", "0.3", "0", "-12.35", "0", "north"]


@pytest.mark.parametrize(
    ("templates", "told"),
    [
        ({"money": Template(features=("spent",), raises="")}, "dataset.reasons.money: no feature 'spent'"),
        ({"money": Template(features=(), raises="")}, "dataset.reasons.money: no feature"),
        ({"a": SPEND, "b": SPEND}, "dataset.reasons.b: spend is in a, too"),
        ({"plan": SPEND}, "dataset.reasons.plan: it has the name of a feature that is not in it"),
        ({"a": Template(features=("spend",), raises="{plan}")}, "'plan' in the text '{plan}'"),
        ({"a": Template(features=("spend",), raises="", lowers="{}")}, "'' in the text"),
        ({"a": Template(features=("spend",), raises="{spend:.1f}")}, "'spend' in the text"),
        ({"a": Template(features=("spend",), raises="{spend!r}")}, "'spend' in the text"),
        ({"a": Template(features=("spend",), raises="{spend.real}")}, "'spend.real' in the text"),
        ({"a": Template(features=("spend",), raises="{spend")}, "write {{ and }}"),
        ({"a": Template(features=("spend",), raises="", nulls={"plan": "no"})}, "no feature 'plan' in it"),
    ],
)
def test_templates_about_what_is_not_there_are_refused(templates: Mapping[str, Template], told: str) -> None:
    with pytest.raises(SettingsError) as refused:
        check_templates(templates, [feature.name for feature in FEATURES])
    assert told in str(refused.value)


def test_templates_are_the_same_after_json() -> None:
    assert Template.from_json(SPEND.to_json()) == SPEND
    check_templates({"spend": SPEND, "p": Template(features=("plan",), raises="{{{plan}}}")}, ["spend", "plan"])
