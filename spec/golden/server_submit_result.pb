o
$0190a1b2-c3d4-7000-8000-000000000001ğğÍ¦‹,
bob ğğÍ¦‹,0
nobody&

capabilityĞthere is no such user