#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

namespace edgebert::engine {

/// Threads that work on one job together and sleep between jobs. The caller of `run` is member 0.
class Team {
  public:
    using Work = void (*)(void *job, std::size_t member);

    /// Throws std::system_error when a thread cannot start.
    explicit Team(std::size_t size);
    ~Team();
    Team(const Team &) = delete;
    Team &operator=(const Team &) = delete;

    std::size_t size() const { return threads_.size() + 1; }

    /// Calls `work(job, member)` for the members 0 to active - 1, each in its thread, and waits for them all.
    void run(Work work, void *job, std::size_t active);

    /// Waits until every active member is here. Every member must call it equally often in a job.
    void meet();

  private:
    void serve(std::size_t member);
    void stop();

    std::mutex mutex_;
    std::condition_variable wake_, met_;
    std::vector<std::thread> threads_;
    Work work_ = nullptr;
    void *job_ = nullptr;
    std::size_t active_ = 0, waiting_ = 0;
    unsigned long jobs_ = 0, meetings_ = 0;
    bool stopping_ = false;
};

} // namespace edgebert::engine
