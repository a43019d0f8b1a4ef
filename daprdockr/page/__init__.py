"""The status page: what an agent knows of the cluster, as HTML for people. Values in, text out."""
