# %% [markdown]
# # A rollout gone wrong
#
# **The question.** A new version of the API is deployed, and it is bad. What decides how many
# users meet it: the platform, the way it is rolled out, or the way in which the version is bad?
#
# Words with a meaning of their own are in the [glossary](../docs/glossary.md).

# %%
import matplotlib.pyplot as plt
import pandas as pd

import sim

BOTH = ["compose", "kubernetes"]


def failed(result: sim.Result) -> pd.Series:
    """Requests that arrived and were not answered well, by platform."""
    return result.figures.loc["requests.arrived"] - result.figures.loc["requests.succeeded"]


# %% [markdown]
# ## 1. Four versions
#
# The same deploy, at minute ten, four requests a second. The new version is fine; or it crashes
# when it starts; or it starts and answers half of the requests with 500; or it leaks 4 MiB per
# request.
#
# **Predict** for Compose and for Kubernetes: which of the four is the worst? For which of them
# does a rolling update protect users completely, and for which not at all?

# %%
versions = {
    "good": "bad_rollout:good",
    "crashes": "bad_rollout",
    "errors": "bad_rollout:errors",
    "leaks": "bad_rollout:leak",
}
runs = {name: sim.compare(scenario, BOTH, seed=1) for name, scenario in versions.items()}
pd.DataFrame({name: failed(result) for name, result in runs.items()}).astype(int)

# %% tags=["check"]
lost = pd.DataFrame({name: failed(result) for name, result in runs.items()})
assert lost.loc["kubernetes", "good"] == 0
assert lost.loc["kubernetes", "crashes"] == 0
assert lost.loc["kubernetes", "errors"] > 20
assert 0 < lost.loc["kubernetes", "leaks"] < 50
assert lost.loc["compose"].idxmax() == "leaks"
assert lost.loc["compose", "good"] > 10

# %%
runs["crashes"].plot()

# %% [markdown]
# Under Compose even the good version is an outage of seconds: all of the old one stops before the
# new one starts. The one that crashes is an outage until somebody has built the old image again.
# Under Kubernetes nobody noticed it: the old replicas stay until the new one is *ready*, and it
# never was.
#
# ## 2. What readiness cannot see
#
# Now the version that starts well and answers half of the requests with 500.

# %%
print(runs["errors"].story())

# %% [markdown]
# The rolling update ran to its end, replica by replica, with every probe green. Readiness asks
# whether an answer comes, not whether it is right. It was a person who saw it, and she watched,
# because it was her own deploy. Where the hands went:

# %%
people = ["operator.minutes", "downtime_s", "degraded_s", "recover_s"]
runs["errors"].figures.loc[people].round(1)

# %% tags=["check"]
minutes = runs["errors"].figures.loc["operator.minutes"]
assert minutes.compose - minutes.kubernetes > 8
assert minutes.kubernetes > 10

# %% [markdown]
# On both she needs ten minutes until she is sure that it is the deploy: finding out is the largest
# part of published incidents. From there it is nine minutes more on one platform (find the commit,
# build the image) and one command on the other, as the old replicas' image is still there. That is
# the difference between the platforms here: not that the bad version is kept out, but how fast it
# goes.
#
# ## 3. Five ways to let it in
#
# The same bad version under Kubernetes, by five strategies. `canary` gives it one of four replicas
# and measures the answers for a minute, `auto_rollback` measures during an ordinary rolling
# update, and with both nobody watches. `blue_green` starts a full second set and switches
# everybody at once.
#
# **Predict** the order, from the fewest users hit to the most.

# %%
ERRORS = [
    {"at": "10m", "deploy": {"service": "http", "version": {"name": "v2", "error_rate": "50%"}}}
]
strategies = {
    "rolling update": sim.run("bad_rollout:errors", "kubernetes", reps=5),
    "recreate": sim.run(
        "bad_rollout:recreate", "kubernetes", reps=5, settings={"scenario.events": ERRORS}
    ),
    "blue/green": sim.run("bad_rollout:blue_green", "kubernetes", reps=5),
    "automatic rollback": sim.run("bad_rollout:auto_rollback", "kubernetes", reps=5),
    "canary": sim.run("bad_rollout:canary", "kubernetes", reps=5),
}
hit = pd.DataFrame({
    name: (result.per_seed["requests.arrived"] - result.per_seed["requests.succeeded"])
    .loc["kubernetes"]
    for name, result in strategies.items()
})  # fmt: skip
order = hit.mean().sort_values().index
figure, axes = plt.subplots(figsize=(9, 3))
axes.barh(order, hit[order].mean(), color="#D55E00", height=0.55)
for row, name in enumerate(order):
    axes.plot(hit[name], [row] * len(hit), "|", color="black", ms=12)
axes.set(xlabel="requests not answered well (bar: mean; marks: five seeds)")
axes.set_title("The same bad version, five ways to let it in")
axes.spines[["top", "right"]].set_visible(False)

# %% tags=["check"]
means = hit.mean()
assert means.idxmin() == "canary"
assert means["automatic rollback"] < means["rolling update"]
assert means["blue/green"] > 2 * means["canary"]

# %%
print(strategies["canary"].story())

# %% [markdown]
# **The answer.** The way in which the version is bad decides most. If it does not start, a rolling
# update keeps it from everybody. If it starts and errs, every platform lets it in, and what counts
# is the share of users that meets it times the time until somebody, or something, looks at
# *answers*. A canary keeps both small. It does not keep them at zero: its users are the
# measurement.
#
# ## 4. Change one number
#
# A rarer error is harder to see. **One number to change:** `error_rate`. Below which rate does the
# canary's analysis (at least 95 % good answers, once a minute) let it pass?


# %%
def canary(rate: str) -> sim.Result:
    """The canary with a version that fails in `rate` of its answers."""
    version = {"name": "v2", "error_rate": rate}
    deploy = {"service": "http", "version": version, "rollback": False}
    settings = {"scenario.events": [{"at": "10m", "deploy": deploy}]}
    return sim.run("bad_rollout:canary", "kubernetes", seed=1, settings=settings)


for rate in ("50%", "20%", "5%", "2%"):
    result = canary(rate)
    last = result.timeline[result.timeline.text.str.contains("canary of api v2")].iloc[-1]
    print(f"{rate:>4}: {failed(result).item():4.0f} requests hit; {last.text}")

# %% tags=["check"]
assert "aborted" in canary("20%").story()
assert "canary of api v2 is complete" in canary("2%").story()

# %% [markdown]
# Two in a hundred pass every measurement: each allows five. At five in a hundred it is luck
# whether a minute's sample says so. A stricter `kubernetes.rolling_updates.analysis.success` finds
# more, and sends good versions back: what would you set it to with four requests a second?
