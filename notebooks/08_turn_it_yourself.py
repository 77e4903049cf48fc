# %% [markdown]
# # Turn it yourself
#
# **The question.** Four minutes of a dead shop: how much of it is you, and how much is the machine?
# Here you are the operator. Move a slider, and the same morning is played again.
#
# Words with a meaning of their own are in the [glossary](../docs/glossary.md).

# %%
import ipywidgets as widgets
from matplotlib.figure import Figure

import sim

# %% [markdown]
# ## 1. A run that stands still
#
# A `Session` goes on only as far as you say. This one stands at minute 4; at minute 5 somebody
# kills the API, and Docker does not start again what a person has killed.

# %%
morning = sim.Session("container_crash", platform="compose", seed=1)
morning.advance("4m")
view = morning.look()
[(each["name"], each["state"]) for each in view["containers"]], view["gauge"]["succeeded"]

# %% [markdown]
# ## 2. The same morning, and you
#
# A fork is the same run from there on: the same visitors, the same luck. In it the visitors may
# come faster, and you begin to act so many seconds after the kill.


# %%
def played(seconds: int, visitors: int) -> sim.Result:
    """The morning up to minute 12."""
    twin = morning.fork()
    twin.do({"traffic": {"rate": f"{visitors}/s"}})
    twin.advance(300 + seconds)
    twin.do({"start": {}})  # docker compose up -d
    twin.finish(at="12m")
    return twin.result()


def told(result: sim.Result) -> str:
    figures = result.summary["platforms"]["compose"]
    failed = sum(figures["requests"]["failed"].values())
    return f"closed for {figures['downtime_s']:.0f} s, {failed:,} visitors sent away"


told(played(60, 4))

# %% [markdown]
# **Predict**: you begin a minute earlier, as soon as the container is dead. How long is the shop
# closed?

# %%
told(played(0, 4))

# %% tags=["check"]
closed = [played(s, 4).summary["platforms"]["compose"]["downtime_s"] for s in (0, 60, 120)]
assert closed[1] - closed[0] == closed[2] - closed[1] == 60
assert 30 < closed[0] < 80

# %% [markdown]
# Not nothing: you log in, you look, you type, and the process boots. That part is the same however
# quick you are, and a machine would not need most of it.
#
# ## 3. The sliders
#
# They wait until you let go. Each position is played from minute 4 on, which takes about a second.


# %%
def look(seconds: int, visitors: int) -> Figure:
    """What you see of one position of the sliders."""
    result = played(seconds, visitors)
    print(told(result))
    return result.plot()


widgets.interactive(
    look,
    seconds=widgets.IntSlider(60, 0, 240, 10, description="you begin", continuous_update=False),
    visitors=widgets.IntSlider(4, 1, 16, description="a second", continuous_update=False),
)

# %% [markdown]
# (Sliders move something only where somebody runs the notebook.) One picture that stays:

# %%
look(60, 4)

# %% [markdown]
# ## 4. Questions
#
# - With 16 visitors a second: is the shop closed for longer, or do more stand before it?
# - From which second on does it not matter whether you act? (Somebody else is paged, too.)
# - What would one line of the Compose file do? Give the first cell
#   `settings={"stack.services.http.restart": "always"}`, once with `container_crash`, once with
#   `container_crash:process_crash`.
