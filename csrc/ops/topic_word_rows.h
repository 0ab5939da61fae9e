// Rows of a softmax over all words, and the gradient of its topics.
#pragma once

#include "ops/kernels.h"

namespace topicforge {

template <class T>
struct TopicWordProblem {
  const T* weight;  // (V, E)
  const T* topic;   // (K, E)
  const int64_t* word;  // (R,) rising, below V
  int64_t V, K, E, R;
};

template <class T>
struct TopicWordRowsFunctions {
  // beta (R, K), and mean (K, E), that of all words' weights under each topic.
  void (*forward)(const TopicWordProblem<T>&, T* beta, T* mean, const Device&);
  // topic_grad (K, E), of grad (R, K) of beta; the problem's topic is not read.
  void (*backward)(
      const TopicWordProblem<T>&, const T* grad, const T* beta, const T* mean, T* topic_grad,
      const Device&);
};

TOPICFORGE_KERNELS(TopicWordRowsFunctions, topic_word_rows)

}  // namespace topicforge
