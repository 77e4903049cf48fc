# %% [markdown]
# # A tour in ten minutes
#
# **The question.** One API, one worker, PostgreSQL, Redis. A shop of four requests a second. At
# minute five somebody types `docker kill` and the API container is gone. Who starts it again, and
# what has it cost until then?
#
# We play it twice, with the very same users: once under Docker Compose on one server, once under
# Kubernetes on three. Each section asks you something **before** it runs. Write your guess down.
#
# Words with a meaning of their own are in the [glossary](../docs/glossary.md).

# %%
import sim

# %% [markdown]
# ## 1. What is there
#
# A *scenario* is data: traffic, and what goes wrong when. A *platform* is ten choices; what it
# leaves empty, a person does.

# %%
sim.list_scenarios(), sim.list_platforms()

# %%
scenario = sim.load_scenario("container_crash")
print(scenario.lesson)
for event in scenario.events:
    print(f"at {event.at:g} s: {event.kind()}")

# %% [markdown]
# ## 2. Predict
#
# - How long are users without the shop under Compose? What is that time made of?
# - How many requests fail under Kubernetes: none, a handful, hundreds?
# - Does anybody get out of bed?

# %%
first = sim.compare(scenario, ["compose", "kubernetes"], seed=1)
first

# %% [markdown]
# Compose: the process was dead at once, and a dead process *refuses*: users get their error in a
# millisecond. Everything after that is people: monitoring notices, the pager rings, somebody
# acknowledges, logs in, looks, types one command. Kubernetes started it again after half a second,
# and two other replicas served meanwhile. It lost a handful of requests all the same: what was
# inside the process, and what was sent there before every server had learned that it was gone.

# %% tags=["check"]
people, machine = (first.summary["platforms"][name] for name in ("compose", "kubernetes"))
assert 120 < people["downtime_s"] < 600
assert people["requests"]["failed"]["refused"] > 0.9 * sum(people["requests"]["failed"].values())
assert machine["detect_s"] < 1
assert 0 < sum(machine["requests"]["failed"].values()) < 20
assert machine["operator"]["pages"] == 0

# %%
first.plot()

# %% [markdown]
# ## 3. Read the post-mortem
#
# The timeline says who did what. Subtract: which step was the longest?

# %%
print(first.story())

# %% [markdown]
# ## 4. Look behind the averages
#
# `series` has one row a second. The worker, the database and the queue were healthy all the time -
# how many jobs did they get to do while the API was away?

# %%
series = first.series
down = series[(series.t_s >= 300) & (series.t_s < 540)]
down.groupby("platform")[["requests_arrived", "requests_succeeded", "jobs_enqueued"]].sum()

# %% [markdown]
# ## 5. Change one number
#
# "Put `restart: always` into the file." **Predict**: how long is the outage now?

# %%
always = {"stack.services.http.restart": "always"}
second = sim.run("container_crash", "compose", seed=1, settings=always)
print(first.figures.compose["downtime_s"], "s before")
print(second.figures.compose["downtime_s"], "s with restart: always")

# %% tags=["check"]
assert second.figures.compose["downtime_s"] == first.figures.compose["downtime_s"]

# %% [markdown]
# Nothing changed. `docker kill` counts as a manual stop, and Docker does not restart what somebody
# stopped. The article's demonstration is the one failure that no restart policy covers. A process
# that crashes by itself is another matter:

# %%
crash = sim.run("container_crash:process_crash", "compose", seed=1, settings=always)
print(crash.figures.compose["downtime_s"], "s after a crash, with restart: always")
print(crash.story())

# %% tags=["check"]
assert crash.figures.compose["downtime_s"] < 30

# %% [markdown]
# ## 6. Was it luck?
#
# One seed is one night. Ten seeds are ten nights; both platforms meet the same users in each.
# **Predict**: how much does Compose's downtime vary from night to night, and why?

# %%
nights = sim.compare("container_crash", ["compose", "kubernetes"], seed=1, reps=10)
for name, found in nights.summary["platforms"].items():
    low, high = found["intervals"]["downtime_s"]
    print(f"{name:<10} {found['downtime_s']:6.1f} s down on average ({low:.0f} .. {high:.0f})")

# %%
nights.per_seed.loc["compose", "downtime_s"].round().to_dict()

# %% [markdown]
# The machine's part is the same every night. The person's is not: an alarm that comes late, a slow
# acknowledgement, and three pages in a hundred that nobody hears (none in these ten nights).

# %% tags=["check"]
assert nights.per_seed.loc["kubernetes", "downtime_s"].nunique() == 1
assert nights.per_seed.loc["compose", "downtime_s"].nunique() > 5
assert nights.per_seed.loc["compose", "downtime_s"].max() < 900

# %% [markdown]
# ## 7. Take it into your own hands
#
# A `Session` is a run that goes on only as far as you say
# ([its page](../docs/session.md)). Eight minutes in, she has been paged:

# %%
session = sim.Session("container_crash", platform="compose", seed=1)
session.advance("8m")
session.look()["operator"]

# %% [markdown]
# Now the worker dies, too. **Predict**: does she notice? And what if it dies three minutes later,
# when the shop is up again and she has closed the incident?

# %%
later = session.fork()
session.do({"operator_kill": {"service": "worker"}})
later.advance("11m")
later.do({"operator_kill": {"service": "worker"}})
for each in (session, later):
    each.advance("20m")
    rows = [row for row in each.look()["since"]["timeline"] if row["t_s"] >= 480]
    print(*(f"{row['t_s']:7.1f} s  {row['text']}" for row in rows), "", sep="\n")

# %%
for each in (session, later):
    found = each.result().summary["platforms"]["compose"]
    print(found["downtime_s"], "s down,", found["operator"]["pages"], "pages,",
          "oldest job", found["jobs"]["oldest_s"], "s")  # fmt: skip

# %% [markdown]
# In the first night she need not notice: `docker compose up -d` starts whatever is not there, and
# brings back the worker with the API. In the second nobody waits for a worker, so nobody complains;
# the queue grows until its alarm pages her, seven minutes later. Users see no difference.
# `session.rewind("8m")` takes all of it back, and what you do then happens to the very same users.

# %% tags=["check"]
one_night, two_pages = (s.result().summary["platforms"]["compose"] for s in (session, later))
assert one_night["downtime_s"] == two_pages["downtime_s"]
assert (one_night["operator"]["pages"], two_pages["operator"]["pages"]) == (1, 2)
assert one_night["jobs"]["oldest_s"] < 5
assert two_pages["jobs"]["oldest_s"] > 400
second_page = [row.t_s for row in later.finish().timeline if row.event == "page"][1]
assert 7 * 60 < second_page - 660 < 8 * 60
session.rewind("8m")
assert session.finish().timeline == sim.run("container_crash", "compose", seed=1).runs[0].timeline

# %% [markdown]
# ## Exercises
#
# 1. *Simple.* Run `container_crash:worker`. Why does nobody complain?
# 2. *Simple.* Give the operator no monitoring: `stack.operator.monitoring` is `False`.
# 3. *Moderate.* Take self-healing away from Kubernetes: `kubernetes.self_healing` is `None`. Why
#    does the downtime stay at zero? What would you have to look at to notice?
# 4. *Advanced.* Copy `scenarios/container_crash.yaml`, let all three API replicas die at once, and
#    predict both platforms before you run it by its path.
# 5. *Advanced.* Step through `container_crash` under Kubernetes with one event of your own. Which,
#    and when, hurts users longest?
