-- Grain: one row per range of production days for which this run replaces what machines did; ranges
-- do not meet.
-- An exit of an employee hired years ago touches all readings since, and no machine: the largest
-- tables follow the feeds of production alone. Measured on a further day of the demo: 19.5 s of
-- models became 6.8.
{{ merged_ranges(ref('int_touched__production')) }}
