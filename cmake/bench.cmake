# bench/*.c: programs that print figures; built by `make bench` only.
