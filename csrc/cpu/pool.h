// Threads as kernels use them: numbered tasks, and scratch memory per worker.
//
// Results must not depend on the number of threads: a task's work is fixed by the sizes alone,
// it writes where no other task writes, and sums over tasks are made afterwards in the order of
// the tasks. Which worker runs which task is left open, so that a slow core delays no other.
//
// No standard container or algorithm in here: kernels are compiled for several instruction
// sets, and an inline function of the standard library compiled with AVX-512 could be the copy
// that the linker keeps for everyone.
#pragma once

#include <cstddef>
#include <cstdint>

namespace topicforge {

struct Pool {
  int64_t threads;
  // Calls worker(context, i) for i = 0 ... workers - 1, possibly at the same time.
  void (*launch)(int64_t workers, void (*worker)(void* context, int64_t index), void* context);
  // Zeroed or not, aligned to 64 bytes; throws std::bad_alloc. Called outside of workers only.
  void* (*allocate)(size_t bytes);
  void (*release)(void* memory);
};

// Memory from the pool, given back at the end of the scope.
template <class T>
class Scratch {
 public:
  Scratch(const Pool& pool, int64_t count)
      : pool_(pool),
        data_(static_cast<T*>(pool.allocate(sizeof(T) * static_cast<size_t>(count)))) {}
  ~Scratch() { pool_.release(data_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  T* get() const { return data_; }
  T& operator[](int64_t i) const { return data_[i]; }

 private:
  const Pool& pool_;
  T* data_;
};

// task(index, scratch) for index = 0 ... tasks - 1; scratch is `per_worker` elements of T that
// no other worker uses at the same time.
template <class T, class Task>
void for_tasks(const Pool& pool, int64_t tasks, int64_t per_worker, const Task& task) {
  if (tasks <= 0) return;
  const int64_t workers = tasks < pool.threads ? tasks : pool.threads;
  per_worker = (per_worker * static_cast<int64_t>(sizeof(T)) + 63) / 64 * 64 /
               static_cast<int64_t>(sizeof(T));
  Scratch<T> memory(pool, workers * per_worker + 1);
  struct Context {
    int64_t next, tasks, per_worker;
    T* memory;
    const Task* task;
  } context{0, tasks, per_worker, memory.get(), &task};
  auto worker = [](void* pointer, int64_t index) {
    Context& c = *static_cast<Context*>(pointer);
    for (;;) {
      const int64_t i = __atomic_fetch_add(&c.next, 1, __ATOMIC_RELAXED);
      if (i >= c.tasks) return;
      (*c.task)(i, c.memory + index * c.per_worker);
    }
  };
  if (workers == 1) {
    worker(&context, 0);
  } else {
    pool.launch(workers, worker, &context);
  }
}

}  // namespace topicforge
