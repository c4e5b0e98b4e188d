"""The prepayment balance: credit, emergency credit, friendly hours, top-ups. Milli-pence throughout.

There is one balance. Below zero it is emergency credit that is spent; when that is gone the supply goes off,
but not in friendly hours. A top-up takes a while to reach the meter. The customer is simulated, too.
"""

EMERGENCY_CREDIT = 500000
LOW_CREDIT = 200000
LAST_CREDIT = 50000
TOP_UP = 1500000
TOP_UP_TIME = 90000  # ms from the first digit typed to the meter's receipt

# States, the indices of texts.ACCOUNT.
CREDIT = 0
LOW = 1
EMERGENCY = 2
FRIENDLY = 3
OFF = 4
TOPPING_UP = 5


class Account:
    """``credit`` at the supplier, below zero when borrowed, and the ``state`` it is in."""

    def __init__(self, credit):
        self.credit = credit
        self.state = CREDIT
        self._top_up_left = 0

    def shown(self):
        """The amount that goes with the state: what may still be spent, or what is owed."""
        if self.state == EMERGENCY:
            return EMERGENCY_CREDIT + self.credit
        return max(0, self.credit) if self.state == TOPPING_UP else abs(self.credit)

    def may_restart(self):
        """False while money is on its way, and on the last emergency credit, which must stay in view."""
        if self._top_up_left > 0:
            return False
        return self.state != EMERGENCY or self.shown() >= LAST_CREDIT

    def advance(self, elapsed, charge, minute, working_day):
        """``charge`` was used in ``elapsed`` ms; minute and kind of day say which rules hold."""
        credit = self.credit - charge
        if self._top_up_left > 0:
            self._top_up_left -= elapsed
            if self._top_up_left <= 0:
                credit += TOP_UP
        elif credit < LOW_CREDIT // 2 and 480 <= minute < 1260:  # the customer is up and about
            self._top_up_left = TOP_UP_TIME
        self.credit = credit
        if credit > 0:
            self.state = CREDIT if credit >= LOW_CREDIT else LOW
        elif credit > -EMERGENCY_CREDIT:
            self.state = EMERGENCY
        else:
            # Never cut off in the evening, at night or on a day off.
            self.state = OFF if working_day and 600 <= minute < 960 else FRIENDLY
        if self._top_up_left > 0 and self.state != OFF:
            self.state = TOPPING_UP
