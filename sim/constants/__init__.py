"""Constants with sources: what each stands for, the path that sets it, what held in a study."""
