"""When does which command run by itself? Pure functions: jobs in, units of systemd or a crontab out."""
