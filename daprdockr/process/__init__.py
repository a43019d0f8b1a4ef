"""
Child processes that may outlive the agent: started in a session of their own, restarted, adopted, stopped; and files
that survive a crash whole.
"""
