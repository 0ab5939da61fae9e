import pytest

from topicforge.corpus.folder import CORPUS
from topicforge.errors import InputError, MixError, OptionError, TopicForgeError, UnknownNameError
from topicforge.experiments.compare import read_plan
from topicforge.storage import write_manifest

FAST = 'n_topics = 3\n[compositions.fast]\npreset = "nvdm-gsm"\nepochs = 1\n'


def test_every_cell_once_and_everything_before_the_second_seed(study):
    text = "n_topics = [2, 3]\nseeds = [0, 5]\n[compositions.default]\n[compositions.etm]\npreset='etm'"
    cells = read_plan(study(text, both=True)).cells()
    assert len({cell.key for cell in cells}) == len(cells) == 2 * 2 * 2 * 2
    assert [cell.seed for cell in cells] == [0] * 8 + [5] * 8


def test_settings_are_written_as_for_train(study):
    text = "[compositions.mine]\nencoder='mlp'\n[compositions.mine.prior]\n"
    text += "name='dirichlet'\nconcentration=0.2"
    assert read_plan(study(text)).compositions["mine"] == {
        "encoder": "mlp", "prior": "dirichlet", "prior__concentration": 0.2,
    }  # fmt: skip


def test_a_grid_is_every_mix_that_fits(study):
    text = "[grid]\nencoder=['mlp','mlp-point']\ndivergence=['kl','mmd']\nepochs=1"
    plan = read_plan(study(text))
    assert set(plan.compositions) == {"mlp+kl", "mlp+mmd", "mlp-point+mmd"}
    assert all(settings["epochs"] == 1 for settings in plan.compositions.values())
    assert "no density" in plan.impossible["mlp-point+kl"]


def test_a_cell_is_another_one_when_anything_behind_it_changes(study, corpora):
    def keys(text):
        return {cell.key for cell in read_plan(study(text)).cells()}

    before = keys(FAST)
    assert keys(FAST) == before
    assert not before & keys(FAST.replace("epochs = 1", "epochs = 2"))
    assert not before & keys(f"metrics = ['td']\n{FAST}")
    (corpora / "first-train").rename(corpora / "kept")
    (corpora / "second-train").rename(corpora / "first-train")
    assert not before & keys(FAST)


@pytest.mark.parametrize(
    ("text", "error", "match"),
    [
        ("", InputError, "nothing to compare"),
        ("seed = [1]\n" + FAST, UnknownNameError, "no key 'seed'.*seeds"),
        ("n_topics = [0]\n" + FAST[13:], OptionError, "n_topics must be a whole number from 1"),
        ("seeds = [true]\n" + FAST, OptionError, "seeds must be a whole number"),
        ("metrics = ['npmj']\n" + FAST, UnknownNameError, "no metric is called 'npmj'.*npmi"),
        ("metrics = 'npmi'\n" + FAST, InputError, "metrics must be a list of names"),
        ("[compositions.a]\npreset='w-lba'", UnknownNameError, "compositions.a: .*w-lda"),
        ("[compositions.a]\nencoder='mlp-point'\ndivergence='kl'", MixError, "compositions.a: "),
        ("[compositions.a]\nepoch=1", TopicForgeError, "compositions.a: .*epoch"),
        ("[compositions.a]\nseed=1", InputError, "seed is the study's to decide"),
        ("[compositions.'a/b']", InputError, "can't hold /"),
        ("[grid]\nencoder='mlp'", InputError, "a list of names for at least one"),
        ("[grid]\nencoder=['mlp', 'mlq']", UnknownNameError, "mlq"),
        ("[compositions.lda]\n[peers.lda]\ntopics='x'", InputError, "'lda' is the name of two"),
        ("[peers.lda]\ntheta='x'", InputError, "topics = "),
        ("[peers.lda]\ntopics='{k}'", InputError, "placeholders are"),
        ("not toml", InputError, "can't be read as TOML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_before_anything_runs(study, text, error, match):
    with pytest.raises(error, match=match):
        read_plan(study(text))


def test_corpora_must_be_there_and_have_the_same_words(study, corpora):
    path = study(FAST)
    text = path.read_text().replace("first-test", "elsewhere")
    path.write_text(text)
    with pytest.raises(InputError, match="elsewhere"):
        read_plan(path)
    words = corpora / "first-test" / "vocabulary.txt"
    lines = words.read_text().splitlines()
    words.write_text("\n".join([lines[1], lines[0], *lines[2:]]) + "\n")
    write_manifest(words.parent, CORPUS)
    path.write_text(text.replace("elsewhere", "first-test"))
    with pytest.raises(InputError, match="same words in the same columns"):
        read_plan(path)
