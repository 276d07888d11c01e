"""How a case asks: once, by a search that shrinks, by mutations, or by several requests at the same moment."""
