-- Grain: one row per question that Python is asked.
-- By which method its answer came about, how that method decides what tools and textbooks decide
-- otherwise, and its version, so that an auditor can tell two figures by two methods apart. Which
-- marts read an answer the lineage shows.
select
    cast(question as varchar) as question_id,
    cast(method as varchar) as method_name,
    cast(sources as varchar) as source_names,
    cast(convention as varchar) as convention,
    cast(version as bigint) as method_version
from {{ source('statistics', 'methods') }}
