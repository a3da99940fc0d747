"""What a full delivery no longer holds is withdrawn, but never on the word of a delivery that is itself in doubt."""

from datetime import datetime, timedelta

from pulling import NOW, MakeSettings, landed, pull, taxpayer
from scripted_registry import ScriptedRegistry

LATER = NOW + timedelta(days=7)


def in_force(settings: MakeSettings) -> list[str]:
    """Keys of what is landed and not withdrawn, the newest version of each."""
    newest = "_seq is not null qualify row_number() over (partition by _record_key order by updated_at desc, filename desc) = 1"
    kept = landed(settings(), "taxpayer", "tax_code, deleted", newest)
    return sorted(code for code, deleted in kept if deleted is not True)


def keys(numbers: range) -> list[str]:
    return [f"{number:010}" for number in numbers]


def test_a_full_pull_withdraws_what_is_no_longer_there(registry: ScriptedRegistry, settings: MakeSettings) -> None:
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(40)]
    pull(settings(), "taxpayer")
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(5, 40)]
    outcome = pull(settings(), "taxpayer", at=LATER, full=True)["taxpayer"]
    assert (outcome.rows_landed, outcome.rows_withdrawn, outcome.warnings) == (35, 5, ())
    assert in_force(settings) == keys(range(5, 40))


def test_a_record_that_comes_back_unchanged_is_in_force_again(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    everything = [taxpayer(number) for number in range(40)]
    for present, days in ((everything, 0), (everything[2:], 1), (everything, 2)):
        registry.tables["taxpayer"] = present
        pull(settings(), "taxpayer", at=NOW + timedelta(days=days), full=True)
    assert in_force(settings) == keys(range(40))


def test_a_delivery_that_lacks_too_much_withdraws_nothing_and_says_so(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(40)]
    pull(settings(), "taxpayer")
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(20)]
    outcome = pull(settings(), "taxpayer", at=LATER, full=True)["taxpayer"]
    assert (outcome.rows_withdrawn, in_force(settings)) == (0, keys(range(40)))
    assert "20 of 40 records held are not in the full delivery; they stay in force" in outcome.warnings[0]
    believed = pull(settings(withdrawn_percent=60), "taxpayer", at=LATER + timedelta(days=1), full=True)["taxpayer"]
    assert (believed.rows_withdrawn, in_force(settings)) == (20, keys(range(20)))


def test_a_delivery_that_is_not_what_was_announced_withdraws_nothing(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(40)]
    pull(settings(), "taxpayer")
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(1, 40)]
    registry.totals["taxpayer"] = 40
    outcome = pull(settings(), "taxpayer", at=LATER, full=True)["taxpayer"]
    assert outcome.rows_withdrawn == 0
    assert any("not what was announced" in warning for warning in outcome.warnings)


def test_a_record_that_was_set_aside_was_delivered(registry: ScriptedRegistry, settings: MakeSettings) -> None:
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(40)]
    pull(settings(), "taxpayer")
    registry.tables["taxpayer"][3] = taxpayer(3, kind="?")
    assert pull(settings(), "taxpayer", at=LATER, full=True)["taxpayer"].rows_withdrawn == 0


def test_a_full_pull_comes_due_by_itself(registry: ScriptedRegistry, settings: MakeSettings) -> None:
    weekly = settings(full_every_days=7)
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(40)]

    def kind(at: datetime) -> str | None:
        return pull(weekly, "taxpayer", at=at)["taxpayer"].kind

    assert [kind(NOW + timedelta(days=days)) for days in (0, 1, 6, 7, 8)] == [
        "full", "incremental", "incremental", "full", "incremental",
    ]  # fmt: skip
