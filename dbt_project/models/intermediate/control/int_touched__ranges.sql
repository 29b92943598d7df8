-- Grain: one row per range of production days that this run replaces; ranges do not meet.
-- Changed rows name their days through their contract, by the wall clock. A night shift began the
-- day before, and what ends on one day decides with what the next begins, so a day on either side
-- belongs to them. What time alone changes (a closing latency
-- window, an open state) lies after the previous as-of less the longest latency, a range that
-- `ops.touched` always holds.
{{ merged_ranges(source('ops', 'touched')) }}
