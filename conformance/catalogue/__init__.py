"""Spec folders for people: list, explain, lint."""
