"""``bindstatechange`` (SPEC 1): every event goes to a handler, a Python callable or an HTTP receiver.

Both read the event log behind what they have handled, in threads of their own. So nothing is kept in memory for a slow
handler, and none can hold up the push.
"""
