"""What only a whole process shows: nothing loaded early, clean output, a real Ctrl-C, one registry."""

import json
import signal
import subprocess
import sys


def test_import_topicforge_is_light(site):
    site.add("loud", "raise RuntimeError('a plugin was imported')")
    done = site.python(
        """
        import sys
        import topicforge
        heavy = ("torch", "numpy", "scipy", "sklearn", "pluggy", "loud_module")
        print([name for name in heavy if name in sys.modules], topicforge.__version__)
        """
    )
    assert done.stderr == ""
    assert done.stdout == "[] 0.1.0\n"


def test_a_crowd_of_bad_plugins(site, prior):
    """Each kind of trouble at once: one warning on stderr, valid JSON on stdout, exit code 0."""
    site.add("exits", "import sys\nprint('bye')\nsys.exit(0)")
    site.add("prints", "print('{not json')\n" + prior("printed"))
    site.add("misspelt", "@hookimpl\ndef topicforge_registr(register): pass")
    site.add("early", "import topicforge.registry as r\nr.default_registry()")
    site.add("raises", "raise RuntimeError('no')")
    done = site.python(
        """
        import threading
        from topicforge.registry import default_registry
        from topicforge.registry.report import report_json
        found = []
        threads = [threading.Thread(target=lambda: found.append(default_registry())) for _ in range(3)]
        [t.start() for t in threads]; [t.join() for t in threads]
        assert len(found) == 3 and len(set(map(id, found))) == 1, found
        print(report_json(default_registry()))
        """
    )
    assert done.returncode == 0, done.stderr
    rows = {row["distribution"]: row for row in json.loads(done.stdout)["plugins"]}
    # packages that happen to be installed beside the tests are there too
    assert {name: rows[name]["status"] for name in ("topicforge", *site.added)} == {
        "topicforge": "loaded",
        "early": "broken",
        "exits": "broken",
        "misspelt": "broken",
        "prints": "loaded",
        "raises": "broken",
    }
    assert rows["exits"]["output"] == "bye\n"
    assert "asked for the registry while it was being loaded" in rows["early"]["error"]
    assert done.stderr.count("PluginWarning") == 1
    for name in ("early", "exits", "misspelt", "raises"):
        assert f"{name}:{name} 1.0" in done.stderr


def test_strict_from_the_environment(site):
    site.add("raises", "raise RuntimeError('no')")
    done = site.python(
        "import topicforge; topicforge.list_components('prior')",
        environment={"TOPICFORGE_PLUGINS_STRICT": "1"},
    )
    assert done.returncode == 1
    assert "PluginError: TOPICFORGE_PLUGINS_STRICT is set" in done.stderr


def test_a_real_ctrl_c_stops_the_process(site):
    site.add(
        "slow", "import sys, time\nprint('sleeping', file=sys.stderr, flush=True)\ntime.sleep(60)"
    )
    running = subprocess.Popen(
        # a shell that starts this run in the background hands on an ignored SIGINT
        [
            sys.executable,
            "-c",
            "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            "import topicforge; topicforge.list_components()",
        ],
        env=site.environment(),
        cwd=site.folder,
        stderr=subprocess.PIPE,
        text=True,
    )
    with running:
        assert running.stderr.readline() == "sleeping\n"
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate()
    assert running.returncode != 0
    assert errors.rstrip().endswith("KeyboardInterrupt")
