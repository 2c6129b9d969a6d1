"""What predictions are worth: metrics, intervals, comparisons, calibration, slices and figures."""
