"""What the screen says, in English and in Welsh: every text is a pair, and both have the same gaps.

The two stand side by side so that neither is forgotten; a test holds them to each other and to the width.
"""

WEEKDAYS = (
    ("Mon", "Llun"),
    ("Tue", "Maw"),
    ("Wed", "Mer"),
    ("Thu", "Iau"),
    ("Fri", "Gwe"),
    ("Sat", "Sad"),
    ("Sun", "Sul"),
)
MONTHS = (
    ("Jan", "Ion"),
    ("Feb", "Chw"),
    ("Mar", "Maw"),
    ("Apr", "Ebr"),
    ("May", "Mai"),
    ("Jun", "Meh"),
    ("Jul", "Gor"),
    ("Aug", "Awst"),
    ("Sep", "Medi"),
    ("Oct", "Hyd"),
    ("Nov", "Tach"),
    ("Dec", "Rhag"),
)
TITLE = "%s %d %s %02d:%02d:%02d  %s"
# By dates' numbers of the holidays; the last one is for every other day.
DAYS = (
    ("New Year's Day", "Dydd Calan"),
    ("Good Friday", "Y Groglith"),
    ("Easter Monday", "Llun y Pasg"),
    ("Early May holiday", "Gŵyl Calan Mai"),
    ("Spring holiday", "Gŵyl y Gwanwyn"),
    ("Summer holiday", "Gŵyl yr Haf"),
    ("Christmas Day", "Dydd Nadolig"),
    ("Boxing Day", "Gŵyl San Steffan"),
    ("Electricity", "Trydan"),
)
# By the level: low, medium, high.
NOW = (
    ("Now %d.%02d kW, low", "Nawr %d.%02d kW, isel"),
    ("Now %d.%02d kW, medium", "Nawr %d.%02d kW, canolig"),
    ("Now %d.%02d kW, high", "Nawr %d.%02d kW, uchel"),
)
TODAY = ("Today %d.%03d kWh, yesterday %d.%d", "Heddiw %d.%03d kWh, ddoe %d.%d")
# By tariff's bands.
COST = (
    ("Cost today £%d.%02d, night %d.%02dp", "Cost heddiw £%d.%02d, nos %d.%02dc"),
    ("Cost today £%d.%02d, day %d.%02dp", "Cost heddiw £%d.%02d, dydd %d.%02dc"),
    ("Cost today £%d.%02d, peak %d.%02dp", "Cost heddiw £%d.%02d, brig %d.%02dc"),
)
# By prepayment's states.
ACCOUNT = (
    ("Credit £%d.%02d", "Credyd £%d.%02d"),
    ("Credit £%d.%02d is low", "Credyd £%d.%02d yn isel"),
    ("Emergency credit £%d.%02d", "Credyd argyfwng £%d.%02d"),
    ("Friendly hours, £%d.%02d owed", "Oriau cyfeillgar, dyled £%d.%02d"),
    ("Supply is off, £%d.%02d owed", "Dim cyflenwad, dyled £%d.%02d"),
    ("£%d.%02d, a top-up is on its way", "£%d.%02d, credyd ar ei ffordd"),
)
# By the level: low, moderate, high.
CARBON = (
    ("Carbon %d g/kWh, low", "Carbon %d g/kWh, isel"),
    ("Carbon %d g/kWh, moderate", "Carbon %d g/kWh, cymedrol"),
    ("Carbon %d g/kWh, high", "Carbon %d g/kWh, uchel"),
)
GREENEST = ("Greenest electricity at %02d:00", "Trydan gwyrddaf am %02d:00")
# By the band that comes.
NEXT = (
    ("Night rate from %02d:%02d, %d.%02dp", "Cyfradd nos o %02d:%02d, %d.%02dc"),
    ("Day rate from %02d:%02d, %d.%02dp", "Cyfradd dydd o %02d:%02d, %d.%02dc"),
    ("Peak rate from %02d:%02d, %d.%02dp", "Cyfradd brig o %02d:%02d, %d.%02dc"),
)
STANDING = ("Standing charge %d.%02dp a day", "Tâl sefydlog %d.%02dc y dydd")
TIPS = (
    ("Boil only as much water as you need", "Berwch ddim ond y dŵr sydd ei angen"),
    ("Wash clothes at 30 degrees", "Golchwch ddillad ar 30 gradd"),
    ("Turn the heating down by one degree", "Trowch y gwres i lawr un radd"),
    ("Switch off at the wall, not to standby", "Diffoddwch wrth y wal"),
    ("Dry clothes outside when you can", "Sychwch ddillad y tu allan"),
    ("Stop the draughts at doors and windows", "Cadwch ddrafftiau allan"),
    ("Close the curtains at dusk", "Caewch y llenni gyda'r nos"),
    ("Charge the car at the night rate", "Gwefrwch y car ar gyfradd y nos"),
)
# The last row has both languages at once: a person may read it out to a helpdesk that speaks the other one.
# By ImageUpgradeStatus, then WAITS.
UPDATE = (
    "No update / Dim diweddariad",
    "Update %d %% / Diweddaru",
    "Update received / Wedi dod i law",
    "Update ready / Yn barod",
    "Update starts soon / Cychwyn cyn hir",
    "Update incomplete / Anghyflawn",
    "Update ready / Yn barod",
    "Update waits for credit / Aros am gredyd",
)
WAITS = 7
