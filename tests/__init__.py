"""ENGINE: of tests that are about the model, not about an engine.

Outcomes are equal to the last bit (dataplane/test_twins.py, test_engines.py), and the compiled one
is quicker. SIM_TEST_ENGINE=reference runs them on the definition instead.
"""

import os

ENGINE = os.environ.get("SIM_TEST_ENGINE", "compiled")
