import os

# Read when great-expectations is imported; in a run `common.settings.prepare_environment` sets it.
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
