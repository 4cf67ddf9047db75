"""Who can know which key: a model of attackers, told from the definitions, and histories to try it on."""
