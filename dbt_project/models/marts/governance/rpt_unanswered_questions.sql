-- Grain: one row per question that Python is asked and part of it that has no answer.
-- The method raised an exception on this part: its rows are missing in what reads the answer, and
-- the next run asks again. Of the exception's words those that its rows hold are left out.
select
    cast(question as varchar) as question_id,
    cast(part_column as varchar) as part_column,
    cast(part as varchar) as part_id,
    cast(error as varchar) as error_code,
    cast(text as varchar) as error_text
from {{ source('statistics', 'unanswered_questions') }}
