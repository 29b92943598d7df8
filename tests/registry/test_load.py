"""What people declare is either sound or refused with file, place and remedy."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest
import yaml

from orchestration.registry.load import RegisterError, load_registers, register_tables
from orchestration.registry.model import ChartPlan
from orchestration.statistics.spc.rule_sets import read_convention

SHIPPED = Path(__file__).parents[2] / "seeds" / "registry"

SETUP_RATIO = {
    "id": "KPI011",
    "name": "Setup ratio",
    "question": "Of the time spent on orders, how much went into setting up?",
    "definition": "Setup minutes divided by setup and producing minutes.",
    "unit": "ratio",
    "direction": "lower",
    "timing": "leading",
    "domain": "production",
    "owner": "head-of-operations",
    "steward": "production-data-steward",
    "cadence": "daily",
    "sensitivity": "internal",
    "numerator": [{"measure": "setup_minutes"}],
    "denominator": [{"measure": "setup_minutes"}, {"measure": "producing_minutes"}],
    "grain": {"line": ["month"], "leader": ["month"]},
    "chart": {"kind": "i_mr", "why": "A ratio of times."},
    "versions": [{"version": 1, "valid_from": dt.date(2026, 1, 1), "change": "First."}],
}


@pytest.fixture
def company(tmp_path):
    """A company's own registers, empty so far."""
    folder = tmp_path / "registry"
    for part in ("kpis", "scorecards"):
        (folder / part).mkdir(parents=True)
    return folder


def write(path: Path, content: dict) -> None:
    path.write_text(yaml.safe_dump(content), encoding="utf-8")


def card(**changes) -> dict:
    shipped = yaml.safe_load((SHIPPED / "scorecards" / "leader_monthly.yml").read_text("utf-8"))
    return shipped | changes


def test_a_kpi_over_existing_measures_is_one_file_and_nothing_else(company):
    write(company / "kpis" / "setup_ratio.yml", SETUP_RATIO)

    tables = register_tables(load_registers([SHIPPED, company]), {})

    terms = [row for row in tables["kpi_terms"] if row["kpi_id"] == "KPI011"]
    assert [(row["role"], row["measure_id"]) for row in terms] == [
        ("numerator", "setup_minutes"),
        ("denominator", "setup_minutes"),
        ("denominator", "producing_minutes"),
    ]


def test_a_companys_file_replaces_the_shipped_one_and_changes_its_hash(company):
    shipped = load_registers([SHIPPED])
    grain = {"site": ["month"]}
    write(
        company / "kpis" / "mine.yml",
        SETUP_RATIO | {"id": "KPI008", "name": "Ours", "grain": grain},
    )

    own = load_registers([SHIPPED, company])

    assert own.kpis["KPI008"].name == "Ours"
    assert len(own.kpis) == len(shipped.kpis)
    hashes = [
        {row["kpi_id"]: row["definition_hash"] for row in register_tables(one, {})["kpis"]}
        for one in (shipped, own)
    ]
    assert {kpi for kpi in hashes[0] if hashes[0][kpi] != hashes[1][kpi]} == {"KPI008"}


