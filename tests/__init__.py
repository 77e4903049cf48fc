"""ENGINE: of tests that are about the model, not about an engine.

Outcomes are equal to the last bit (dataplane/test_twins.py, test_engines.py), and the compiled one
is quicker. SIM_TEST_ENGINE=reference runs them on the definition instead.

EACH: of a product of variants with platforms or engines, the slow tests take every third one;
SIM_TEST_EACH=1 takes all of them, which is for a release.
"""

import os

ENGINE = os.environ.get("SIM_TEST_ENGINE", "compiled")
EACH = int(os.environ.get("SIM_TEST_EACH", "3"))
