"""How well the program does on films whose answers somebody knows: validation on a site's own labelled films."""