def test_a_company_says_what_hangs_on_shipped_kpis_and_from_which_day_on(company):
    since = dt.date(2027, 1, 1)
    entry = {"kpi": "KPI006", "hang_on_it": ["pay", "promotion"], "since": since}
    write(company / "consequences.yml", {"consequences": [entry]})

    own = load_registers([SHIPPED, company])
    rows = {row["kpi_id"]: row for row in register_tables(own, {})["kpis"]}

    assert own.kpis["KPI006"].consequences == ("pay", "promotion")
    assert (rows["KPI006"]["has_consequences"], rows["KPI006"]["consequences_from_date"]) == (
        True,
        since,
    )
    # What is shipped does not know by what a company pays.
    assert not any(kpi.consequences for kpi in load_registers([SHIPPED]).kpis.values())

    write(company / "consequences.yml", {"consequences": [entry | {"kpi": "KPI999"}]})
    with pytest.raises(RegisterError, match="names the KPI 'KPI999', which has no file"):
        load_registers([SHIPPED, company])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"consequences": ["pay"]}, "`consequences` and `consequences_from` together"),
        ({"numerator": [{"measure": "setup_hours"}]}, "'setup_hours'"),
        ({"counter_kpis": ["KPI999"]}, "'KPI999'"),
        ({"owner": None}, "owner"),
        ({"direction": "up"}, "direction"),
        ({"grain": {}}, "at least one entity kind"),
        ({"formula": "setup / total"}, "formula"),
        ({"factors": [{"numerator": [], "denominator": []}]}, "factors"),
        ({"numerator": []}, "either `numerator`"),
        ({"numerator": [{"constant": 1}]}, "constants alone"),
        ({"numerator": [{"measure": "setup_minutes", "constant": 1}]}, "either a `measure`"),
        ({"absent_denominator_is_zero": True}, "divide by zero"),
        (
            {"bands": {"floor": 0.1, "threshold": 0.2, "target": 0.3, "stretch": 0.4}},
            "with direction lower",
        ),
    ],
)
def test_a_kpi_that_cannot_be_computed_or_judged_is_refused(company, change, said):
    write(company / "kpis" / "setup_ratio.yml", SETUP_RATIO | change)

    with pytest.raises(RegisterError, match=said):
        load_registers([SHIPPED, company])


def test_weights_that_do_not_sum_to_one_are_refused(company):
    items = [*card()["items"][:-1]]
    write(company / "scorecards" / "short.yml", card(version=2, items=items))

    with pytest.raises(RegisterError, match=r"sum to 0\.9\d*, not to 1"):
        load_registers([SHIPPED, company])


def test_a_card_may_only_ask_for_readings_that_the_kpi_file_expects(company):
    items = [{"kpi": "KPI006", "weight": 1}]
    write(company / "scorecards" / "daily.yml", card(id="daily", period_kind="day", items=items))

    with pytest.raises(RegisterError, match="`grain` does not list"):
        load_registers([SHIPPED, company])


def test_a_new_version_of_a_card_ends_the_one_before_it(company):
    write(company / "scorecards" / "new.yml", card(version=2, valid_from=dt.date(2026, 8, 1)))
    registers = load_registers([SHIPPED, company])

    versions = [
        (row["template_version"], row["valid_from"], row["valid_to"])
        for row in register_tables(registers, {})["scorecard_templates"]
        if row["template_id"] == "leader_monthly"
    ]

    assert versions == [
        (1, dt.date(2000, 1, 1), dt.date(2026, 7, 31)),
        (2, dt.date(2026, 8, 1), None),
    ]


def test_a_later_version_that_begins_no_later_is_refused(company):
    write(company / "scorecards" / "new.yml", card(version=2))

    with pytest.raises(RegisterError, match="both in force per leader"):
        load_registers([SHIPPED, company])


def test_a_file_that_is_no_yaml_is_named(tmp_path):
    folder = shutil.copytree(SHIPPED, tmp_path / "registry")
    (folder / "kpis" / "broken.yml").write_text("id: [", encoding="utf-8")

    with pytest.raises(RegisterError, match=r"broken\.yml: not readable as YAML"):
        load_registers([folder])


DEMO = Path(__file__).parents[2] / "seeds" / "companies" / "demo" / "registry"


def plan(**changes) -> dict:
    shipped = yaml.safe_load((DEMO / "pay_plans" / "line_bonus.yml").read_text("utf-8"))
    return shipped | changes


@pytest.fixture
def paying(company):
    """A company that says on which KPIs pay hangs."""
    hanging = [
        {"kpi": kpi, "hang_on_it": ["pay"], "since": "2027-01-01"}
        for kpi in ("KPI003", "KPI006", "KPI016", "KPI037")
    ]
    write(company / "consequences.yml", {"consequences": hanging})
    (company / "pay_plans").mkdir()
    return company


