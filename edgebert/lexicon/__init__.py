"""A vector for every character or word that occurs in texts."""

from edgebert.lexicon.collect import Collector
from edgebert.lexicon.sources import ContextualSource, TableSource, VectorSource
from edgebert.lexicon.table import Lexicon
from edgebert.lexicon.units import Unit

__all__ = ["Collector", "ContextualSource", "Lexicon", "TableSource", "Unit", "VectorSource"]
