"""The console: pages for admins, supervisors, privacy officers and auditors."""