def test_a_pay_plan_is_tabulated_with_its_gates(paying):
    write(paying / "pay_plans" / "mine.yml", plan(gates=["KPI015"], cap=1.2))

    rows = register_tables(load_registers([SHIPPED, paying]), {})["pay_plan_items"]

    assert [(row["kpi_id"], float(row["weight"]), row["is_gate"]) for row in rows] == [
        ("KPI006", 0.6, False),
        ("KPI016", 0.4, False),
        ("KPI015", 0.0, True),
    ]
    assert {float(row["cap"]) for row in rows} == {1.2}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"items": [{"kpi": "KPI006", "weight": 0.9, "pay_at": [0, 1, 2]}]}, "the weights sum to"),
        ({"items": [{"kpi": "KPI006", "weight": 1, "pay_at": [1, 0.5, 2]}]}, "must rise"),
        ({"items": [{"kpi": "KPI999", "weight": 1, "pay_at": [0, 1, 2]}]}, "which has no file"),
        ({"items": [{"kpi": "KPI015", "weight": 1, "pay_at": [0, 1, 2]}]}, "on which no pay hangs"),
        ({"items": [{"kpi": "KPI037", "weight": 1, "pay_at": [0, 1, 2]}]}, "no monthly readings"),
        ({"gates": ["KPI003"]}, "no bands to pay along"),
        ({"gates": ["KPI006"]}, "listed twice"),
        ({"subject_kind": "leader"}, "subject_kind"),
    ],
)
def test_a_pay_plan_that_cannot_be_meant_is_refused(paying, changes, said):
    write(paying / "pay_plans" / "mine.yml", plan(**changes))

    with pytest.raises(RegisterError, match=said):
        load_registers([SHIPPED, paying])


def test_a_driver_of_a_later_folder_replaces_the_one_of_the_same_kpi_and_factor(company):
    why = "Our suppliers come by rail."
    mine = {"kpi": "KPI006", "factor": "FREIGHT_INDEX", "role": "shared", "why": why}
    write(company / "drivers.yml", {"drivers": [mine]})

    drivers = register_tables(load_registers([SHIPPED, DEMO, company]), {})["kpi_drivers"]

    roles = {(row["kpi_id"], row["factor_id"]): row["role_code"] for row in drivers}
    assert roles["KPI006", "FREIGHT_INDEX"] == "shared"
    assert roles["KPI006", "PMI"] == "exogenous"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kpi": "KPI999"}, "which has no file"),
        ({"role": "causal"}, "role"),
        ({"why": "so"}, "why"),
        ({"lag_months": -1}, "lag_months"),
    ],
)
def test_a_driver_that_cannot_be_meant_is_refused(company, changes, said):
    one = {"kpi": "KPI006", "factor": "RAIN", "role": "exogenous", "why": "Water in the cellar."}
    write(company / "drivers.yml", {"drivers": [one | changes]})

    with pytest.raises(RegisterError, match=said):
        load_registers([SHIPPED, company])


def test_a_driver_is_declared_once(company):
    one = {"kpi": "KPI006", "factor": "RAIN", "role": "exogenous", "why": "Water in the cellar."}
    write(company / "drivers.yml", {"drivers": [one, one]})

    with pytest.raises(RegisterError, match="declared twice"):
        load_registers([SHIPPED, company])


CHECK = {
    "id": "written_minutes", "kind": "heaping", "events": "failure_minutes", "subject": "KPI033",
    "round_every": 10, "plans": ["site_monthly"], "why": "Here they write tens of minutes.",
}  # fmt: skip
PILE = {
    "id": "mine", "kind": "bunching", "events": "line_days", "level": "stretch",
    "plans": ["site_monthly"], "why": "Readings that gather where pay is capped.",
}  # fmt: skip


