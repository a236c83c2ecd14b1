"

networkÏnew 