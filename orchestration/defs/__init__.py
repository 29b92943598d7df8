"""Dagster's shells, in the order in which data flows: thin, without arithmetic and SQL."""

import warnings

import dagster as dg

from orchestration.defs import automation, guard, judgement, landing, publication, warehouse
from orchestration.defs.common import delivery_days, progress_logger, warehouse_resource
from orchestration.governance.questions import QUESTIONS
from orchestration.settings import Settings


def build_definitions(settings: Settings) -> dg.Definitions:
    """Return the definitions of one company."""
    # Backfills in single runs are "beta" in Dagster 1.13; the cap on its version covers that.
    warnings.filterwarnings("ignore", "Parameter `backfill_policy`", dg.BetaWarning)
    days = delivery_days(settings)
    models = warehouse.dbt_models(settings)
    return dg.Definitions(
        assets=[
            *landing.delivered_files(settings),
            landing.acts(settings, days),
            *guard.feeds(settings, days),
            warehouse.registers(settings, days),
            warehouse.run_plan(settings, days),
            warehouse.models(settings, days),
            *(judgement.answer(question, days) for question in QUESTIONS),
            judgement.register_of_methods(days),
            judgement.unanswered_questions(days),
            judgement.standing_figures(settings, days),
            publication.mart_rules(settings, days),
            publication.snapshot(settings, days),
            publication.outbox(settings, days),
        ],
        jobs=[automation.daily_job(settings)],
        schedules=[automation.daily_schedule(settings)],
        sensors=[automation.landing_sensor(settings)],
        resources={"warehouse": warehouse_resource(settings), "dbt": models},
        loggers={"console": dg.colored_console_logger, "progress": progress_logger},
        # One warehouse has one writer, so one process: ten steps take 2 s in it and 47 s spread
        # over spawned processes (measured).
        executor=dg.in_process_executor,
    )
