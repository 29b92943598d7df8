"""Templates of a company beside the standard ones."""

from pathlib import Path

import pytest

from orchestration.registry.load import RegisterError, load_registers

STANDARD = Path(__file__).parents[2] / "seeds" / "registry"
TEMPLATE = """
id: {id}
version: {version}
title: Our card
subject_kind: site
period_kind: month
valid_from: {valid_from}
items: [{{kpi: KPI006, weight: 1}}]
"""


def company(folder, **facts):
    (folder / "scorecards").mkdir()
    (folder / "scorecards" / "ours.yml").write_text(TEMPLATE.format(**facts), encoding="utf-8")
    return load_registers([STANDARD, folder])


def test_a_company_replaces_a_standard_card_by_its_id_and_version(tmp_path):
    registers = company(tmp_path, id="site_monthly", version=1, valid_from="2010-01-01")

    titles = [card.title for card in registers.scorecards if card.subject_kind == "site"]
    assert titles == ["Our card"]


def test_two_cards_for_one_kind_of_subject_at_one_time_are_refused(tmp_path):
    with pytest.raises(RegisterError, match=r"site_monthly version 1 .* both in force per site"):
        company(tmp_path, id="a_second_card", version=1, valid_from="2030-01-01")


def test_the_standard_cards_are_in_force_for_any_history():
    assert {card.valid_from.year for card in load_registers([STANDARD]).scorecards} == {2000}
