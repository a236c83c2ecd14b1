"
d.e.f