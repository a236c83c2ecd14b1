")
$
sessionºthe server goes down Ü