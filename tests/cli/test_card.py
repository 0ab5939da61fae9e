import shutil

import numpy as np

from topicforge import TopicModel, load


def test_card_has_topics_parts_and_training(run, model):
    ran = run("card", model, "--top", 3)
    assert ran.code == 0
    card = ran.out
    assert card.startswith("---\nlibrary_name: topicforge\ntags:\n- topic-modeling\n")
    assert card.count("\n---\n") == 1
    assert "# MODEL" in card
    lines = card.splitlines()
    start = lines.index("| topic | label | share | words |") + 2
    for k, words in enumerate(load(model).topics(3)):
        cells = lines[start + k].strip("| ").split(" | ")
        assert cells[0] == str(k)
        assert cells[3] == " ".join(words)
        assert cells[2].endswith("%")
    assert "| encoder | spectral | topicforge " in card
    assert "| seed | 0 |" in card
    assert "The last of 3 epochs" in card


def test_words_are_no_markup(run, tmp_path):
    words = ["<b>", "a|b", "`c`", "*d*", "[e](f)", "&"]
    counts = np.random.default_rng(0).poisson(1.0, (20, 6)).astype(np.float32)
    model = TopicModel("nvdm-gsm", n_topics=2, epochs=1, seed=0, vocabulary=words)
    model.fit(counts).save(tmp_path / "odd_name")
    card = run("card", tmp_path / "odd_name").out
    row = next(line for line in card.splitlines() if line.startswith("| 0 |"))
    for shown in ("&lt;b&gt;", r"a\|b", r"\`c\`", r"\*d\*", r"\[e\]\(f\)", "&amp;"):
        assert shown in row
    assert r"# odd\_name" in card
    assert "model.transform(counts" in card


def test_a_folder_with_its_card_opens(run, model, tmp_path):
    folder = tmp_path / "repository"
    shutil.copytree(model, folder)
    (folder / "README.md").write_text(run("card", folder).out)
    assert load(folder).topics(3) == load(model).topics(3)
