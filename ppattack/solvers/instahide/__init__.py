"""InstaHide without training: whitened statistics, expectation-maximisation, natural images."""
