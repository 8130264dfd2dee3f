"""The api room is the window through which home tools see and steer the daemon.

It refuses to know of devices and of the service: it is handed an object with the few verbs it
needs.
"""
