"""The state machine of `test_state_machine.py`: who may do what, what holds, and the way out."""
