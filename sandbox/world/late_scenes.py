"""Every planted unit that pays late, and every unit that only looks late, as a plan over its books."""

from datetime import timedelta

from sandbox.world.late_cases import RULES, Books, Scene


def _partly(books: Books) -> None:
    books.stop(0)
    books.pay(books.deadline(books.overdue[0]), books.total(books.overdue[0]) * 3 // 5)


def _late_then_short(books: Books) -> None:
    """The older month paid 18 days late and only in part; the newest not at all."""
    books.stop(1)
    books.pay(books.deadline(books.overdue[1]) + timedelta(days=18), books.total(books.overdue[1]) // 3)


def _urged(books: Books) -> None:
    books.stop(3)
    books.remind(3, up_to=2)


def _urged_for_long(books: Books) -> None:
    books.stop(7)
    books.remind(7, after=9, up_to=7)
    books.remind(5, after=9, up_to=2)


def _urged_today(books: Books) -> None:
    books.stop(3)
    books.reminders.append((books.as_of, books.overdue[2]))


def _urged_tomorrow(books: Books) -> None:
    books.stop(3)
    books.reminders.append((books.as_of + timedelta(days=1), books.overdue[2]))


def _urged_too_early(books: Books) -> None:
    books.stop(3)
    books.remind(3, after=-5)
    books.remind(3, after=0)


def _urged_for_earlier_months(books: Books) -> None:
    books.move(5, 40)
    books.stop(3)
    books.remind(5, after=9)


def _urged_for_half(books: Books) -> None:
    """Two of four old months are covered by the reminder, the others not."""
    books.stop(5)
    books.remind(5, after=40, up_to=4)


def _one_month_missed(books: Books) -> None:
    """One month left out long ago: every later payment fills the month before it and is late for it."""
    books.skip(8)
    _cycle_not_over(books)


def _adjusted_upwards(books: Books) -> None:
    """A back-charge of the oldest open month that the unit never paid."""
    total = books.total(books.overdue[2])
    books.adjust(2, "si", total // 2000 * 1000)
    _cycle_not_over(books)


def _back_charged(books: Books) -> None:
    """Only two months open, yet a back-charge makes them more than three months' worth."""
    books.adjust(0, "si", books.total(books.overdue[0]) * 5)
    books.stop(0)


def _back_charged_a_little(books: Books) -> None:
    books.adjust(0, "si", books.total(books.overdue[0]))
    books.stop(0)


def _struck(books: Books) -> None:
    books.stop(4)
    books.decide("force_majeure", books.overdue[4], books.months[-1])


def _struck_in_part(books: Books) -> None:
    """Force majeure for the two oldest open months only."""
    books.stop(4)
    books.decide("force_majeure", books.overdue[4], books.overdue[3])
    books.remind(2)


def _pausing(books: Books) -> None:
    books.stop(3)
    books.decide("pause", books.overdue[3], books.months[-1] + 3)


def _pausing_but_paying_the_rest(books: Books) -> None:
    """The retirement part rests, the other funds are paid month by month; one is allocated in the month's order."""
    month = books.overdue[0]
    books.decide("pause", month, books.months[-1] + 3)
    books.stop(0)
    books.pay(books.deadline(month), books.total(month) - books.dues[month, "si"].amount)


def _caught_up(books: Books) -> None:
    """A pause that ended and was caught up before the last day."""
    first, last = books.overdue[8], books.overdue[6]
    books.decide("pause", first, last)
    for index in (6, 7, 8):
        month = books.overdue[index]
        si = books.dues[month, "si"].amount
        on_time, caught_up = books.deadline(month) - timedelta(days=3), books.deadline(last) - timedelta(days=1)
        books.payments[month] = [(on_time, books.total(month) - si), (caught_up, si)]


def _always_on_the_last_day(books: Books) -> None:
    for index in range(len(books.overdue)):
        books.move(index, 0)


def _late_but_in_full(books: Books) -> None:
    books.move(2, 25)
    books.move(4, 70)
    books.move(5, 95)


def _paid_yesterday(books: Books) -> None:
    books.stop(4)
    books.remind(4)
    books.pay(books.as_of - timedelta(days=1), sum(books.total(month) for month in books.overdue[:5]))


def _paid_ahead(books: Books) -> None:
    """Three months' worth at once, then nothing for two months: the credit carries."""
    for index in (3, 4):
        amount = books.total(books.overdue[index])
        books.skip(index)
        books.payments[books.overdue[5]].append((books.deadline(books.overdue[5]) - timedelta(days=2), amount))


def _credited(books: Books) -> None:
    """A negative adjustment larger than the month's retirement part pays the month after."""
    following = books.total(books.overdue[2])
    rest = books.total(books.overdue[3]) - books.dues[books.overdue[3], "si"].amount
    books.adjust(3, "si", -books.dues[books.overdue[3], "si"].amount - following)
    books.payments[books.overdue[3]] = [(books.deadline(books.overdue[3]) - timedelta(days=3), rest)]
    books.skip(2)


def _cycle_not_over(books: Books) -> None:
    """Nothing paid yet for the months whose cycle still runs."""
    for month in books.months:
        if month not in books.overdue:
            books.payments[month] = []


SCENES = (
    Scene("newest month unpaid", lambda books: books.stop(0), workers=9),
    Scene("newest month unpaid, small unit", lambda books: books.stop(0), workers=2),
    Scene("newest month paid in part", _partly),
    Scene("two months unpaid", lambda books: books.stop(1), ("CD06",), workers=6),
    Scene("older month paid late and in part", _late_then_short),
    Scene("three months unpaid, never urged", lambda books: books.stop(2), ("CD03",)),
    Scene("four months unpaid, urged after the deadline", _urged, workers=12),
    Scene("eight months unpaid, urged twice", _urged_for_long, workers=24),
    Scene("urged on the very day", _urged_today),
    Scene("the reminder is dated tomorrow", _urged_tomorrow, ("CD03",)),
    Scene("the reminder was sent before and on the deadline", _urged_too_early, ("CD03",)),
    Scene("the reminder covers earlier months only", _urged_for_earlier_months, ("CD03",)),
    Scene("the reminder covers half of the open months", _urged_for_half, ("CD03",)),
    Scene("six months unpaid, never urged", lambda books: books.stop(5), ("CD03",), workers=15),
    Scene("one month missed long ago, paid on since", _one_month_missed, ("CD06",)),
    Scene("a back-charge was never paid", _adjusted_upwards),
    Scene("a large back-charge makes three months' worth", _back_charged),
    Scene("a small back-charge stays under three months' worth", _back_charged_a_little, ("CD06",)),
    Scene("cycle of three months, last closed cycle unpaid", lambda books: books.stop(2), cycle=3),
    Scene("cycle of three months, two cycles unpaid and urged", _urged_for_long, cycle=3, workers=5),
    Scene("cycle of six months, last closed cycle unpaid", lambda books: books.stop(5), cycle=6),
    Scene("work ended with four months unpaid", lambda books: books.stop(3), ended_months_ago=13, workers=8),
    Scene("work ended with two months unpaid, urged", _urged, ended_months_ago=10),
    Scene("force majeure over every open month", _struck, ("CD06",), workers=7),
    Scene("force majeure over the two oldest open months", _struck_in_part),
    Scene("pause still running, nothing paid", _pausing),
    Scene("pause still running, other funds paid", _pausing_but_paying_the_rest, ("CD06",)),
    Scene("pause caught up in time", _caught_up, RULES),
    Scene("always paid on the last day", _always_on_the_last_day, RULES, workers=8),
    Scene("paid late but in full", _late_but_in_full, RULES, workers=6),
    Scene("everything paid yesterday", _paid_yesterday, RULES),
    Scene("paid ahead, the credit carries", _paid_ahead, RULES),
    Scene("a negative adjustment pays the next month", _credited, RULES),
    Scene("cycle of three months not over", _cycle_not_over, ("CD01", "CD02", "CD04", "CD06"), cycle=3),
    Scene("cycle of six months not over", _cycle_not_over, ("CD01", "CD02", "CD04", "CD06"), cycle=6),
)
