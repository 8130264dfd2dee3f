"""MQTT: the daemon as a device of the home, visible and controllable through a broker."""
