"""How a record writes down who it is about: SQL for each identity field, with the dirt of real life.

One draw per record decides which one thing is wrong with it, so that a wrong number and a wrong name never meet:
a person the registries know stays recognisable to a careful reader. `p` is always the alias of `person`.
"""

PLACEHOLDERS = "['000000000000', '999999999999', '012345678901', '111111111111', '123456789012']"

_UNTONED, _RESPELLED = (0.0, 0.030), (0.030, 0.040)
_MISSING, _MISTYPED, _PLACEHOLDER, _SHARED = (0.040, 0.070), (0.070, 0.075), (0.075, 0.079), (0.079, 0.082)
_SI_MISTYPED, _SI_IS_CITIZEN_ID = (0.082, 0.085), (0.085, 0.125)


def full_name(record: str) -> str:
    """SQL of the name as this record spells it: capitals, NFD, no tones, other spelling."""
    decomposed = f"u({record}, 'nfd') < 0.03 * p.dirt"
    spelled = (
        f"case when {_drawn(record, _UNTONED)} then p.name_plain when {_drawn(record, _RESPELLED)} then p.name_variant"
        f" when {decomposed} then p.name_nfd else p.full_name end"
    )
    return f"case when u({record}, 'upper') < 0.06 * p.dirt then upper({spelled}) else {spelled} end"


def citizen_id(record: str) -> str:
    """SQL of the 12-digit id: missing, mistyped, a placeholder, or one that half an office shares."""
    return (
        f"case when {_drawn(record, _MISSING)} then null"
        f" when {_drawn(record, _MISTYPED)} then mistyped(p.citizen_id, {record})"
        f" when {_drawn(record, _PLACEHOLDER)} then pick({PLACEHOLDERS}, {record}, 'placeholder')"
        f" when {_drawn(record, _SHARED)} then pick(getvariable('shared_ids'), {record}, 'shared')"
        " else p.citizen_id end"
    )


def old_id(record: str) -> str:
    """SQL of the 9-digit id: given where the new one is missing, and by some offices anyway."""
    return f"case when {_drawn(record, _MISSING)} or u({record}, 'old') < 0.15 then p.old_id end"


def si_number(record: str, day: str) -> str:
    """SQL of the insurance number; from 8/2025 it may be the 12-digit id."""
    return (
        f"case when {_drawn(record, _SI_MISTYPED)} then mistyped(p.si_number, {record})"
        f" when {_drawn(record, _SI_IS_CITIZEN_ID)} and {day} >= date '2025-08-01' and p.citizen_id is not null"
        " then p.citizen_id else p.si_number end"
    )


def hi_card(record: str) -> str:
    """SQL of the health card: 15 characters on older cards, the bare insurance number on newer ones."""
    return (
        f"case when u({record}, 'card') < 0.6 then p.card_prefix || p.si_number"
        f" when {_drawn(record, _MISSING)} then null else p.si_number end"
    )


def birth_date(record: str) -> str:
    return f"case when u({record}, 'birth') < 0.01 * p.dirt then strftime(p.birth, '%Y') else p.birth_text end"


def document(record: str) -> str:
    """SQL of (id_kind, id_number) as one struct, the way a tax form names a person."""
    return (
        "case when p.passport_no is not null and p.citizen_id is null"
        " then {kind: 'passport', number: p.passport_no}"
        f" when {_drawn(record, _MISSING)} and p.old_id is not null then {{kind: 'old', number: p.old_id}}"
        f" else {{kind: 'citizen', number: {citizen_id(record)}}} end"
    )


def _drawn(record: str, share: tuple[float, float]) -> str:
    low, high = share
    below = f"u({record}, 'dirt') < {high} * p.dirt"
    return below if low == 0 else f"(u({record}, 'dirt') >= {low} * p.dirt and {below})"
