"""The version, alone in its module so that packaging can read it without importing anything."""

VERSION = "0.2.0"
