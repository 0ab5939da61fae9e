"""Theta by engines that spread a data frame over workers, equal to transform bit for bit."""

import pickle
import warnings

import numpy as np
import pytest

from topicforge import ThetaMapper, TopicModel
from topicforge.errors import InputError, ModelFileError
from topicforge.estimator import mapper as module

pd = pytest.importorskip("pandas", reason="needs the extra test")

TEXTS = ["cats and dogs play together", "stars and moons shine together", "dogs chase cats", ""] * 9
K = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mapped") / "model"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of empty documents, which are meant
        TopicModel("nvdm-gsm", n_topics=K, epochs=2, seed=0).fit(TEXTS).save(folder)
    return folder


@pytest.fixture(scope="module")
def theta(folder):
    from topicforge import load

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load(folder, device="cpu").transform(TEXTS)


@pytest.fixture
def frame():
    return pd.DataFrame({"id": range(len(TEXTS)), "text": TEXTS})


@pytest.fixture
def mapper(folder):
    return ThetaMapper(folder, "text")


def check(found, theta):
    found = found.sort_values("id")
    assert list(found["text"]) == TEXTS
    columns = [f"theta_{k}" for k in range(K)]
    np.testing.assert_array_equal(found[columns].to_numpy(dtype=np.float32), theta)


def test_one_frame_and_an_iterator_of_frames(mapper, frame, theta):
    assert mapper.columns == ["theta_0", "theta_1", "theta_2"]
    check(mapper(frame), theta)
    pieces = [frame[:1], frame[1:1], frame[1:20], frame[20:]]
    mapped = list(mapper(iter(pieces)))
    assert [len(one) for one in mapped] == [1, 0, 19, 16]
    assert set(mapped[1].dtypes[mapper.columns]) == {np.dtype("float32")}
    check(pd.concat(mapped), theta)


def test_the_model_is_not_pickled_and_opened_once(mapper, frame, monkeypatch):
    opened = []
    load = module.load
    monkeypatch.setattr(module, "load", lambda *a, **b: opened.append(a) or load(*a, **b))
    module._opened.cache_clear()
    sent = pickle.dumps(mapper)
    assert len(sent) < 1000
    for _ in range(3):
        pickle.loads(sent)(frame)
    assert len(opened) == 1


def test_what_it_refuses(mapper, frame, tmp_path):
    with pytest.raises(InputError, match="must have a column 'text'"):
        mapper(frame[["id"]])
    with pytest.raises(InputError, match="none called 'theta_0'"):
        mapper(mapper(frame))
    with pytest.raises(InputError, match="every document must be a text, but document 0"):
        mapper(frame.assign(text=[7, *TEXTS[1:]]))
    with pytest.raises(ModelFileError):
        ThetaMapper(tmp_path, "text")(frame)


@pytest.mark.filterwarnings("ignore")  # engines warn of their own doings
@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_dask(scheduler, mapper, frame, theta):
    dd = pytest.importorskip("dask.dataframe", reason="needs dask[dataframe]")
    parts = dd.from_pandas(frame, npartitions=3)
    mapped = parts.map_partitions(mapper, meta=mapper(frame[:0]))
    check(mapped.compute(scheduler=scheduler, num_workers=2), theta)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ray_data(mapper, frame, theta):
    ray = pytest.importorskip("ray", reason="needs ray[data]")
    data = pytest.importorskip("ray.data", reason="needs ray[data]")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        parts = data.from_pandas(frame).repartition(3)
        mapped = parts.map_batches(mapper, batch_format="pandas", batch_size=10)
        check(mapped.to_pandas(), theta)
    finally:
        ray.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_spark(mapper, frame, theta):
    sql = pytest.importorskip("pyspark.sql", reason="needs pyspark")
    from pyspark.sql.types import FloatType, StructField, StructType

    builder = sql.SparkSession.builder.master("local[2]")
    spark = builder.config("spark.ui.enabled", "false").getOrCreate()
    try:
        given = spark.createDataFrame(frame.to_dict("records"), schema="id long, text string")
        added = [StructField(name, FloatType()) for name in mapper.columns]
        schema = StructType([*given.schema.fields, *added])
        rows = given.repartition(3).mapInPandas(mapper, schema).collect()
        check(pd.DataFrame([row.asDict() for row in rows]), theta)
    finally:
        spark.stop()
