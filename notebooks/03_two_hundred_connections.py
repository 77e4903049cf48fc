# %% [markdown]
# # Two hundred connections, one hundred seats
#
# **The question.** Ten API processes and ten workers, each with a pool of ten: two hundred
# database connections are possible. PostgreSQL has a hundred slots and keeps three for its
# administrators. Does that fail, when, and for whom? And who can repair it?
#
# Words with a meaning of their own are in the [glossary](../docs/glossary.md).

# %%
import matplotlib.pyplot as plt
import pandas as pd

import sim

FIGURES = [
    "availability", "downtime_s", "connections.peak", "connections.refused",
    "connections.containers_refused", "requests.failed.db_refused",
    "requests.failed.pool_timeout", "operator.minutes", "latency_s.p99",
]  # fmt: skip

# %% [markdown]
# ## 1. Count what is needed
#
# A catalogue query takes 70 ms of the database. Little's law: connections in use = arrival rate
# times the time for which each is held.

# %%
limits = sim.load_scenario("connection_limits")
for rate in (5, 100):
    print(f"{rate:3} requests/s x 0.070 s = {rate * 0.070:.2f} connections in use")

# %% [markdown]
# Five requests a second is the ordinary traffic. Between minute 15 and 40 there is a flash sale in
# each minute: a hundred a second, for three seconds. The database has four cores.
#
# ## 2. Predict
#
# - How many connections are *open* after ten minutes of ordinary traffic? One?
# - The flash sale offers seven cores of work to four. Whose fault will the errors be?
# - Kubernetes restarts what fails and scales what is busy. Does it do better here?

# %%
both = sim.compare(limits, ["compose", "kubernetes"], seed=1)
both.figures.loc[FIGURES].round(3)

# %% tags=["check"]
found = both.figures
for name in ("compose", "kubernetes"):
    assert 300 < found.loc["connections.refused", name] < 2000
    assert found.loc["connections.peak", name] > 97
    assert found.loc["operator.minutes", name] > 5
assert abs(found.loc["availability"].diff().iloc[-1]) < 0.02

# %%
both.plot("connections")

# %% [markdown]
# Both platforms fail alike, and the repair is the same: a person raises `max_connections` to 300
# and restarts everything. Restarts are what an orchestrator does for a living; it does not know
# that slots in a database are something to be counted.
#
# The quiet minutes tell why. One connection at a time would do, and yet:

# %%
quiet = both.series.query("platform == 'compose' and 300 <= t_s < 900")
print(f"in use: {5 * 0.070:.2f} on average; open: {quiet.connections.mean():.0f}")

# %% tags=["check"]
assert quiet.connections.mean() > 10

# %% [markdown]
# A pool opens a connection when all that it has are busy at that moment, and keeps it: twenty
# processes have opened one each. After the first flash sale all ninety-seven slots are taken *and
# stay taken*, nearly all idle, by the processes that happened to be busy first. The next sale finds
# others busy, and they are refused:

# %%
flash = both.series.query("platform == 'compose' and 895 <= t_s <= 985")
figure, (top, bottom) = plt.subplots(2, 1, figsize=(9, 5), sharex=True)
top.step(flash.t_s - 900, flash.connections, where="post", color="#0072B2", label="open")
top.axhline(97, color="black", lw=1, label="slots")
top.step(flash.t_s - 900, flash.in_flight, where="post", color="#E69F00", label="requests inside")
top.set(ylabel="connections, requests", ylim=(0, 130), title="The first two flash sales, Compose")
top.legend(loc="upper center", ncols=3, frameon=False)
failed = flash.requests_db_refused
bottom.bar(flash.t_s - 900, flash.requests_arrived, width=1, color="#cccccc", label="arrived")
bottom.bar(flash.t_s - 900, failed, width=1, color="#D55E00", label="no slot: SQLSTATE 53300")
bottom.set(xlabel="seconds after minute 15", ylabel="requests/s")
bottom.legend(loc="upper center", frameon=False)
for axes in (top, bottom):
    axes.spines[["top", "right"]].set_visible(False)

# %% tags=["check"]
later = both.series.query("platform == 'compose' and 940 <= t_s < 955")
assert later.connections.min() >= 90
assert later.in_flight.mean() < 5

