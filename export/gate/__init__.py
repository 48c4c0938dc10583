"""The release gate: no bundle is written that loses more than it may, as far as the texts can tell."""