def test_a_company_replaces_a_check_of_steered_figures_and_adds_its_own(company):
    write(company / "gaming.yml", {"checks": [CHECK, PILE]})

    tables = register_tables(load_registers([SHIPPED, company]), {})

    checks = {row["check_id"]: row for row in tables["gaming_checks"]}
    assert checks["written_minutes"]["round_every"] == 10
    assert checks["mine"]["level_name"] == "stretch"
    assert checks["pile_at_target"]["event_source"] == "line_days"
    plans = {(row["check_id"], row["plan_id"]) for row in tables["gaming_check_plans"]}
    assert {("written_minutes", "site_monthly"), ("mine", "site_monthly")} <= plans


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (CHECK | {"plans": ["gold_plan"]}, "neither a scorecard nor a pay plan"),
        (CHECK | {"events": "ticket_closures"}, "a check of heaping reads failure_minutes or"),
        (CHECK | {"subject": None}, "any other kind a `subject`"),
        (CHECK | {"round_every": 2}, "round_every"),
        (PILE | {"level": None}, "give bunching a `level`"),
        (PILE | {"subject": "KPI006"}, "and no `subject`"),
        (PILE | {"plans": []}, "name the `plans`"),
    ],
)
def test_a_check_of_steered_figures_that_cannot_be_meant_is_refused(company, check, said):
    write(company / "gaming.yml", {"checks": [check]})

    with pytest.raises(RegisterError, match=said):
        load_registers([SHIPPED, company])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kpi": "KPI999"}, "no reading of a KPI"),
        ({"kpi": "KPI037"}, "no reading of a KPI"),
        ({"second_source": "Slips"}, "second_source"),
        ({"tolerance": -1}, "tolerance"),
    ],
)
def test_a_spot_check_of_what_is_never_computed_is_refused(company, changes, said):
    shipped = yaml.safe_load((DEMO / "spot_checks.yml").read_text("utf-8"))
    drawn = [shipped["checks"][0] | changes]
    write(company / "spot_checks.yml", shipped | {"checks": drawn})

    with pytest.raises(RegisterError, match=said):
        load_registers([SHIPPED, company])


AHEAD = {"leading": "KPI037", "lagging": "KPI044", "why": "What is late here is late there."}


def test_a_companys_leads_take_the_place_of_the_shipped_ones(company):
    said = {"least_leading_weight": 0.5, "least_lagging_weight": 0.5, "pairs": [AHEAD]}
    write(company / "leading.yml", said)

    tables = register_tables(load_registers([SHIPPED, company]), {})

    assert tables["kpi_leads"] == [{"leading_kpi_id": "KPI037", "lagging_kpi_id": "KPI044"}]
    (row,) = tables["card_balance"]
    assert {name: float(share) for name, share in row.items()} == {
        "least_leading_weight": 0.5,
        "least_lagging_weight": 0.5,
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pairs": [AHEAD | {"leading": "KPI999"}]}, "'KPI999' as leading, which no file"),
        ({"pairs": [AHEAD | {"leading": "KPI006"}]}, "'KPI006' as leading, which no file"),
        ({"pairs": [AHEAD | {"lagging": "KPI049"}]}, "'KPI049' as lagging, which no file"),
        ({"pairs": [AHEAD, AHEAD]}, "declared twice"),
        ({"least_leading_weight": 0.7}, "sum to more than 1"),
    ],
)
def test_a_lead_that_no_file_of_a_kpi_bears_out_is_refused(company, changes, said):
    fair = {"least_leading_weight": 0.2, "least_lagging_weight": 0.4, "pairs": [AHEAD]}
    write(company / "leading.yml", fair | changes)

    with pytest.raises(RegisterError, match=said):
        load_registers([SHIPPED, company])


AUDIT = """
id: ratings
title: Ours
declared_on: 2024-01-01
favourable_points: 4
ratio_cut: 0.9
alpha: 0.01
least_members: 20
references: {gender: female}
strata: {level: possibly_tainted}
"""
TRIAL = """
id: faster
title: Faster
question: Are they faster?
kpi: KPI009
decided_on: 2025-01-15
smallest_effect: 0.01
decision: Rolled out if it is worth it.
waves:
  - {starts_on: 2025-03-01, lines: [L1, L2]}
  - {starts_on: 2025-06-01, lines: [L3]}
"""


def with_file(folder, kind, text):
    (folder / kind).mkdir()
    (folder / kind / "ours.yml").write_text(text, encoding="utf-8")
    return load_registers([SHIPPED, folder])


def test_a_company_declares_its_own_cuts_for_the_audit(tmp_path):
    tables = register_tables(with_file(tmp_path, "audits", AUDIT), {})

    (row,) = tables["audit_attributes"]
    assert (row["attribute_name"], row["reference_group_code"]) == ("gender", "female")
    assert (float(row["ratio_cut"]), row["least_members"]) == (0.9, 20)
    assert (row["site_role"], row["level_role"]) == (None, "possibly_tainted")


