"""Control charts: limits, run rules, and the judgement of many series at once.

What a signal means (good, bad, will the target be met) does not belong here: that needs the KPI's
direction and target and is in `orchestration.governance.verdicts`.
"""
