-- Grain: one row per site, month and line of the scorecard template in force.
-- Read by the site's management: value, n, finality, three verdicts and the 0-10 score. A line that
-- could not be measured says so and counts for nothing, least of all for zero: the total weighs
-- what was measured and says how much of the template that is.
{{ scorecard('site') }}
