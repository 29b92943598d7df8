-- Grain: one row per point: a bit for each of Nelson's rules 1 to 8 that it completes.
-- Reads `points`: series_id, position (from 1, without holes), value (null where missing), centre
-- and sigma. A point within 1e-9 sigma of a line is on it.
with

measured as (

    select
        series_id,
        position,
        value - centre as offset_value,
        sigma,
        1e-9 * sigma as near,
        value - lag(value) over (partition by series_id order by position) as step
    from points

),

coded as (

    select
        series_id,
        position,
        coalesce(offset_value > near, false) as is_above,
        coalesce(offset_value < -near, false) as is_below,
        coalesce(step > near, false) as is_rising,
        coalesce(step < -near, false) as is_falling,
        coalesce(offset_value > sigma + near, false) as is_above_1,
        coalesce(offset_value < -(sigma + near), false) as is_below_1,
        coalesce(offset_value > 2 * sigma + near, false) as is_above_2,
        coalesce(offset_value < -(2 * sigma + near), false) as is_below_2,
        coalesce(abs(offset_value) > 3 * sigma + near, false) as is_beyond,
        coalesce(abs(offset_value) <= sigma + near, false) as is_within
    from measured

),

turned as (

    select
        *,
        (is_rising and lag(is_falling) over last_points)
        or (is_falling and lag(is_rising) over last_points) as is_turn
    from coded
    window last_points as (partition by series_id order by position)

)

select
    series_id,
    position,
    case when is_beyond then 1 else 0 end
    + case
        when bool_and(is_above) over last_9 or bool_and(is_below) over last_9
            then case when position >= 9 then 2 else 0 end
        else 0
    end
    + case
        when bool_and(is_rising) over last_5 or bool_and(is_falling) over last_5
            then case when position >= 6 then 4 else 0 end
        else 0
    end
    + case when bool_and(is_turn) over last_12 and position >= 14 then 8 else 0 end
    + case
        when
            position >= 3
            and (
                (is_above_2 and count(*) filter (is_above_2) over last_3 >= 2)
                or (is_below_2 and count(*) filter (is_below_2) over last_3 >= 2)
            )
            then 16
        else 0
    end
    + case
        when
            position >= 5
            and (
                (is_above_1 and count(*) filter (is_above_1) over last_5 >= 4)
                or (is_below_1 and count(*) filter (is_below_1) over last_5 >= 4)
            )
            then 32
        else 0
    end
    + case when bool_and(is_within) over last_15 and position >= 15 then 64 else 0 end
    + case
        when
            position >= 8
            and bool_and(is_above_1 or is_below_1) over last_8
            and bool_or(is_above_1) over last_8
            and bool_or(is_below_1) over last_8
            then 128
        else 0
    end as violated
from turned
window
    last_3 as (
        partition by series_id order by position rows between 2 preceding and current row
    ),
    last_5 as (
        partition by series_id order by position rows between 4 preceding and current row
    ),
    last_8 as (
        partition by series_id order by position rows between 7 preceding and current row
    ),
    last_9 as (
        partition by series_id order by position rows between 8 preceding and current row
    ),
    last_12 as (
        partition by series_id order by position rows between 11 preceding and current row
    ),
    last_15 as (
        partition by series_id order by position rows between 14 preceding and current row
    )
