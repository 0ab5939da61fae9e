"""From raw Chinese texts to the report, by the commands of the documentation."""

import json
import re

import pytest

from topicforge.cli import main

pytest.importorskip("plotly", reason="needs the extra plot")
pytest.importorskip("jieba", reason="needs the extra zh")

TEXTS = [
    "昨晚的足球比赛非常精彩，主队前锋在下半场连进两球，球迷欢呼庆祝胜利。",
    "教练认为球队的防守还需要加强，门将扑出点球，帮助球队赢得比赛。",
    "联赛冠军属于主队，球员们高举奖杯，球迷在体育场外庆祝冠军。",
    "前锋受伤缺席比赛，教练派出年轻球员，球队仍然拿下胜利。",
    "先把洋葱和大蒜切碎，锅里放油炒香，再加入番茄煮成浓汤。",
    "这道菜需要酱油、糖和生姜，小火炖煮一小时，味道鲜美。",
    "把面粉和鸡蛋揉成面团，擀成面条，放入锅里煮熟，加入酱油。",
    "厨师推荐番茄鸡蛋面，洋葱炒香以后放入番茄，味道酸甜。",
]


# jieba's own, of a module that Python has moved
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_from_raw_text_to_the_report(tmp_path):
    def command(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        assert ended.value.code == 0, arguments

    texts = tmp_path / "texts.txt"
    texts.write_text("".join(f"{text}\n" for text in TEXTS * 10), encoding="utf-8")
    corpus, model, output = tmp_path / "CORPUS", tmp_path / "MODEL", tmp_path / "report.html"
    command("corpus", "build", texts, "--language", "zh", "--output", corpus)
    command("train", corpus, "--n-topics", 2, "--epochs", 60, "--output", model)
    command(
        "report",
        model,
        "--corpus",
        corpus,
        "--texts",
        texts,
        "--language",
        "zh",
        "--output",
        output,
    )
    page = output.read_text(encoding="utf-8")
    assert '<html lang="zh-Hans">' in page
    assert "主题地图" in page
    data = json.loads(re.search('id="data">(.*?)</script>', page)[1])
    assert data["documents"]["text"][0] == TEXTS[0]
    sport, food = "比赛", "番茄"
    tops = [{*row["words"]} for row in data["topics"]]
    assert sorted((sport in top, food in top) for top in tops) == [(False, True), (True, False)]
    # texts of the same subject belong to the same topic
    largest = [topics[0] for topics in data["documents"]["topics"]]
    subject = [n % 8 < 4 for n in data["documents"]["number"]]
    assert len(set(zip(largest, subject, strict=True))) == 2
