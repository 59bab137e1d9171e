"""The four functions of contact sync: plan, process, report and the initial sync."""
