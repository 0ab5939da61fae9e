"""TensorBoard and MLflow as callbacks of topicforge."""
