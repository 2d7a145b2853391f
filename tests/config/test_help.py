"""What ``--help`` says of settings: defaults as a config would write them."""

from avssl.config.command import explain


def test_defaults_are_values_whatever_constants_and_calls_the_source_names():
    shown = explain("avssl.features.neighbours", "find_neighbours", "", None)
    assert "export (default 'encoder')" in shown and "layer (default 'output')" in shown
    assert "layers (default ('output',))" in explain("avssl.features.command", "extract_features", "", None)
    assert "runs (default 'runs')" in explain("avssl.inference.embeddings", "embed", "", None)
