"""Why a figure changed, and whose part in it is whose: parts that add up to the whole."""
