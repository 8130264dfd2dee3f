"""MQTT: the daemon as a device of the home, seen and controlled through a broker."""
