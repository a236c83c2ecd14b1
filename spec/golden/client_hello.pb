
9
a.b.cphone-1
e1ÁæüÏ¥¸Ø *parley-cpp/0.1.02x2y