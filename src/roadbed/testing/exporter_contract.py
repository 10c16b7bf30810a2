"""What every exporter promises, as tests that each adapter runs."""

from io import BytesIO
from typing import Any

import pytest

from roadbed.core.errors import Invalid
from roadbed.registry.exporter import Exporter
from roadbed.registry.recognise import recognise


class ExporterContract:
    """Subclass me with these fixtures.

    - `exporter`: the exporter.
    - `fitted`: a trained classifier and its example rows, as a pair.
    - `unfitted`: a model that was never trained.
    """

    def test_the_artifact_is_whole_and_repeats(
        self, exporter: Exporter, fitted: tuple[Any, Any]
    ) -> None:
        """The same model gives the same bytes, whole and of the format that is said."""
        first, second = exporter.export(*fitted), exporter.export(*fitted)

        assert first.artifact == second.artifact
        assert recognise(BytesIO(first.artifact), ours=True) == first.format

    def test_what_is_exported_agrees_with_the_original(
        self, exporter: Exporter, fitted: tuple[Any, Any]
    ) -> None:
        """Parity was measured on every row of the example."""
        parity = exporter.export(*fitted).parity

        assert parity.rows == len(fitted[1])
        assert parity.flips == 0
        assert parity.difference <= parity.tolerance <= 1e-4

    def test_the_signature_is_one_row_of_features_to_a_label(
        self, exporter: Exporter, fitted: tuple[Any, Any]
    ) -> None:
        """Callers learn from it what to send."""
        exported = exporter.export(*fitted)
        (taken,) = exported.inputs

        assert taken.name == "input"
        assert taken.datatype in ("FP32", "FP64")
        assert taken.shape == (-1, len(exported.features))
        assert len(exported.reference) == len(exported.features)
        assert [spec.name for spec in exported.outputs] == ["label", "probabilities"]

    def test_a_model_that_was_never_trained_is_refused(
        self, exporter: Exporter, unfitted: Any, fitted: tuple[Any, Any]
    ) -> None:
        """There is nothing to serve."""
        with pytest.raises(Invalid):
            exporter.export(unfitted, fitted[1])

    @pytest.mark.parametrize("example", [[], [[]], [["x"]], None])
    def test_an_example_that_is_no_rows_is_refused(
        self, exporter: Exporter, fitted: tuple[Any, Any], example: Any
    ) -> None:
        """Without rows, nothing can be compared."""
        with pytest.raises(Invalid):
            exporter.export(fitted[0], example)
