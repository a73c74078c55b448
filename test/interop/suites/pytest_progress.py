"""A plugin for pytest that writes a line for each thing that happens to a file, so that a run that hangs or dies
leaves word of how far it came. The file's name is in PYTEST_PROGRESS; kazoo.go reads it."""

import os

_file = open(os.environ["PYTEST_PROGRESS"], "a", buffering=1)


def _say(word, nodeid):
    _file.write("%s %s\n" % (word, nodeid))


def pytest_collection_finish(session):
    for item in session.items:
        _say("FOUND", item.nodeid)


def pytest_runtest_logstart(nodeid, location):
    _say("BEGUN", nodeid)


def pytest_runtest_logreport(report):
    # One test reports up to three times: its set-up, if that is not what skips or breaks it the test, its clean-up.
    if report.failed:
        _say("FAIL", report.nodeid)
    elif report.skipped:
        _say("SKIP", report.nodeid)
    elif report.when == "call":
        _say("PASS", report.nodeid)


def pytest_runtest_logfinish(nodeid, location):
    _say("ENDED", nodeid)
