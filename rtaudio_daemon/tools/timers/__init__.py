"""Timers, alarms and reminders: when they end, and how they outlive the process."""