STEPS = """
least_fidelity: 0.75
steps:
  - {id: trained, title: All trained, due: 2025-02-28, lines: [L1, L2]}
  - {id: trained, title: All trained, due: 2025-05-31, lines: [L3]}
  - {id: tools, title: Tools there, due: 2025-02-15}
"""


def test_steps_of_a_trial_are_those_of_all_its_lines_or_of_the_named_ones(tmp_path):
    tables = register_tables(with_file(tmp_path, "trials", TRIAL + STEPS), {})

    assert {
        (row["line_id"], row["step_id"]): str(row["due_date"]) for row in tables["trial_steps"]
    } == {
        ("L1", "trained"): "2025-02-28", ("L2", "trained"): "2025-02-28",
        ("L3", "trained"): "2025-05-31", ("L1", "tools"): "2025-02-15",
        ("L2", "tools"): "2025-02-15", ("L3", "tools"): "2025-02-15",
    }  # fmt: skip
    assert len(tables["trial_steps"]) == 6
    assert [float(row["least_fidelity"]) for row in tables["trials"]] == [0.75]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("due: 2025-02-15", "due: 2025-01-14", "before the trial was decided on"),
        ("2025-05-31, lines: [L3]", "2025-05-31, lines: [L9]", "names L9, which no wave has"),
        ("2025-05-31, lines: [L3]", "2025-05-31", "trained of L1 is declared twice"),
        ("2025-05-31, lines: [L3]", "2025-05-31, lines: []", "lines"),
        ("least_fidelity: 0.75", "least_fidelity: 1.1", "least_fidelity"),
    ],
)
def test_a_step_that_nobody_can_be_held_to_is_refused(tmp_path, old, new, said):
    assert old in STEPS
    with pytest.raises(RegisterError, match=said):
        with_file(tmp_path, "trials", TRIAL + STEPS.replace(old, new))


def test_a_trial_names_its_lines_by_wave(tmp_path):
    tables = register_tables(with_file(tmp_path, "trials", TRIAL), {})

    assert [row["trial_id"] for row in tables["trials"]] == ["faster"]
    assert [(row["line_id"], str(row["starts_on_date"])) for row in tables["trial_lines"]] == [
        ("L1", "2025-03-01"), ("L2", "2025-03-01"), ("L3", "2025-06-01"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("decided_on: 2025-01-15", "decided_on: 2025-03-01", "written down before the start"),
        ("lines: [L3]", "lines: [L2]", "L2 begins twice"),
        ("starts_on: 2025-06-01", "starts_on: 2025-06-02", "is no first day of a month"),
        ("kpi: KPI009", "kpi: KPI999", "no KPI with a monthly reading of lines"),
        ("smallest_effect: 0.01", "smallest_effect: 0", "smallest_effect"),
    ],
)
def test_a_trial_that_could_be_read_as_one_likes_is_refused(tmp_path, old, new, said):
    with pytest.raises(RegisterError, match=said):
        with_file(tmp_path, "trials", TRIAL.replace(old, new))


@pytest.mark.parametrize(
    ("chart", "said"),
    [
        ({"kind": "i_mr", "when_rare": "t"}, "takes the place of a u or laney_u chart"),
        ({"kind": "g", "rules": "nelson"}, "a g chart has no zones of sigma, which nelson asks"),
        ({"kind": "g", "beside": {"kind": "ewma"}}, "which ewma asks for"),
        ({"kind": "none", "rules": "limits"}, "a KPI without a chart has no rules"),
        ({"kind": "i_mr", "rules": ["nelson_9"]}, "chart.rules.0"),
        (
            {"kind": "i_mr", "baseline": {"first": "2025-06-01", "last": "2025-01-01"}},
            "the baseline ends on 2025-01-01, not after 2025-06-01",
        ),
        ({"kind": "i_mr", "when_not_in_control": "hide"}, "chart.when_not_in_control"),
        ({"kind": "none", "when_not_in_control": "refuse"}, "a KPI without a chart has no rules"),
        ({"kind": "p"}, "KPI011 has a p chart, which needs binomial counts, and setup_minutes is"),
        ({"kind": "c"}, "KPI011 has a c chart, which needs no denominator: take u"),
    ],
)
def test_a_chart_that_does_not_fit_its_kpi_is_refused_in_one_sentence(company, chart, said):
    write(company / "kpis" / "mine.yml", SETUP_RATIO | {"chart": {"why": "Because.", **chart}})

    with pytest.raises(RegisterError, match=said):
        load_registers([SHIPPED, company])


