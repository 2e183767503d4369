"""One frozen Settings, validated at start and read once; what is done with it is decided in `dialer.bootstrap`."""

from dialer.settings.reading import load_settings
from dialer.settings.sample import SAMPLE_TOML, write_sample
from dialer.settings.shape import (
    BatchCallSettings,
    InspraSettings,
    OutboundCallsSettings,
    PluginSettings,
    ProviderSettings,
    Settings,
    TimingSettings,
    fingerprint,
)
from dialer.settings.sources import configuration_path, is_debugging, named_configuration

__all__ = [
    "SAMPLE_TOML",
    "BatchCallSettings",
    "InspraSettings",
    "OutboundCallsSettings",
    "PluginSettings",
    "ProviderSettings",
    "Settings",
    "TimingSettings",
    "configuration_path",
    "fingerprint",
    "is_debugging",
    "load_settings",
    "named_configuration",
    "write_sample",
]
