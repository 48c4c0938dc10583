#include "team.h"

namespace edgebert::engine {

Team::Team(std::size_t size) {
    threads_.reserve(size - 1);
    try {
        for (std::size_t member = 1; member < size; ++member)
            threads_.emplace_back([this, member] { serve(member); });
    } catch (...) {
        stop();
        throw;
    }
}

Team::~Team() { stop(); }

void Team::stop() {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread &thread : threads_)
        thread.join();
}

void Team::run(Work work, void *job, std::size_t active) {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        work_ = work;
        job_ = job;
        active_ = active;
        ++jobs_;
    }
    if (active > 1) wake_.notify_all();
    work(job, 0);
    meet();
}

void Team::meet() {
    if (active_ == 1) return;
    std::unique_lock<std::mutex> lock(mutex_);
    if (++waiting_ == active_) {
        waiting_ = 0;
        ++meetings_;
        lock.unlock();
        met_.notify_all();
        return;
    }
    const unsigned long meeting = meetings_;
    met_.wait(lock, [&] { return meetings_ != meeting; });
}

void Team::serve(std::size_t member) {
    unsigned long seen = 0;
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
        wake_.wait(lock, [&] { return stopping_ || jobs_ != seen; });
        if (stopping_) return;
        seen = jobs_;
        if (member >= active_) continue;
        const Work work = work_;
        void *const job = job_;
        lock.unlock();
        work(job, member);
        meet();
        lock.lock();
    }
}

} // namespace edgebert::engine
