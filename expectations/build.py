"""Checks on a finished build, before it is published."""

from datetime import date
from pathlib import Path

from common.settings import Settings
from common.values import Progress
from expectations.context import ask
from expectations.suite_files import written_checks
from expectations.verdicts import Bench, Verdict


def check_build(settings: Settings, build: Path, *, run: str, as_of: date, progress: Progress) -> list[Verdict]:
    """Judge `builds/<run>/build.duckdb`, opened read-only.

    A check whose table does not exist fails at its level: a promise nobody can look at is not kept.
    """
    checks = written_checks("build", as_of=as_of)
    counts = ask(build, checks, build=settings.build, task="Checks on the build", progress=progress)
    bench = Bench(run, settings)
    return [bench.rule_on(check, counts[check]) for check in checks]
