
m"
other text: too long