"""Three lessons as instructors might write them, on data drawn here: hospitals, teams, persons.

* ``hospitals``: two kinds, nothing significant;
* ``teams``: a moderator that is a number, controls of both levels, a second level-1 predictor
  whose slope varies, tests at .01, slides left out and one added, questions of one's own;
* ``persons``: repeated measures, each person at the same occasions, so that there is no Model 3;
  the lecture begins with intercepts alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

HOSPITALS = """
data = "hospitals.csv"
about = "Recovery after hip surgery; the numbers are made up."

[model]
predictor = "age"
moderator = "teaching"
second = "beds"

[outcome]
column = "recovery"
label = "recovery"
mean = "mean recovery"
unit = "point"

[unit]
one = "patient"

[group]
column = "hospital"
one = "hospital"

[predictors.age]
level = 1
label = "age"
unit = "year"
higher = "the older patient"

[predictors.beds]
level = 2
label = "hospital size"
unit = "bed"

[predictors.teaching]
level = 2
label = "teaching status"

[predictors.teaching.codes]
FALSE = { name = "non-teaching", one = "a non-teaching hospital", many = "non-teaching hospitals" }
TRUE = { name = "teaching", one = "a teaching hospital", many = "teaching hospitals" }
"""

TEAMS = """
data = "teams.csv"
about = "Satisfaction in the teams of one firm; the numbers are made up."
institution = "University of Somewhere"
course = "Organizational research"
author = "A. Teacher"
date = "Spring"

[model]
predictor = "workload"
moderator = "support"
second = "size"
controls = ["tenure", "remote"]
beside = "autonomy"
beside_varies = true
alpha = 0.01

[slides]
leave_out = [4, 28]
order = [16, 15]
own = [{ after = 17, file = "break.md" }]

[outcome]
column = "satisfaction"
label = "job satisfaction"
unit = "point"

[unit]
one = "employee"

[group]
column = "team"
one = "team"

[predictors.workload]
level = 1
label = "workload"
unit = "hour of workload"
higher = "the employee with more to do"

[predictors.autonomy]
level = 1
label = "autonomy"
unit = "scale point of autonomy"

[predictors.tenure]
level = 1
label = "tenure"
unit = "year of tenure"

[predictors.support]
level = 2
label = "leader support"
unit = "scale point of leader support"

[predictors.size]
level = 2
label = "team size"
unit = "member"

[predictors.remote]
level = 2
label = "place of work"

[predictors.remote.codes]
no = { name = "on-site", one = "an on-site team", many = "on-site teams" }
yes = { name = "remote", one = "a remote team", many = "remote teams" }

[[questions]]
id = "slope_at_two"
task = "In Model 2, which slope of workload is expected two points above average support?"
key = "gamma(m2, 'workload_c') + 2 * gamma(m2, 'support_gdm:workload_c')"
decimals = 2
hints = ["Start from γ10.", "Add γ11 once for each point."]
wrong = [
  { value = "gamma(m2, 'workload_c')", reply = "That is the slope at average support." },
  { value = "2 * gamma(m2, 'support_gdm:workload_c')", reply = "That is the difference alone." },
]
"""

BREAK = """## A pause for thought

Model 2 expects a slope of {{ n(est(m2, "gamma10")) }} at average support.

```python
round(m2.fixed_effects["estimate"], 2)
```
"""

PERSONS = """
data = "persons.csv"
about = "Mood on six days; the numbers are made up."

[model]
predictor = "day"
moderator = "training"
start = "intercepts"

[outcome]
column = "mood"
label = "mood"
unit = "point"

[unit]
one = "evening"

[group]
column = "person"
one = "person"
many = "persons"

[predictors.day]
level = 1
label = "time"
unit = "day"
slope = "trend"
higher = "the later evening"

[predictors.training]
level = 2
label = "training"

[predictors.training.codes]
0 = { name = "waiting", one = "a person on the waiting list", many = "persons on the waiting list" }
1 = { name = "trained", one = "a trained person", many = "trained persons" }
"""


def hospitals() -> pd.DataFrame:
    """Patients in hospitals, without any effect at level 2."""
    rng = np.random.default_rng(11)
    j = np.repeat(np.arange(40), rng.integers(15, 30, 40))
    age = rng.normal(68, 8, len(j)).round()
    mean, slope = rng.normal(0, 2, 40), rng.normal(-0.05, 0.25, 40)
    y = 50 + mean[j] + slope[j] * (age - 68) + rng.normal(0, 6, len(j))
    return pd.DataFrame(
        {
            "hospital": [f"H{k:02d}" for k in j],
            "teaching": np.where(np.arange(40) % 3 == 0, "TRUE", "FALSE")[j],
            "beds": rng.integers(120, 900, 40)[j],
            "age": age,
            "recovery": y.round(1),
        }
    )


def teams() -> pd.DataFrame:
    """Employees in teams: support softens what workload does."""
    rng = np.random.default_rng(12)
    j = np.repeat(np.arange(60), rng.integers(8, 16, 60))
    n = len(j)
    support, size, remote = rng.normal(3.2, 0.7, 60).round(1), np.bincount(j), np.arange(60) % 2
    work, autonomy = rng.normal(40, 5, n).round(), rng.normal(3, 1, n).round(1)
    tenure = rng.gamma(2, 3, n).round(1)
    u = rng.multivariate_normal([0, 0, 0], [[9, 0, 0], [0, 0.09, 0], [0, 0, 1]], 60)
    slope = -0.6 + 0.45 * (support - 3.2) + u[:, 1]
    y = 60 + 3 * (support - 3.2)[j] + u[j, 0] + slope[j] * (work - 40) + 0.2 * tenure
    y += (1.5 + u[j, 2]) * (autonomy - 3) + 1.0 * remote[j] + rng.normal(0, 4, n)
    return pd.DataFrame(
        {
            "team": j + 1,
            "support": support[j],
            "size": size[j],
            "remote": np.where(remote == 1, "yes", "no")[j],
            "workload": work,
            "autonomy": autonomy,
            "tenure": tenure,
            "satisfaction": y.round(1),
        }
    )


def persons() -> pd.DataFrame:
    """Six evenings of each of 36 persons."""
    rng = np.random.default_rng(13)
    j, day = np.repeat(np.arange(36), 6), np.tile(np.arange(6), 36)
    trained = np.arange(36) % 2
    slope = 0.2 + 0.8 * trained + rng.normal(0, 0.5, 36)
    y = 20 + rng.normal(0, 3, 36)[j] + slope[j] * day + rng.normal(0, 1.5, 216)
    return pd.DataFrame({"person": j + 101, "training": trained[j], "day": day, "mood": y.round(1)})


LESSONS = {
    "hospitals": (HOSPITALS, hospitals),
    "teams": (TEAMS, teams),
    "persons": (PERSONS, persons),
}


def put_lesson(name: str, folder: Path) -> Path:
    """The lesson file of one of the three, with its data and slides beside it."""
    text, data = LESSONS[name]
    folder.mkdir(parents=True, exist_ok=True)
    data().to_csv(folder / f"{name}.csv", index=False)
    (folder / "break.md").write_text(BREAK, encoding="utf-8")
    path = folder / "my_lesson.toml"
    path.write_text(text, encoding="utf-8")
    return path