def test_a_chart_plan_says_its_rules_as_one_convention(company):
    chart = {
        "kind": "i_mr",
        "rules": ["western_electric", "nelson_3"],
        "beside": {"kind": "cusum", "interval": 4},
        "why": "Slow drift.",
    }
    write(company / "kpis" / "mine.yml", SETUP_RATIO | {"chart": chart})
    rows = register_tables(load_registers([SHIPPED, company]), {})["kpis"]
    said = {row["kpi_id"]: row["rule_set"] for row in rows}

    assert said["KPI011"] == "western_electric+nelson_3+cusum(0.5,4)"
    assert said["KPI034"] == "nelson_1_2+ewma(0.2,2.86)"
    assert said["KPI006"] == "nelson_1_2"
    assert all(read_convention(convention) for convention in said.values())


def test_a_plan_that_says_nothing_new_has_the_hash_that_it_always_had():
    """Else every approved KPI would be called in question by a newer version of Steelyard."""
    plan = ChartPlan(kind="i_mr", why="A ratio of times.")

    assert plan.model_dump(mode="json") == {
        "kind": "i_mr", "baseline_readings": 24, "why": "A ratio of times.",
    }  # fmt: skip


BENCHMARK = """
id: peers
kpi: KPI006
title: Peers
source: A survey of members
published_on: 2026-03-01
period_end: 2025-12-31
units: 84
definition: 1
profile: {industry: metal_products, employees: 420}
percentiles: {25: 0.56, 50: 0.63, 75: 0.70}
"""


def test_a_benchmark_says_what_its_units_are_and_what_is_not_known_stays_open(tmp_path):
    tables = register_tables(with_file(tmp_path, "benchmarks", BENCHMARK), {})

    [row] = tables["benchmarks"]
    assert (row["industry_code"], row["process_code"], row["employee_count"]) == (
        "metal_products", None, 420,
    )  # fmt: skip
    assert (float(row["p50_level"]), row.get("p10_level"), row["per_doubling"]) == (0.63, None, 0)
    [policy] = tables["benchmark_policy"]
    assert float(sum(policy[f"{one}_weight"] for one in ("industry", "process", "region", "size")))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("75: 0.70", "75: 0.60", "rise with their share"),
        ("50: 0.63, ", "", r"give the median \(50\)"),
        ("50: 0.63", "60: 0.63", "percentiles"),
        ("definition: 1", "definition: 1.1", "definition"),
        ("kpi: KPI006", "kpi: KPI999", "no KPI with a better side"),
        ("kpi: KPI006", "kpi: KPI057", "no KPI with a better side"),
    ],
)
def test_a_benchmark_that_cannot_be_read_one_way_is_refused(tmp_path, old, new, said):
    with pytest.raises(RegisterError, match=said):
        with_file(tmp_path, "benchmarks", BENCHMARK.replace(old, new))


def test_a_bound_of_a_unit_stands_beside_the_shipped_one_of_all(company):
    bound = {"kpi": "KPI010", "org_unit": "S-1", "bound": 0.99, "why": "The oven loses one in 100."}
    write(company / "capacity.yml", {"bounds": [bound]})
    capacity = load_registers([SHIPPED, company]).capacity
    assert [float(capacity["KPI010", unit].bound) for unit in (None, "S-1")] == [1, 0.99]

    write(company / "capacity.yml", {"bounds": [bound, bound]})
    with pytest.raises(RegisterError, match="KPI010 of S-1 has two bounds"):
        load_registers([SHIPPED, company])
