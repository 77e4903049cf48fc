# %% [markdown]
# # Write your own orchestrator
#
# **The question.** An orchestrator sounds like a hundred thousand lines. How few does it take
# until a dead container comes back without a person? And what do the other lines do?
#
# Words with a meaning of their own are in the [glossary](../docs/glossary.md).

# %%
from dataclasses import dataclass, fields, replace
from typing import ClassVar

import pandas as pd

import sim
from sim.control.api import Cluster, Loop, Rank, start_again
from sim.platforms.compose import PLATFORM as COMPOSE
from sim.platforms.kubernetes import PLATFORM as KUBERNETES

# %% [markdown]
# ## 1. Ten choices
#
# A platform is a record with ten fields. `None`: nobody does it, so the operator does. This is the
# whole difference between two of them:

# %%
pd.DataFrame({
    field.name: [type(getattr(one, field.name)).__name__ for one in (COMPOSE, KUBERNETES)]
    for field in fields(sim.Platform)
}, index=["compose", "kubernetes"]).T.replace("NoneType", "-")  # fmt: skip

# %% [markdown]
# Compose's `DockerRestarts` follows the file's `restart:`, and the article's file says "no".
#
# ## 2. A choice is a record with a loop
#
# `run(cluster)` is the loop: it waits by `yield`, looks at the cluster's records, and acts by the
# cluster's verbs. This one starts again whatever has ended. Its first look is at a random moment
# (drawn from the seed): else it would tick in step with the fault, which is due at minute 5 sharp.


# %%
@dataclass(frozen=True)
class Watchdog:
    """Every `every_s` seconds: start again what has ended."""

    capability: ClassVar[str] = "self_healing"
    every_s: float = 10.0

    def run(self, cluster: Cluster) -> Loop:
        yield cluster.clock.after(self.every_s * cluster.random("watchdog"), Rank.RUNTIME)
        while True:
            for container in cluster.containers:
                if container.state == "exited" and container.server.alive:
                    start_again(cluster, container, "started again by the watchdog")
            yield cluster.clock.after(self.every_s, Rank.RUNTIME)


watchdog = replace(COMPOSE, self_healing=Watchdog())
sim.add_platform("watchdog", watchdog, "Compose and ten lines of Python", extends="compose")

# %% [markdown]
# ## 3. Predict
#
# Compose was closed for four minutes, Kubernetes for none. And Compose with the watchdog? What is
# that time made of, and which part of it can a better watchdog not take away?

# %%
three = sim.compare("container_crash", ["compose", "watchdog", "kubernetes"], seed=1)
three.figures.loc[["downtime_s", "availability", "operator.pages", "cost.usd"]].round(3)

# %% tags=["check"]
down = three.figures.loc["downtime_s"]
assert 5 < down.watchdog < 30
assert down.compose > 100
assert down.kubernetes == 0
assert three.figures.watchdog["operator.pages"] == 0

# %%
three.plot()

# %% [markdown]
# Up to ten seconds until it looks, then the boot of the process. The boot stays, however often it
# looks. Kubernetes boots as long; it had two other replicas that served meanwhile. Self-healing
# brings a container back; it is the *spare* that hides that it was away.
#
# ## 4. Change one number
#
# A platform that you added is set like any other.

# %%
rows = {}
for every_s in (1.0, 10.0, 60.0, 300.0):
    settings = {"watchdog.self_healing.every_s": every_s}
    nights = sim.run("container_crash", "watchdog", seed=1, reps=5, settings=settings).per_seed
    rows[f"every {every_s:g} s"] = nights[["downtime_s", "operator.pages"]].mean()
pd.DataFrame(rows).T

# %% tags=["check"]
seconds = pd.DataFrame(rows).T.downtime_s
assert seconds.is_monotonic_increasing
assert seconds.iloc[0] < 15
assert seconds.iloc[-1] > 60

# %% [markdown]
# ## 5. What the other lines do
#
# Now a version that crashes whenever it starts. **Predict**: how often does the watchdog start it
# in the quarter of an hour after the deploy? How often does Kubernetes?

# %%
crash = {"scenario.events": [{
    "at": "10m",
    "deploy": {"service": "http", "rollback": False,
               "version": {"name": "v2", "crashes_at_start": True}},
}], "scenario.horizon": "25m"}  # fmt: skip
bad = sim.compare("bad_rollout", ["watchdog", "kubernetes"], seed=1, settings=crash)
starts = bad.timeline[bad.timeline.event == "restart"].groupby("platform").size()
print(starts.rename("restarts").to_string())
bad.figures.loc[["downtime_s", "availability", "operator.minutes"]].round(3)

# %% tags=["check"]
assert starts.watchdog > 3 * starts.kubernetes
assert bad.figures.watchdog["downtime_s"] > 600
assert bad.figures.kubernetes["downtime_s"] == 0

# %% [markdown]
# **The answer.** Ten lines bring back a container. The rest is what they do not know: that a start
# that failed will fail again (back-off), that a process can live and not answer (probes), that a
# replica may stop only when another is ready (rolling updates), that a dead server's containers
# belong elsewhere (scheduling). Each is one more of the ten fields, and most real ones are a loop
# not much longer than this. Kubernetes' own are in `sim/control/`; [a reading
# order](../docs/reading_order.md) leads there.
#
# **One number to change:** give the watchdog a back-off. Keep for each `container.id` when it was
# last started, and double the wait each time. Then fill a second field: `replace(watchdog,
# health_checks=...)`. As a file `platforms/watchdog.py` in your folder, with the record as
# `PLATFORM`, it is there in `sim list`, too: [the guide](../docs/own_orchestrator.md) builds such
# a file, with a rule and constants that name their sources.
