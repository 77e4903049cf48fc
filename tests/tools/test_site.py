"""The pages as mkdocs is given them: its Markdown wants more spaces than everybody else's."""

from tools.site import indented

PAGE = """\
A paragraph:
- an item
  and more of it
- code:

  ```sh
  python -m sim list
  ```

  After it.
- the last

```
  as it is
```
"""

ASKED = """\
A paragraph:

- an item
    and more of it
- code:


        python -m sim list


    After it.

- the last

```
  as it is
```
"""


def test_what_belongs_to_an_item_is_indented_by_four():
    assert "\n".join(indented(PAGE.split("\n"))) == ASKED
