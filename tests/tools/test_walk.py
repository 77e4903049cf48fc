"""What is walked through: the commands of a page, in their order."""

from tools.walk import ROOT, commands


def test_the_commands_of_the_plan():
    found = commands((ROOT / "docs" / "workshop" / "plan.md").read_text("utf-8"))
    assert found[:2] == [
        f"python -m sim challenge 1 --{word} my.yaml" for word in ("start", "check")
    ]
    assert "python -m sim quiz sick_container" in found


def test_what_is_no_command_of_ours_is_left_out():
    page = "```sh\nls\npython -m sim list  # all\n```\n\n```\npython -m sim table\n```\n"
    assert commands(page) == ["python -m sim list"]
