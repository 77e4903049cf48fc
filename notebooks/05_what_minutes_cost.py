# %% [markdown]
# # What the operator's minutes cost
#
# **The question.** A container is dead. One command, typed in seconds, starts it again.
# Why is the shop closed for four minutes, sometimes for an hour? And what is worth paying for: a
# faster alarm, a second phone, or a machine that types the command?
#
# Words with a meaning of their own are in the [glossary](../docs/glossary.md).

# %%
import matplotlib.pyplot as plt
import pandas as pd

import sim

NIGHTS = 24
LONG = {"scenario.horizon": "90m", "scenario.traffic.rate": "2/s"}  # room for a missed page


def nights(**settings: object) -> pd.DataFrame:
    """The same container is killed under Compose, `NIGHTS` times: one row each."""
    changed = LONG | {path.replace("__", "."): value for path, value in settings.items()}
    result = sim.run("container_crash", "compose", seed=1, reps=NIGHTS, settings=changed)
    return result.per_seed.loc["compose"]


# %% [markdown]
# ## 1. Predict
#
# - Of the time that the shop is closed, what share are the operator's hands on the keyboard?
# - Twenty-four nights: how long is the middle one, and how long the worst?

# %%
first = sim.run("container_crash", "compose", seed=1)
print(first.story())

# %%
marks = first.timeline.drop_duplicates("text")
parts = pd.DataFrame({"until": marks.text, "seconds": marks.t_s.diff()}).dropna()
parts[parts.seconds >= 1].round().reset_index(drop=True)

# %%
plain = nights()
print(f"middle of {NIGHTS} nights: {plain.downtime_s.median() / 60:4.1f} min closed")
print(f"the worst of them:   {plain.downtime_s.max() / 60:4.1f} min")
print(f"hands on keyboard:   {plain['operator.minutes'].mean():4.1f} min on average")

# %% tags=["check"]
assert 180 < plain.downtime_s.median() < 330
assert plain["operator.minutes"].mean() < 2
assert plain.downtime_s.max() > 1.5 * plain.downtime_s.median()

# %% [markdown]
# Her work is a minute. The rest is *waiting to be her turn*: monitoring needs three failed checks,
# the phone rings, she finds the laptop. That is why a platform does not save much of an operator's
# time here, and saves nearly all of the users'.
#
# ## 2. What would you buy?
#
# - **faster alarm**: detection in 15 s instead of 60 to 90
# - **no monitoring**: users call, after a quarter of an hour on average (what having none costs)
# - **at three**: three in the morning; she is asleep, and one page in ten is not heard at all
# - **at three, second phone**: the same, and no page is missed
#
# **Predict** the middle night and the worst of each. A run ends 85 minutes after the fault.

# %%
bought = {
    "as it is": plain,
    "faster alarm": nights(stack__operator__detect="15s"),
    "no monitoring": nights(stack__operator__monitoring=False),
    "at three": nights(scenario__starts_at="3h"),
    "at three, second phone": nights(
        scenario__starts_at="3h", stack__operator__night__missed_page="0%"
    ),
}
closed = pd.DataFrame({name: each.downtime_s / 60 for name, each in bought.items()})
closed.agg(["mean", "median", "max"]).T.round(1)

# %%
figure, axes = plt.subplots(figsize=(9, 3.4))
for row, name in enumerate(reversed(closed.columns)):
    axes.plot(closed[name], [row] * NIGHTS, "o", ms=6, alpha=0.45, color="#D55E00", mew=0)
    axes.plot(closed[name].median(), row, "|", ms=22, mew=2.5, color="black")
axes.set_yticks(range(len(bought)), list(reversed(closed.columns)))
axes.set(xscale="log", xlabel="minutes closed (logarithmic): dots are nights, bars the middle ones")
axes.set_xticks([2, 5, 10, 20, 50], ["2", "5", "10", "20", "50"])
axes.minorticks_off()
axes.set_title("The same dead container")
axes.spines[["top", "right"]].set_visible(False)

# %% tags=["check"]
middle, mean, worst = closed.median(), closed.mean(), closed.max()
assert middle["faster alarm"] < middle["as it is"] - 0.5
assert mean["no monitoring"] > 2 * mean["as it is"]
assert middle["at three"] > middle["as it is"] + 1
assert worst["at three"] > 60
assert worst["at three, second phone"] < 0.7 * worst["at three"]
assert abs(middle["at three, second phone"] - middle["at three"]) < 1.5

# %% [markdown]
# The faster alarm takes its minute from *every* night. The second phone hardly moves the middle
# night and takes away the ones that people remember. That is what a mean hides, and why one looks
# at all nights. By day three pages in a hundred are missed: none in these twenty-four, and none
# seen is not none.
#
# ## 3. In money
#
# Every price here is an assumption; put yours in. The shop takes `TAKES` a minute while it is
# open, her hour costs `WAGE`, and each page costs an hour of follow-up beside the minutes (what
# happened, who is told, how it never happens again).

# %%
TAKES, WAGE, FOLLOW_UP_H = 40.0, 80.0, 1.0


def costs(each: pd.DataFrame) -> pd.Series:
    """US dollars of a mean incident, by who pays."""
    hours = each["operator.minutes"] / 60 + each["operator.pages"].clip(upper=1) * FOLLOW_UP_H
    return pd.Series({
        "sales lost": (each.downtime_s / 60).mean() * TAKES, "her time": hours.mean() * WAGE,
    })  # fmt: skip


machine = sim.run("container_crash", "kubernetes", seed=1, reps=6, settings=LONG).per_seed
table = pd.DataFrame({name: costs(each) for name, each in bought.items()}).T
table.loc["Kubernetes"] = costs(machine)
table["an incident"] = table.sum(axis=1)
table.round(0).astype(int)

# %%
hourly = {
    "Compose, one server": plain["cost.usd"].mean() / plain["cost.server_hours"].mean(),
    "Kubernetes, three": 3 * machine["cost.usd"].mean() / machine["cost.server_hours"].mean(),
}
rent = 24 * 30 * pd.Series(hourly)
more = rent.iloc[1] - rent.iloc[0]
saved = table.loc["as it is", "an incident"] - table.loc["Kubernetes", "an incident"]
print(rent.round(0).rename("US dollars a month").to_string())
print(f"Two more servers: ${more:.0f} a month; one dead container less: ${saved:.0f}.")
print(f"They pay from {more / saved:.1f} such incidents a month on.")

# %% tags=["check"]
assert machine.downtime_s.max() == 0
assert 200 < more < 400
assert 0.3 < more / saved < 4

# %% [markdown]
# **The answer.** Not her minutes: her *absence*. Her time costs a shop of this size less than a
# hundred dollars an incident, the waiting for her twice that, and in a bad night thousands. So
# what is worth buying is what acts before she is there. But count the incidents, too: below one a
# month the two additional servers cost more than they save, and a small shop with Compose and a
# second phone is not being foolish. (Learning and running Kubernetes takes hours that no run here
# can show.)
#
# **One number to change:** `TAKES`. From how many dollars a minute on does Kubernetes pay with one
# incident in a quarter? Then read how often a quarter really brings one: `python -m sim quarter`.
