"""For instructors: build the student notebooks, mark submissions, and what else a course needs.

``python -m mlm_helpers.authoring --help`` lists the commands.
"""
