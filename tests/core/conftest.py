"""Properties are searched without a clock: a slow machine is no failure."""

from hypothesis import HealthCheck, settings

settings.register_profile("jido_nb", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
settings.load_profile("jido_nb")
