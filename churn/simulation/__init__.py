"""A subscription business whose true churn probabilities are known. Pure functions of a seed."""