# %% [markdown]
# ## 3. The other kind of pool
#
# Some libraries open the whole pool when the process starts, and end the process if that fails.
# `connection_limits:eager` grows from 4 + 4 to 10 + 10 processes at minute 15, in ordinary
# traffic. **Predict**: what do users see?

# %%
eager = sim.compare("connection_limits:eager", ["compose", "kubernetes"], seed=1)
eager.figures.loc[FIGURES].round(3)

# %% tags=["check"]
assert eager.figures.loc["availability"].min() > 0.99
assert eager.figures.loc["connections.containers_refused"].min() >= 10
refused = eager.figures.loc["connections.containers_refused"]
assert refused.kubernetes > refused.compose

# %% [markdown]
# Almost nothing. Who is inside keeps the seat; the new processes stand at the door. Compose tries
# once and leaves them dead, Kubernetes sends them back to the queue for ever (CrashLoopBackOff).
# Lazy pools fail request by request, eager pools process by process.
#
# ## 4. How large should a pool be?
#
# Larger pools, so that nobody waits for a connection? Or smaller ones, so that all get in?
# **Predict** where the errors are fewest: 2, 4, 8, 16?


# %%
def pools(size: int, patience: str = "2s") -> sim.Result:
    """Compose with pools of `size`; a request waits `patience` for a free connection."""
    settings = {
        "stack.services.http.database.pool": size,
        "stack.services.worker.database.pool": size,
        "stack.services.http.database.checkout_timeout": patience,
    }
    return sim.run("connection_limits", "compose", seed=1, settings=settings)


sizes = {size: pools(size).figures.compose for size in (2, 4, 6, 8, 10, 16)}
swept = pd.DataFrame(sizes).T.rename_axis("pool")
columns = ["requests.failed.db_refused", "requests.failed.pool_timeout"]
bars = swept[columns].plot.bar(
    stacked=True, color=["#D55E00", "#E69F00"], figsize=(9, 3.5), rot=0, ylabel="failed requests"
)
bars.legend(["no slot in the database", "no free connection in the pool"], frameon=False)
bars.set_title("Too small and the pool refuses, too large and the database does")
bars.spines[["top", "right"]].set_visible(False)

# %% tags=["check"]
total = swept[columns].sum(axis=1)
assert total.idxmin() == 8
assert swept.loc[16, "requests.failed.db_refused"] > swept.loc[10, "requests.failed.db_refused"]
assert swept.loc[4, "requests.failed.db_refused"] == 0

# %% [markdown]
# Too large fails at the database, too small in front of one's own pool. At eight the two meet, and
# there are still errors: seven cores of work do not fit into four, however they are seated. What
# is left is to *wait*. Three seconds of flash sale are five seconds of work; after two seconds the
# pool gives up.
#
# ## 5. Change one number
#
# A pool of four, and its patience from two seconds to eight (users have ten). **Predict**: failed
# requests? And the slowest answers, compared with before?

# %%
patient = pools(4, "8s")
pooler = sim.run("connection_limits:pooler", "compose", seed=1)
pd.DataFrame({
    "pool of 10, 2 s": both.figures.compose,
    "pool of 4, 2 s": sizes[4],
    "pool of 4, 8 s": patient.figures.compose,
    "PgBouncer": pooler.figures.compose,
}).loc[FIGURES].round(3)  # fmt: skip

# %% tags=["check"]
assert patient.figures.compose["availability"] > 0.999
assert pooler.figures.compose["availability"] > 0.999
assert patient.figures.compose["latency_s.p99"] < both.figures.compose["latency_s.p99"] + 0.5
assert patient.figures.compose["connections.peak"] < 60

# %% [markdown]
# **The answer.** It fails for whoever asks last, on every platform alike, and minutes after the
# cause: the sum of all pools' busiest moments is more than the slots. More connections never made
# the database faster. Fewer of them and some patience, and nobody is refused; nobody's answer
# comes later, either, because the work was waiting all the same. PgBouncer does it without asking
# each service.
#
# **One number to change:** in the last cell, `pools(4, "8s")`: how small may the pool be with
# eight seconds of patience? What breaks first below that? Then the arithmetic for your own shop:
# processes times pool, at the largest that your autoscaler may make it, against `max_connections`.
