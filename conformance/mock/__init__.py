"""The local platform: the services of the cookbooks on loopback, as independent of the suites as a real one."""
