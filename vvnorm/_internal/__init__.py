"""Helpers that have nothing to do with networks: files, threads, compiling, plug-ins, words."""
