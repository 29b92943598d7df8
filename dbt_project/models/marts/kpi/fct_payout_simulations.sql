-- Grain: one row per pay plan, window that is paid on, and whether readings are drawn towards their
-- mean first.
-- What a plan would pay for if the same performance were measured again and again, over all whom it
-- would pay together; nobody is named. Computed by orchestration/governance/payouts.py.
select
    cast(plan_id as varchar) as plan_id,
    cast(plan_version as bigint) as plan_version,
    cast(subject_kind as varchar) as subject_kind,
    cast(window_months as bigint) as window_months,
    cast(is_drawn_in as boolean) as is_drawn_in,
    cast(participant_count as bigint) as participant_count,
    cast(month_count as bigint) as month_count,
    cast(expected_pay as double) as expected_pay,
    cast(pay_low as double) as pay_low,
    cast(pay_high as double) as pay_high,
    cast(overpaid as double) as overpaid,
    cast(underpaid as double) as underpaid,
    cast(luck_share as double) as luck_share,
    cast(better_earns_less_share as double) as better_earns_less_share,
    cast(same_pay_share as double) as same_pay_share,
    cast(best_earns_most_share as double) as best_earns_most_share,
    cast(cliff_share as double) as cliff_share,
    cast(refusal as varchar) as refusal
from {{ source('statistics', 'payout_simulations') }}
